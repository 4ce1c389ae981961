"""What ``barometer up`` refuses, and that a refusal leaves nothing; its whole way is in tests/e2e."""

import errno
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from barometer.errors import BarometerError
from infra.local import programs
from infra.local.admin import admin_key, read_admin_key
from infra.local.down import down
from infra.local.given import redis_version
from infra.local.home import Home
from infra.local.leftovers import MARK, end_leftovers
from infra.local.report import Report
from infra.local.state import Ports, ProcessRecord, State, read_state, write_state
from infra.local.status import look
from infra.local.template import TEMPLATE
from infra.local.up import Options, up

SECONDS = 90


@pytest.fixture
def home(short_tmp: Path, request: pytest.FixtureRequest) -> Iterator[Home]:
    home = Home.at(short_tmp / request.node.name[:40])
    yield home
    assert marked(home) == [], "a test left something running"


def marked(home: Home) -> list[str]:
    names = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home.root):
                names.append(process.name())
        except (psutil.Error, OSError):
            continue
    return names


def barometer(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BAROMETER_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.local.cli", *arguments],
        capture_output=True, text=True, timeout=SECONDS, check=False, env=environment | variables,
    )  # fmt: skip


def test_a_taken_port_is_one_sentence_and_nothing_runs(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = barometer("up", "--home", str(home.root), "--port", str(port))

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"barometer: port {port} is taken")
    assert answer.stderr.strip().endswith("choose another with --port")
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""


def test_a_detached_start_that_fails_says_the_same(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = barometer("up", "--detach", "--home", str(home.root), "--port", str(port))

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"barometer: port {port} is taken")
    assert answer.stderr.count("\n") == 1


def test_a_wrong_setting_is_named(home: Home) -> None:
    answer = barometer("up", "--home", str(home.root), "--port", "0", BAROMETER_PARTITIONS="many")

    assert answer.returncode == 1
    assert "BAROMETER_PARTITIONS" in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BAROMETER_FEED_RATE", "fast", "valid number"),
        ("BAROMETER_DEFAULT_LANGUAGE", "klingon", "match pattern"),
        ("BAROMETER_PUBLIC_ORIGIN", "nonsense", "match pattern"),
        ("BAROMETER_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:1/x", "does not answer: connection failed"),
        ("BAROMETER_DATABASE_URL", "hidden", "does not answer: missing"),
        ("BAROMETER_REDIS_URL", "redis://:hidden@127.0.0.1:1/0", "does not answer: Error 111"),
        ("BAROMETER_REDIS_URL", "hidden", "redis://, rediss://, unix://"),
        ("BAROMETER_REDIS_URL", "redis://:hid/den@127.0.0.1:1/0", "percent-encoded"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named_before_anything_starts(
    home: Home, name: str, value: str, said: str
) -> None:
    answer = barometer("up", "--home", str(home.root), "--port", "0", **{name: value})

    assert answer.returncode == 1
    assert name in answer.stderr
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not home.postgres.exists()


def test_a_redis_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setattr("infra.local.given.LEAST_REDIS", (99, 0))

    with pytest.raises(BarometerError, match=r"BAROMETER_REDIS_URL is a Redis \d.*; 99\.0 or later is needed"):
        redis_version(redis_url)


def test_a_cluster_is_known_by_its_name_alone(redis_cluster_url: str) -> None:
    assert redis_version(redis_cluster_url)[0].isdigit()

    one = redis_cluster_url.replace("+cluster", "").split(",")[0]
    with pytest.raises(BarometerError, match=r"BAROMETER_REDIS_URL is a node of a cluster: name that by"):
        redis_version(one)


def test_a_template_that_cannot_be_read_stops_before_anything_starts(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text("Resources:\n  A: [1\n  B: 2\n")

    with pytest.raises(BarometerError, match=r"template\.yaml, line 3"):
        up(Options(home, port=0, template=broken), Report())

    assert read_state(home).error.startswith("template.yaml, line 3")
    assert not home.postgres.exists()


def test_a_template_that_cannot_be_deployed_stops_what_was_started(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(
        TEMPLATE.read_text().replace(
            "Type: String\n      Description: Streams", "Type: Strung\n      Description: Streams"
        )
    )

    with pytest.raises(BarometerError, match=r"could not deploy template\.yaml: PipesParameter .*Strung"):
        up(Options(home, port=0, template=broken), Report())

    state = read_state(home)
    assert state.phase == "stopped"
    assert state.processes == ()


def test_a_function_that_cannot_start_stops_what_was_started(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("functions.infer.app.handler", "functions.infer.nowhere.handler"))

    with pytest.raises(BarometerError, match=r"function barometer-infer fails: Runtime\.ImportModuleError: .*nowhere"):
        up(Options(home, port=0, template=broken), Report())

    assert read_state(home).processes == ()


def test_a_second_up_says_where_the_first_is(home: Home) -> None:
    home.prepare()
    write_state(home, State(phase="ready", url="http://127.0.0.1:1234"))

    with home.held(), pytest.raises(BarometerError, match=r"a Barometer is ready in .* at http://127\.0\.0\.1:1234"):
        up(Options(home, port=0), Report())

    assert read_state(home).phase == "ready"


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BarometerError, match="cannot make a home in"):
        up(Options(Home.at(tmp_path / "file" / "home")), Report())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_is_somebody_elses_is_one_sentence(home: Home) -> None:
    home.prepare()
    home.run.chmod(0o500)

    assert barometer("down", "--home", str(home.root)).stderr.startswith("barometer: cannot hold the home ")
    home.run.chmod(0o700)


def test_a_full_disk_does_not_keep_it_from_stopping_what_it_started(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.StringIO()

    def full(_home: Home, _state: State) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("infra.local.up.write_state", full)
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("functions.infer.app.handler", "functions.infer.nowhere.handler"))

    # Whether anything still runs, the fixture looks.
    with pytest.raises(BarometerError, match="function barometer-infer fails"):
        up(Options(home, port=0, template=broken), Report(output))

    assert "state.json: No space left on device" in output.getvalue()


def test_down_ends_what_a_killed_up_left(home: Home) -> None:
    home.prepare()
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: str(home.root)}, start_new_session=True
    )
    record = ProcessRecord(name="poller", pid=process.pid, created=psutil.Process(process.pid).create_time())
    write_state(home, State(phase="ready", url="http://127.0.0.1:1", processes=(record,)))
    try:
        assert look(home).phase == "killed"
        assert down(home) == f"stopped {home.root}"
    finally:
        process.kill()
        process.wait()

    assert look(home).phase == "stopped"
    assert down(home) == f"nothing runs in {home.root}"


def test_a_state_of_the_days_when_there_was_one_poller_is_still_read(home: Home) -> None:
    home.prepare()
    ports = {"front_door": 1, "cloud": 2, "runner": 3, "poller_metrics": 4}
    home.state.write_text(json.dumps({"phase": "ready", "ports": ports}))
    assert read_state(home).ports == Ports(front_door=1, cloud=2, runner=3, poller_metrics=(4,))


def test_down_where_nothing_ever_ran_makes_nothing(home: Home) -> None:
    assert down(home) == f"nothing runs in {home.root}"
    assert not home.root.exists()


def test_status_of_nothing_is_no_success(home: Home) -> None:
    answer = barometer("status", "--home", str(home.root))

    assert answer.returncode == 1
    assert answer.stdout.startswith("stopped in ")


def test_the_lock_of_a_killed_process_is_nobodys(home: Home) -> None:
    home.prepare()
    code = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from infra.local.home import Home
with Home(Path({str(home.root)!r})).held():
    print("held", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        assert home.is_held()
    finally:
        process.kill()
        process.wait()

    assert not home.is_held()


def test_the_ports_of_the_last_time_are_taken_again_where_they_are_free() -> None:
    first = programs.free_ports(0, None)
    with socket.create_server(("127.0.0.1", first.runner)):
        second = programs.free_ports(0, first)

    assert second.cloud == first.cloud
    assert second.poller_metrics == first.poller_metrics
    assert second.runner != first.runner
    assert len(set(second.model_dump().values())) == len(Ports.model_fields)


def test_each_poller_has_a_name_and_a_port_of_its_own_which_it_keeps() -> None:
    first = programs.free_ports(0, None, 3)
    fewer, more = programs.free_ports(0, first, 2), programs.free_ports(0, first, 4)

    assert len(set(first.poller_metrics)) == 3
    assert fewer.poller_metrics == first.poller_metrics[:2]
    assert more.poller_metrics[:3] == first.poller_metrics
    assert programs.poller_names(3) == ["poller", "poller-2", "poller-3"]
    assert programs.order(2)[-3:] == ["poller", "poller-2", "feed"]


def test_the_own_redis_syncs_as_it_is_told(home: Home) -> None:
    answer = barometer("up", "--home", str(home.root), "--port", "0", BAROMETER_REDIS_FSYNC="sometimes")

    assert answer.returncode == 1
    assert "BAROMETER_REDIS_FSYNC: Input should be 'everysec' or 'always'" in answer.stderr


def test_the_sign_in_key_is_made_once_and_again_when_it_was_revoked(home: Home, postgres_url: str) -> None:
    home.prepare()
    first = admin_key(home, postgres_url)

    assert admin_key(home, postgres_url) == first == read_admin_key(home)
    assert home.admin_key.stat().st_mode & 0o777 == 0o600

    home.admin_key.write_text("bar_nobody_nothing\n")
    second = admin_key(home, postgres_url)
    assert second != first
    assert read_admin_key(home) == second


def test_the_state_is_its_users_alone(home: Home) -> None:
    home.prepare()
    write_state(home, State(database_url="postgresql://user:secret@host/db"))

    assert home.state.stat().st_mode & 0o777 == 0o600
    assert home.root.stat().st_mode & 0o077 == 0


def test_a_state_that_cannot_be_read_is_none(home: Home) -> None:
    home.prepare()
    home.state.write_text('{"phase": "unheard of"}')

    assert read_state(home) == State()
    assert end_leftovers(home, read_state(home)) == []


def test_a_child_sees_no_credentials_and_no_proxy_on_this_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("NO_PROXY", "example.com")
    place = programs.Place(home, programs.free_ports(0, None), "postgresql:///", "unix:///")

    environment = programs.pollers(place)[0].environment

    assert "AWS_PROFILE" not in environment
    assert environment["AWS_SECRET_ACCESS_KEY"] == "test"
    assert environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"


def test_ctrl_c_before_it_is_ready_leaves_nothing(home: Home) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.cli", "up", "--home", str(home.root), "--port", "0", "--feed", "none"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS
    while len(read_state(home).processes) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()

    assert process.wait(SECONDS) == 0
    assert read_state(home).phase == "stopped"
