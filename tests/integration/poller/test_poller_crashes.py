"""Pollers that are killed, frozen, cut off, stopped or many: they share the work and lose and double none of it."""

import json
import signal
import time

from barometer.streams import counters_key
from tests.integration.poller.hindrances import Gate, Wire
from tests.integration.poller.rig import Body, HandlerError, Poller, Rig, deployment, echo, one_server, until


def test_a_batch_killed_before_its_commit_is_repeated_not_lost(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=10), {"ingest": gate}
    rig.streams.add("raw", *({"n": n} for n in range(30)))
    poller = rig.start()
    assert gate.entered.acquire(timeout=60)
    poller.kill()
    gate.open.set()
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert rig.streams.numbers() == list(range(30))
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
    assert rig.streams.numbers() == list(range(3_000))
    assert rig.streams.books().missing == 0


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
    assert rig.streams.numbers() == list(range(10))
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
    assert rig.streams.numbers() == [1]


def _number(record: Body) -> int:
    return int(json.loads(record["body"])["n"])


@one_server
def test_a_poller_cut_off_from_redis_commits_nothing_that_was_taken_over_and_works_on(
    rig: Rig, gate: Gate, wire: Wire
) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": gate}
    rig.streams.add("raw", *({"n": n} for n in range(10)))
    cut_off = rig.start(lease_seconds=0.5, redis_url=wire.url)
    assert gate.entered.acquire(timeout=60)
    wire.cut()
    second = rig.start(lease_seconds=0.5)
    until(lambda: rig.streams.length("posts") == 10)
    gate.open.set()
    until(lambda: cut_off.told("a commit is not answered yet"))
    wire.mend()
    until(lambda: cut_off.told("records are no longer ours"))
    assert second.stop() == 0
    rig.streams.add("raw", {"n": 10})
    until(lambda: rig.streams.length("raw") == 0)
    assert rig.streams.numbers() == list(range(11))
    assert rig.streams.counters() == {"ingest.in": 11, "ingest.out": 11}


@one_server
def test_a_commit_that_arrives_late_writes_nothing_that_was_taken_over(rig: Rig, gate: Gate, wire: Wire) -> None:
    def function(records: list[Body]) -> Body:
        return gate(records) if any(_number(record) for record in records) else echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": function}
    first = rig.start(lease_seconds=0.5, redis_url=wire.url)
    rig.streams.add("raw", {"n": 0})
    until(lambda: rig.streams.numbers() == [0])  # by now Redis knows the script
    rig.streams.add("raw", {"n": 1})
    assert gate.entered.acquire(timeout=60)
    wire.there.clear()
    gate.open.set()
    until(lambda: any(b'{"n":1}' in data for data in wire.held))
    rig.start(lease_seconds=0.5)
    until(lambda: rig.streams.numbers() == [0, 1])
    wire.there.set()
    until(lambda: first.told("records are no longer ours"))
    assert not any(b'{"n":1}' in data for data in wire.held)
    assert rig.streams.numbers() == [0, 1]
    assert rig.streams.counters() == {"ingest.in": 2, "ingest.out": 2}


@one_server
def test_a_commit_whose_reply_is_lost_is_known_to_have_been_made(rig: Rig, gate: Gate, wire: Wire) -> None:
    def function(records: list[Body]) -> Body:
        return gate(records) if any(_number(record) for record in records) else echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": function}
    poller = rig.start(redis_url=wire.url)
    rig.streams.add("raw", {"n": 0})
    until(lambda: rig.streams.numbers() == [0])  # by now Redis knows the script
    rig.streams.add("raw", {"n": 1})
    assert gate.entered.acquire(timeout=60)
    wire.back.clear()
    gate.open.set()
    until(lambda: rig.streams.numbers() == [0, 1])
    wire.cut()
    until(lambda: poller.told("a commit is not answered yet"))
    wire.mend()
    until(lambda: 'barometer_poller_ended_records_total{pipe="ingest"} 2.0' in poller.get("/metrics")[1])
    assert not poller.told("records are no longer ours")
    assert rig.streams.counters() == {"ingest.in": 2, "ingest.out": 2}
    assert len(rig.aws.calls) == 2


def _freeze_at_work(rig: Rig, poller: Poller) -> None:
    """Freeze it while it holds records."""

    def holds() -> bool:
        poller.send(signal.SIGSTOP)
        if rig.streams.consumers("raw", "ingest").get(poller.consumer):
            return True
        poller.send(signal.SIGCONT)
        return False

    until(holds)


def test_of_several_pollers_one_is_killed_and_one_frozen_and_the_rest_do_all_the_work(rig: Rig) -> None:
    def slow(records: list[Body]) -> Body:
        time.sleep(0.03)  # what the call takes
        return echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5, ParallelizationFactor=2), {"ingest": slow}
    rig.streams.client.hset(counters_key(0), "accepted", 1_000)
    frozen, killed, _ = (rig.start(lease_seconds=1) for _ in range(3))
    rig.streams.add("raw", *({"n": n} for n in range(1_000)))
    until(lambda: sum(map(bool, rig.streams.consumers("raw", "ingest").values())) == 3)  # they share the work
    _freeze_at_work(rig, frozen)
    killed.kill()
    until(lambda: rig.streams.length("raw") == 0)
    frozen.send(signal.SIGCONT)
    until(lambda: frozen.told("records are no longer ours"))
    assert rig.streams.numbers() == list(range(1_000))
    assert rig.streams.books().missing == 0


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
    rig.streams.add("raw", *({"n": n} for n in range(20)), partition=0)
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


@one_server
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
    until(lambda: rig.streams.numbers() == [1])
    gate.open.set()
    assert poller.process.wait(60) == 0
    assert rig.streams.numbers() == [1, 2]


@one_server
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
    assert rig.streams.numbers() == list(range(2_000))
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
