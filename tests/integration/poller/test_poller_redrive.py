"""Dead letters sent again while a poller works, by the real command, however often that is killed."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from barometer.streams import counters_key, stream_key
from tests.integration.poller.rig import Body, Rig, deployment, echo, one_server, until

COMMAND = Path(sys.executable).with_name("barometer")


def _start(rig: Rig, home: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BAROMETER_")},
        "BAROMETER_REDIS_URL": rig.redis_url,
        "BAROMETER_PARTITIONS": str(rig.streams.partitions),
        "AWS_ENDPOINT_URL": rig.aws.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return subprocess.Popen(
        [COMMAND, "dead", *arguments, "--home", home],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _dead(rig: Rig, home: Path, *arguments: str, status: int = 0) -> Any:
    process = _start(rig, home, *arguments, "--json")
    said, told = process.communicate(timeout=120)
    assert process.returncode == status, said + told
    return json.loads(said)


def _bury(rig: Rig, count: int) -> None:
    """So many letters of posts, and the books that go with them."""
    with rig.streams.client.pipeline(transaction=False) as pipeline:
        for n in range(count):
            partition = n % rig.streams.partitions
            pipeline.hincrby(counters_key(partition), "accepted", 1)
            pipeline.hincrby(counters_key(partition), "dead", 1)
            letter = {"body": json.dumps({"n": n}), "stream": "raw", "pipe": "ingest", "kind": "dead"}
            pipeline.xadd(stream_key("dead", partition), letter)
        pipeline.execute()


def test_a_letter_sent_again_is_a_new_record_with_attempts_and_age_anew(rig: Rig, tmp_path: Path) -> None:
    cured = False

    def function(records: list[Body]) -> Body:
        if cured:
            return echo(records)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}

    rig.aws.pipes, rig.aws.functions = deployment(MaximumRetryAttempts=1), {"ingest": function}
    rig.streams.client.hset(counters_key(0), "accepted", 2)
    rig.streams.add("raw", {"n": 0}, {"n": 1})
    rig.start()
    until(lambda: rig.streams.length("dead") == 2)

    newest, oldest = _dead(rig, tmp_path, "list")["items"]
    assert _dead(rig, tmp_path, "redrive", oldest["id"])["redriven"] == 1
    until(lambda: rig.streams.length("dead") == 2)
    again, other = _dead(rig, tmp_path, "list")["items"]
    assert other == newest
    assert (again["body"], again["attempts"]) == (oldest["body"], 2)
    assert (again["record_id"], again["first_at"]) > (oldest["record_id"], oldest["first_at"])
    assert _dead(rig, tmp_path, "show", again["id"]) == again

    cured = True
    told = _dead(rig, tmp_path, "redrive", "--all", "--kind", "dead", "--pipe", "ingest")
    assert told == {"redriven": 2, "missing": [], "refused": [], "remaining": 0, "done": True}
    until(lambda: rig.streams.length("posts") == 2)
    missing = _dead(rig, tmp_path, "redrive", again["id"], status=1)
    assert (missing["redriven"], missing["missing"]) == (0, [again["id"]])
    now = rig.streams.books()
    assert (now.dead, now.in_flight, now.missing) == (0, 2, 0)


def test_a_redrive_killed_again_and_again_loses_and_doubles_nothing(rig: Rig, tmp_path: Path) -> None:
    total = 3_000
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=500), {"ingest": echo}
    # So little room that a run has to wait for it: each kill comes in the middle.
    rig.aws.pipes["Streams"]["raw"]["MaximumLength"] = 500
    _bury(rig, total)
    rig.start()
    in_the_middle = 0
    for _ in range(6):
        before = rig.streams.length("dead")
        process = _start(rig, tmp_path, "redrive", "--all")
        deadline = time.monotonic() + 60
        while rig.streams.length("dead") == before and process.poll() is None:
            assert time.monotonic() < deadline, "it sends nothing again"
        process.kill()
        process.communicate(timeout=60)
        in_the_middle += 0 < rig.streams.length("dead") < before
        assert rig.streams.books().missing == 0
    assert in_the_middle == 6, "a kill that comes before or after the work proves nothing"
    left = rig.streams.length("dead")
    assert _dead(rig, tmp_path, "redrive", "--all")["redriven"] == left
    until(lambda: rig.streams.length("posts") == total)
    assert Counter(body["n"] for body in rig.streams.bodies("posts")) == Counter(range(total))
    now = rig.streams.books()
    assert (now.dead, now.in_flight, now.missing) == (0, total, 0)
    assert rig.streams.counters()["ingest.redriven"] == total


@one_server
def test_streams_and_dead_letters_that_are_all_full_are_emptied_by_a_redrive(rig: Rig, tmp_path: Path) -> None:
    cured = False

    def function(records: list[Body]) -> Body:
        if cured:
            return echo(records)
        return {"rejections": [{"itemIdentifier": record["messageId"], "reason": "not yet"} for record in records]}

    total, bound = 60, 20
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": function}
    rig.aws.pipes["Streams"]["raw"]["MaximumLength"] = rig.aws.pipes["Streams"]["dead"]["MaximumLength"] = bound
    rig.streams.client.hset(counters_key(0), "accepted", total)
    rig.streams.add("raw", *({"n": n} for n in range(total)), partition=0)
    rig.start()
    until(lambda: rig.streams.length("dead") >= bound and not rig.streams.pending("raw", "ingest"))
    assert rig.streams.length("raw") >= bound, "with room there a redrive has no need to make any"
    cured = True
    _dead(rig, tmp_path, "redrive", "--all")
    until(lambda: rig.streams.length("posts") == total)
    now = rig.streams.books()
    assert (now.rejected, now.in_flight, now.missing) == (0, total, 0)
