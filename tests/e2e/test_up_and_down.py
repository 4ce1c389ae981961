"""``barometer up`` as a newcomer and as an operator meet it."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.stack import BAROMETER, barometer, up, wait_for


def test_a_home_keeps_its_posts_and_its_key_over_a_restart(short_home: Path) -> None:
    home = short_home / "again"
    with up(home, "--feed", "none") as first:
        first.post("/api/posts", {"posts": [{"text": "Remember me", "source": "test", "source_id": "1"}]})
        first.settled()
        first.post("/api/topics", {"name": "kept", "query": "kept"}, status=201)
    with up(home, "--feed", "none") as second:
        assert second.key == first.key
        assert [post["text"] for post in second.get("/api/posts")["items"]] == ["Remember me"]
        assert any(topic["name"] == "kept" for topic in second.get("/api/topics")["items"])
        assert second.books()["stored"] == 1


def test_a_detached_one_lives_in_any_folder_and_tells_its_key_to_no_log(
    short_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where its sockets then lie.
    monkeypatch.setenv("TMPDIR", str(short_home))
    home = short_home / "it's 100% me, & you?"
    try:
        answer = barometer("up", "--detach", "--port", "0", "--home", home, "--feed", "none")
        assert answer.returncode == 0, answer.stderr
        key = (home / "admin.key").read_text().strip()
        assert f"#key={key}" in answer.stdout
        assert "ready in" in (home / "logs" / "up.log").read_text()
        assert [log.name for log in (home / "logs").iterdir() if key in log.read_text()] == []
    finally:
        barometer("down", "--home", home)
    wait_for(lambda: not processes_of(home), "nothing is left")


def test_a_taken_port_is_one_sentence_and_leaves_nothing_running(short_home: Path) -> None:
    home = short_home / "taken"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = barometer("up", "--port", str(port), "--home", home, "--feed", "none")
    assert answer.returncode == 1
    assert str(port) in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert processes_of(home) == []


def test_an_unknown_feed_is_named_before_anything_starts(short_home: Path) -> None:
    answer = barometer("up", "--feed", "telepathy", "--home", short_home / "unknown")
    assert answer.returncode == 1
    assert answer.stderr.strip() == "barometer: there is no feed 'telepathy': choose simulate or none"


def test_ctrl_c_stops_everything_children_too(short_home: Path) -> None:
    home = short_home / "ctrl-c"
    process = subprocess.Popen(
        [BAROMETER, "up", "--port", "0", "--home", home, "--json", "--feed", "simulate"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
    assert processes_of(home)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    process.stdout.close()
    wait_for(lambda: not processes_of(home), "nothing is left")


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a word of POSIX")
def test_a_killed_up_leaves_nothing_that_the_next_cannot_take_over(short_home: Path) -> None:
    home = short_home / "killed"
    process = subprocess.Popen(
        [BAROMETER, "up", "--port", "0", "--home", home, "--json", "--feed", "none"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(10)
    process.stdout.close()
    with up(home, "--feed", "none") as stack:
        stack.post("/api/posts", {"posts": [{"text": "After the crash", "source": "test"}]})
        assert stack.settled()["stored"] == 1
    wait_for(lambda: not processes_of(home), "nothing is left")


def processes_of(home: Path) -> list[psutil.Process]:
    """Whatever has this home in its command line or works in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status", "pid"]):
        if process.info["pid"] == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        said = " ".join(process.info["cmdline"] or ()) + " " + (process.info["cwd"] or "")
        if str(home) in said:
            found.append(process)
    return found
