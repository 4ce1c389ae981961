"""Pollers that are killed, frozen, stopped or many; a Redis that is emptied or restarted."""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from barometer.stores.streams import books
from barometer.streams import counters_key, stream_key
from infra.local.services import redis_service
from tests.integration.poller.rig import Body, HandlerError, Poller, Rig, Streams, deployment, echo, until


class Gate:
    """A function that waits, in its first calls, until the test lets it go on."""

    def __init__(self, calls: int) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self._left = calls

    def __call__(self, records: list[Body]) -> Body:
        self._left -= 1
        if self._left >= 0:
            self.entered.release()
            self.open.wait(60)
        return echo(records)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(calls=1)
    yield gate
    gate.open.set()


def _numbers(rig: Rig) -> list[int]:
    return sorted(body["n"] for body in rig.streams.bodies("posts"))


def test_a_batch_killed_before_its_commit_is_repeated_not_lost(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=10), {"ingest": gate}
    rig.streams.add("raw", *({"n": n} for n in range(30)))
    poller = rig.start()
    assert gate.entered.acquire(timeout=60)
    poller.kill()
    gate.open.set()
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert _numbers(rig) == list(range(30))
    assert rig.streams.counters() == {"ingest.in": 30, "ingest.out": 30}
    assert rig.aws.calls[0].ids in [call.ids for call in rig.aws.calls[1:]]


def test_pollers_killed_again_and_again_lose_and_double_nothing(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=7, ParallelizationFactor=3)
    rig.aws.functions = {"ingest": echo}
    rig.streams.client.hset(counters_key(0), "accepted", 3_000)
    rig.start(lease_seconds=0.5)
    for n in range(0, 3_000, 500):
        rig.streams.add("raw", *({"n": n + k} for k in range(500)))
        before = rig.streams.length("posts")
        until(lambda before=before: rig.streams.length("posts") > before)
        rig.pollers[-1].kill()
        rig.start(lease_seconds=0.5)
    until(lambda: rig.streams.length("raw") == 0)
    assert _numbers(rig) == list(range(3_000))
    assert books(rig.streams.client, 1).missing == 0


def test_a_frozen_poller_that_wakes_commits_nothing_that_was_taken_over(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    rig.streams.add("raw", *({"n": n} for n in range(10)))
    frozen = rig.start(lease_seconds=0.5)
    assert gate.entered.acquire(timeout=60)
    frozen.send(signal.SIGSTOP)
    rig.start(lease_seconds=0.5)
    until(lambda: rig.streams.length("posts") == 10)
    gate.open.set()
    frozen.send(signal.SIGCONT)
    until(lambda: frozen.told("records are no longer ours"))
    assert _numbers(rig) == list(range(10))
    assert rig.streams.counters() == {"ingest.in": 10, "ingest.out": 10}


def test_a_frozen_poller_that_wakes_takes_nothing_back(rig: Rig) -> None:
    gate = Gate(calls=2)
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    rig.streams.add("raw", {"n": 1})
    frozen = rig.start(lease_seconds=0.5)
    assert gate.entered.acquire(timeout=60)
    frozen.send(signal.SIGSTOP)
    second = rig.start(lease_seconds=0.5)
    assert gate.entered.acquire(timeout=60)
    frozen.send(signal.SIGCONT)
    until(lambda: frozen.told("records are no longer ours"))
    assert rig.streams.consumers("raw", "ingest")[second.consumer] == 1
    gate.open.set()
    until(lambda: rig.streams.length("raw") == 0)
    assert _numbers(rig) == [1]


def test_a_slow_call_keeps_its_records(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    rig.streams.add("raw", {"n": 1})
    rig.start(lease_seconds=0.6)
    assert gate.entered.acquire(timeout=60)
    second = rig.start(lease_seconds=0.6)
    # The second poller has looked for records to take over for several leases.
    rounds = 'barometer_poller_oldest_age_seconds{partition="0",pipe="ingest"}'

    def age() -> float:
        lines = second.get("/metrics")[1].splitlines()
        return max((float(line.split()[-1]) for line in lines if line.startswith(rounds)), default=0.0)

    until(lambda: age() > 3)
    assert len(rig.aws.calls) == 1
    gate.open.set()
    until(lambda: rig.streams.length("raw") == 0)
    assert not second.told("took over records")


def test_attempts_are_remembered_past_a_crash(rig: Rig) -> None:
    def function(_: list[Body]) -> Body:
        raise HandlerError("ValueError")

    rig.aws.pipes, rig.aws.functions = deployment(MaximumRetryAttempts=4), {"ingest": function}
    rig.streams.add("raw", {"n": 1})
    first = rig.start(retry_base_seconds=0.01, retry_cap_seconds=0.01, lease_seconds=0.5)
    until(lambda: rig.streams.counters().get("ingest.retried", 0) >= 2)
    first.send(signal.SIGSTOP)
    tried = len(rig.aws.calls)
    first.kill()
    rig.start(lease_seconds=0.5)
    until(lambda: rig.streams.length("raw") == 0)
    (letter,) = rig.streams.letters()
    # One try may have been on its way when the first was killed; the crash itself is no attempt.
    assert letter["attempts"] == "5"
    assert 5 <= len(rig.aws.calls) <= 6
    assert tried <= len(rig.aws.calls)


def test_sigterm_finishes_what_is_in_flight_and_exits_0(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    rig.streams.add("raw", *({"n": n} for n in range(20)))
    poller = rig.start()
    assert gate.entered.acquire(timeout=60)
    poller.send(signal.SIGTERM)
    until(lambda: poller.get("/healthz")[0] == 503)
    gate.open.set()
    assert poller.process.wait(60) == 0
    assert len(rig.aws.calls) == 1
    assert rig.streams.length("posts") == 5
    assert rig.streams.pending("raw", "ingest") == 0
    assert rig.streams.consumers("raw", "ingest") == {}


def test_a_drain_hands_back_what_waits_for_its_next_try(rig: Rig) -> None:
    def function(records: list[Body]) -> Body:
        if len(rig.aws.calls) == 1:
            raise HandlerError("ValueError")
        return echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=1), {"ingest": function}
    rig.streams.add("raw", {"n": 1})
    poller = rig.start(retry_base_seconds=60, retry_cap_seconds=60, lease_seconds=600)
    until(lambda: rig.streams.counters().get("ingest.retried"))
    assert poller.stop() == 0
    rig.start(lease_seconds=600)
    until(lambda: rig.streams.length("posts") == 1)
    assert rig.aws.calls[1].records[0]["attributes"]["ApproximateReceiveCount"] == "2"


def test_a_drain_hands_back_while_a_long_call_goes_on(rig: Rig, gate: Gate) -> None:
    def function(records: list[Body]) -> Body:
        if len(rig.aws.calls) == 1:
            raise HandlerError("ValueError")
        return gate(records)

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=1), {"ingest": function}
    rig.streams.add("raw", {"n": 1})
    poller = rig.start(retry_base_seconds=60, retry_cap_seconds=60, lease_seconds=600)
    until(lambda: rig.streams.counters().get("ingest.retried"))
    rig.streams.add("raw", {"n": 2})
    assert gate.entered.acquire(timeout=60)
    poller.send(signal.SIGTERM)
    until(lambda: poller.get("/healthz")[0] == 503)
    rig.start(lease_seconds=600)
    until(lambda: _numbers(rig) == [1])
    gate.open.set()
    assert poller.process.wait(60) == 0
    assert _numbers(rig) == [1, 2]


def test_a_drain_has_a_bound(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    rig.streams.add("raw", {"n": 1})
    poller = rig.start(drain_seconds=0.5)
    assert gate.entered.acquire(timeout=60)
    assert poller.stop() == 0
    assert poller.told("the drain is over before its work: other pollers will take it over")
    rig.start()
    until(lambda: rig.streams.length("posts") == 1)


def test_pollers_share_the_work_and_double_none_of_it(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=10), {"ingest": echo}
    pollers = [rig.start() for _ in range(2)]
    rig.streams.add("raw", *({"n": n} for n in range(2_000)))
    until(lambda: rig.streams.length("raw") == 0)
    assert _numbers(rig) == list(range(2_000))
    for poller in pollers:
        assert 'barometer_poller_ended_records_total{pipe="ingest"}' in poller.get("/metrics")[1]


def test_the_names_of_dead_pollers_are_forgotten(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    dead = rig.start(lease_seconds=0.3)
    rig.streams.add("raw", {"n": 1})
    until(lambda: dead.consumer in rig.streams.consumers("raw", "ingest"))
    dead.kill()
    alive = rig.start(lease_seconds=0.3)
    until(lambda: set(rig.streams.consumers("raw", "ingest")) == {alive.consumer})


def test_an_emptied_redis_heals_without_a_hot_loop(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    poller = rig.start()
    rig.streams.add("raw", {"n": 1})
    until(lambda: rig.streams.length("posts") == 1)
    rig.streams.client.flushall()
    rig.streams.client.config_resetstat()
    rig.streams.add("raw", {"n": 2})
    until(lambda: _numbers(rig) == [2])
    assert poller.told("the consumer group vanished: making it anew")
    assert rig.streams.client.info("commandstats")["cmdstat_xreadgroup"]["calls"] < 20


def test_what_an_emptied_redis_lost_is_told_and_not_committed(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    poller = rig.start()
    rig.streams.add("raw", {"n": 1})
    assert gate.entered.acquire(timeout=60)
    rig.streams.client.flushall()
    gate.open.set()
    until(lambda: poller.told("records are no longer ours"))
    rig.streams.add("raw", {"n": 2})
    until(lambda: _numbers(rig) == [2])


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """A Redis of this test's own, which keeps what it is told on disk; killed at the end."""
    service = redis_service(folder, fsync="always")
    process = subprocess.Popen(
        service.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **service.identity()
    )
    try:
        service.wait_ready(lambda: process.poll() is None)
        yield service.url
    finally:
        process.kill()
        process.wait(20)


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="baro-"))
    yield folder
    shutil.rmtree(folder)


def test_a_redis_that_is_killed_and_comes_back_goes_on_where_it_was(rig: Rig, gate: Gate, folder: Path) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    with _redis(folder) as url:
        poller = rig.start(redis_url=url)
        Streams(Redis.from_url(url)).add("raw", *({"n": n} for n in range(10)))
        assert gate.entered.acquire(timeout=60)
    until(lambda: poller.told("cannot read") or poller.told("the lease is not renewed"))
    gate.open.set()
    until(lambda: poller.told("a commit is not answered yet"))
    with _redis(folder) as url, Redis.from_url(url) as client:
        streams = Streams(client)
        until(lambda: streams.length("raw") == 0)
        assert sorted(body["n"] for body in streams.bodies("posts")) == list(range(10))
        assert streams.counters() == {"ingest.in": 10, "ingest.out": 10}
        assert _first_batch_was_asked_once(rig)
        assert poller.stop() == 0


def _first_batch_was_asked_once(rig: Rig) -> bool:
    asked = [json.loads(record["body"])["n"] for call in rig.aws.calls for record in call.records]
    return sorted(asked) == list(range(10))


def test_a_poller_starts_before_its_redis(rig: Rig, folder: Path) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    url = redis_service(folder, fsync="always").url
    poller: Poller = rig.start(redis_url=url)
    until(lambda: poller.told("cannot read"))
    assert poller.get("/healthz")[0] == 503
    with _redis(folder) as url, Redis.from_url(url) as client:
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
    until(lambda: 1_000 in _numbers(rig))
    until(lambda: rig.streams.length("raw") == 0)
