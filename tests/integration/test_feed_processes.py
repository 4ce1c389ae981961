"""Feeds as processes: a replay that is killed again and again, and a feed that is told to stop.

Only AWS is stood in for: a server that answers ``ssm:GetParameter`` with a deployment.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from barometer.posts import RawPost
from barometer.stores.redis import connect
from barometer.stores.streams import books
from barometer.streams import stream_key

REPOSITORY = Path(__file__).parents[2]
RAW = stream_key("raw", 0)
DEPLOYMENT = {
    "Streams": {name: {"MaximumLength": 100_000} for name in ("raw", "posts", "dead")},
    "Pipes": [
        {
            "Name": "ingest",
            "Source": "raw",
            "FunctionName": "barometer-ingest",
            "Targets": ["posts"],
            "DestinationConfig": {"OnFailure": {"Destination": "dead"}},
        }
    ],
}
TWEETS = Path(os.environ.get("BAROMETER_TEST_DATA", REPOSITORY.parent / "shared" / "data")) / (
    "tweeteval_sentiment_val.tsv"
)


class Ssm(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parameter = {"Name": asked["Name"], "Type": "String", "Value": json.dumps(DEPLOYMENT)}
        body = json.dumps({"Parameter": parameter}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def ssm_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ssm) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(redis_url: str, ssm_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts ``python -m`` with the environment of a feed; none outlives the test."""
    started = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BAROMETER_"))} | {
        "BAROMETER_REDIS_URL": redis_url,
        "BAROMETER_HOME": str(tmp_path / "home"),
        "AWS_ENDPOINT_URL": ssm_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }

    def run(*arguments: str, **settings: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def lying(url: str) -> list[dict[str, Any]]:
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", connect(url).xrange(RAW))
    return [orjson.loads(fields[b"body"]) for _, fields in entries]


def distinct(records: list[dict[str, Any]]) -> int:
    return len(
        {
            RawPost.model_validate(record["post"]).post_id(datetime.fromisoformat(record["received_at"]))
            for record in records
        }
    )


def wait_for(length: int, url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while connect(url).xlen(RAW) < length:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_replay_killed_again_and_again_sends_every_post_once(start: Start, redis_url: str, tmp_path: Path):
    path = tmp_path / "posts.tsv"
    path.write_text("".join(f"neutral\tpost {number}\n" for number in range(6_000)))
    replay = ("infra.local.cli", "replay", str(path), "--now")
    for target in (700, 2_300, 4_100):
        process = start(*replay, "--rate", "4000")
        wait_for(target, redis_url, process)
        process.kill()
        process.wait(10)
    output, errors = start(*replay, "--json").communicate(timeout=60)
    outcome = json.loads(output)
    assert errors == ""
    assert outcome["finished"]
    assert outcome["accepted"] == 6_000
    assert 0 < outcome["sent"] < 6_000
    records = lying(redis_url)
    assert distinct(records) == 6_000
    assert len(records) <= 6_000 + 3 * 500
    assert books(connect(redis_url), 1).accepted == len(records)


def test_ctrl_c_stops_a_replay_between_two_batches_and_the_next_goes_on(start: Start, redis_url: str, tmp_path: Path):
    path = tmp_path / "posts.tsv"
    path.write_text("".join(f"neutral\tpost {number}\n" for number in range(2_000)))
    replay = ("infra.local.cli", "replay", str(path))
    process = start(*replay, "--rate", "500")
    wait_for(300, redis_url, process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "run it again to go on" in output
    process = start(*replay)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(lying(redis_url)) == distinct(lying(redis_url)) == 2_000


@pytest.mark.skipif(not TWEETS.exists(), reason=f"{TWEETS} is not on this machine")
def test_two_thousand_real_tweets_are_all_accepted(start: Start, redis_url: str):
    process = start("infra.local.cli", "replay", str(TWEETS), "--now")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "2,000 posts accepted" in output
    records = lying(redis_url)
    assert distinct(records) == len(records) == 2_000
    assert {record["post"]["metadata"]["label"] for record in records} == {"positive", "neutral", "negative"}


def test_the_feed_process_simulates_until_sigterm_and_loses_nothing_it_took(start: Start, redis_url: str):
    process = start("infra.feeds", BAROMETER_FEED_RATE="300", BAROMETER_FEED_SEED="11")
    wait_for(100, redis_url, process)
    process.terminate()
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, output + errors
    told = [json.loads(line) for line in output.splitlines()]
    assert told[0]["seed"] == 11
    assert told[-1]["message"] == "feed ended"
    assert told[-1]["accepted"] == len(lying(redis_url)) == books(connect(redis_url), 1).accepted
    assert all("truth" in record["post"]["metadata"] for record in lying(redis_url))


def test_a_feed_process_with_a_wrong_setting_names_it_and_exits_1(start: Start):
    process = start("infra.feeds", BAROMETER_FEED_RATE="fast")
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "BAROMETER_FEED_RATE" in output + errors
    assert "Traceback" not in output + errors


def test_posts_can_be_piped_in_and_bad_lines_are_counted(start: Start, redis_url: str):
    process = start("infra.local.cli", "feed", "stdin", "--source", "pipe")
    lines = '{"text":"one"}\n{"text":"two","source":"own"}\nnonsense\n'
    output, _ = process.communicate(lines, timeout=20)
    assert process.returncode == 0
    assert "2 posts accepted, 1 rejected" in output
    assert [record["post"]["source"] for record in lying(redis_url)] == ["pipe", "own"]


def test_a_silent_pipe_does_not_hold_up_a_stop(start: Start, redis_url: str):
    process = start("infra.local.cli", "feed", "stdin", "--text")
    assert process.stdin is not None
    process.stdin.write("only line\n")
    process.stdin.flush()
    wait_for(1, redis_url, process)
    process.terminate()
    assert process.wait(10) == 0
    assert len(lying(redis_url)) == 1
