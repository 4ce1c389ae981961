"""A Redis that is emptied, restarted, away or older than it was: work goes on, and what was lost is told."""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from barometer.streams import counters_key, stream_key
from infra.local.services import redis_service
from tests.integration.poller.hindrances import Gate
from tests.integration.poller.rig import Poller, Rig, Streams, deployment, echo, one_server, until


@dataclass(frozen=True)
class OwnRedis:
    """A Redis of a test's own, and its process."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[OwnRedis]:
    """A Redis of this test's own, which keeps what it is told on disk; killed at the end."""
    service = redis_service(folder, fsync="always")
    process = subprocess.Popen(
        service.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **service.identity()
    )
    try:
        service.wait_ready(lambda: process.poll() is None)
        yield OwnRedis(service.url, process)
    finally:
        process.kill()
        process.wait(20)


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="baro-"))
    yield folder
    shutil.rmtree(folder)


def test_an_emptied_redis_heals_without_a_hot_loop(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    poller = rig.start()
    rig.streams.add("raw", {"n": 1})
    until(lambda: rig.streams.length("posts") == 1)
    rig.streams.client.flushall()
    rig.streams.count_calls_anew()
    rig.streams.add("raw", {"n": 2})
    until(lambda: rig.streams.numbers() == [2])
    assert poller.told("the consumer group vanished: making it anew")
    assert 0 < rig.streams.calls("xreadgroup") < 20 * rig.streams.partitions


def test_what_an_emptied_redis_lost_is_told_and_not_committed(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    poller = rig.start()
    rig.streams.add("raw", {"n": 1})
    assert gate.entered.acquire(timeout=60)
    rig.streams.client.flushall()
    gate.open.set()
    until(lambda: poller.told("records are no longer ours"))
    rig.streams.add("raw", {"n": 2})
    until(lambda: rig.streams.numbers() == [2])


@one_server
def test_a_redis_that_is_killed_and_comes_back_goes_on_where_it_was(rig: Rig, gate: Gate, folder: Path) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    with _redis(folder) as own:
        poller = rig.start(redis_url=own.url)
        Streams(Redis.from_url(own.url)).add("raw", *({"n": n} for n in range(10)))
        assert gate.entered.acquire(timeout=60)
    until(lambda: poller.told("cannot read") or poller.told("the lease is not renewed"))
    gate.open.set()
    until(lambda: poller.told("a commit is not answered yet"))
    with _redis(folder) as own, Redis.from_url(own.url) as client:
        streams = Streams(client)
        until(lambda: streams.length("raw") == 0)
        assert sorted(body["n"] for body in streams.bodies("posts")) == list(range(10))
        assert streams.counters() == {"ingest.in": 10, "ingest.out": 10}
        assert _first_batch_was_asked_once(rig)
        assert poller.stop() == 0


def _first_batch_was_asked_once(rig: Rig) -> bool:
    asked = [json.loads(record["body"])["n"] for call in rig.aws.calls for record in call.records]
    return sorted(asked) == list(range(10))


@one_server
def test_a_poller_starts_before_its_redis(rig: Rig, folder: Path) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    url = redis_service(folder, fsync="always").url
    poller: Poller = rig.start(redis_url=url)
    until(lambda: poller.told("cannot read"))
    assert poller.get("/healthz")[0] == 503
    with _redis(folder) as own, Redis.from_url(own.url) as client:
        streams = Streams(client)
        streams.add("raw", {"n": 1})
        until(lambda: streams.length("posts") == 1)
        until(lambda: poller.get("/healthz")[0] == 200)


def test_a_stream_deleted_under_a_full_load_is_made_anew(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    rig.start()
    rig.streams.add("raw", *({"n": n} for n in range(200)))
    rig.streams.client.delete(stream_key("raw", 0))
    rig.streams.add("raw", {"n": 1_000})
    until(lambda: 1_000 in rig.streams.numbers())
    until(lambda: rig.streams.length("raw") == 0)


LAG = 'barometer_poller_lag_records{partition="0",pipe="ingest"} '


def _lost(poller: Poller) -> tuple[int, int]:
    """The accepted posts and unfinished records that the poller has said, once, that Redis lost; its meter agrees."""
    (line,) = until(lambda: poller.told("Redis has lost data"))
    assert line["level"] == "ERROR"
    meter = 'barometer_poller_redis_lost_records_total{partition="0",what="%s"} %.1f'
    for what in ("accepted", "unfinished"):
        assert meter % (what, line[what]) in poller.get("/metrics")[1]
    return line["accepted"], line["unfinished"]


def test_what_an_emptied_redis_has_lost_is_said(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    rig.streams.client.hset(counters_key(0), "accepted", 30)
    rig.streams.add("raw", *({"n": n} for n in range(30)), partition=0)
    poller = rig.start()
    until(lambda: f"{LAG}25.0" in poller.get("/metrics")[1])
    rig.streams.client.flushall()
    assert _lost(poller) == (30, 30)
    gate.open.set()
    rig.streams.add("raw", {"n": 100})
    until(lambda: rig.streams.numbers() == [100])


def test_posts_that_are_deleted_with_their_stream_are_said_to_be_lost(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    rig.streams.client.hset(counters_key(0), "accepted", 30)
    rig.streams.add("raw", *({"n": n} for n in range(30)), partition=0)
    poller = rig.start()
    until(lambda: f"{LAG}25.0" in poller.get("/metrics")[1])
    rig.streams.client.delete(stream_key("raw", 0))
    assert _lost(poller) == (0, 30)


@one_server
def test_a_redis_that_comes_back_with_older_data_is_worked_with_and_what_is_gone_is_said(
    rig: Rig, gate: Gate, folder: Path, tmp_path: Path
) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": echo}
    with _redis(folder) as own, Redis.from_url(own.url) as client:
        poller = rig.start(redis_url=own.url)
        streams = Streams(client)
        client.hset(counters_key(0), "accepted", 10)
        streams.add("raw", *({"n": n} for n in range(10)))
        until(lambda: streams.length("raw") == 0)
    shutil.copytree(folder / "appendonlydir", tmp_path / "older")
    with _redis(folder) as own, Redis.from_url(own.url) as client:
        rig.aws.functions = {"ingest": gate}
        client.hincrby(counters_key(0), "accepted", 20)
        Streams(client).add("raw", *({"n": n} for n in range(10, 30)))
        until(lambda: f"{LAG}15.0" in poller.get("/metrics")[1])
    shutil.rmtree(folder / "appendonlydir")
    shutil.copytree(tmp_path / "older", folder / "appendonlydir")
    with _redis(folder) as own, Redis.from_url(own.url) as client:
        assert _lost(poller) == (20, 20)
        gate.open.set()
        streams = Streams(client)
        streams.add("raw", {"n": 100})
        until(lambda: streams.length("posts") == 11)
        assert streams.numbers() == [*range(10), 100]
        assert poller.stop() == 0


@one_server
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "frozen"])
def test_a_redis_that_is_away_holds_a_drain_up_no_longer_than_its_bound(
    rig: Rig, gate: Gate, folder: Path, end: signal.Signals
) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    with _redis(folder) as own:
        poller = rig.start(redis_url=own.url, drain_seconds=1)
        Streams(Redis.from_url(own.url)).add("raw", {"n": 1})
        assert gate.entered.acquire(timeout=60)
        own.process.send_signal(end)
        gate.open.set()
        # Without the bound the commit would be sent until Redis answers: never.
        assert poller.stop() == 0
        assert poller.told("the drain is over before its work: other pollers will take it over")
