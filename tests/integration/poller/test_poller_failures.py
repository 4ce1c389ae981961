"""What fails: retried, halved, rejected, dead; and never a neighbour's problem."""

import json
import threading
import time

import pytest

from barometer.streams import counters_key, stream_key
from tests.integration.poller.rig import (
    REQUEST_ID,
    Body,
    HandlerError,
    RefusedError,
    Rig,
    deployment,
    echo,
    one_server,
    until,
)


def _number(record: Body) -> int:
    return int(json.loads(record["body"])["n"])


def _chokes_on(*poison: int) -> object:
    def function(records: list[Body]) -> Body:
        if any(_number(record) in poison for record in records):
            raise HandlerError("ValueError", "this one is poison", ('  File "app.py", line 1\n', "    1 / 0\n"))
        return echo(records)

    return function


def test_a_poison_record_dies_alone(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=64, MaximumRetryAttempts=2)
    rig.aws.functions = {"ingest": _chokes_on(37)}
    rig.streams.client.hset(counters_key(0), "accepted", 64)
    rig.streams.add("raw", *({"n": n} for n in range(64)))
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert sorted(body["n"] for body in rig.streams.bodies("posts")) == [n for n in range(64) if n != 37]
    (letter,) = rig.streams.letters()
    assert json.loads(letter["body"]) == {"n": 37}
    # Halved six times from 64 (two calls each), then alone for its first try and two more.
    assert len(rig.aws.calls) <= 1 + 6 * 2 + 2
    assert rig.streams.books().missing == 0


def test_a_dead_letter_tells_everything(rig: Rig) -> None:
    rig.aws.pipes = deployment(MaximumRetryAttempts=3)
    rig.aws.functions = {"ingest": _chokes_on(0)}
    (entry_id,) = rig.streams.add("raw", {"n": 0})
    before = int(time.time() * 1_000)
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    (letter,) = rig.streams.letters()
    tried_at, dead_at = int(letter.pop("tried_at")), int(letter.pop("dead_at"))
    assert before <= tried_at <= dead_at <= time.time() * 1_000
    assert letter == {
        "body": '{"n": 0}',
        "stream": "raw",
        "pipe": "ingest",
        "function": "ingest",
        "id": entry_id,
        "kind": "dead",
        "condition": "RetryAttemptsExhausted",
        "reason": "attempts spent (4): ValueError: this one is poison",
        "error_type": "ValueError",
        "error_message": "this one is poison",
        "stack_trace": '  File "app.py", line 1\n    1 / 0',
        "attempts": "4",
        "batch_size": "1",
        "request_id": REQUEST_ID,
        "first_at": entry_id.split("-")[0],
    }
    received = [call.records[0]["attributes"]["ApproximateReceiveCount"] for call in rig.aws.calls]
    assert received == ["1", "2", "3", "4"]
    assert rig.streams.counters() == {"ingest.in": 1, "ingest.dead": 1, "ingest.retried": 3, "dead": 1}


@one_server
def test_a_batch_that_may_not_be_halved_is_retried_as_it_is(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=4, MaximumRetryAttempts=1, BisectBatchOnFunctionError=False)
    rig.aws.functions = {"ingest": _chokes_on(2)}
    rig.streams.add("raw", *({"n": n} for n in range(4)), partition=0)
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert [len(call.records) for call in rig.aws.calls] == [4, 4]
    assert len(rig.streams.letters()) == 4


def test_only_the_records_reported_as_failed_are_tried_again(rig: Rig) -> None:
    failed: list[int] = []

    def function(records: list[Body]) -> Body:
        again = [record for record in records if _number(record) % 5 == 0 and _number(record) not in failed]
        failed.extend(_number(record) for record in again)
        answer = echo([record for record in records if record not in again])
        return answer | {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in again]}

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=10), {"ingest": function}
    rig.streams.add("raw", *({"n": n} for n in range(10)), partition=0)
    rig.start()
    until(lambda: rig.streams.length("posts") == 10)
    assert [sorted(map(_number, call.records)) for call in rig.aws.calls] == [list(range(10)), [0, 5]]
    assert rig.streams.counters()["ingest.retried"] == 2


def test_a_rejected_record_goes_straight_to_the_dead_with_its_reason(rig: Rig) -> None:
    def function(records: list[Body]) -> Body:
        return {"rejections": [{"itemIdentifier": record["messageId"], "reason": "no good"} for record in records]}

    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": function}
    rig.streams.client.hset(counters_key(0), "accepted", 2)
    rig.streams.add("raw", {"n": 1}, {"n": 2})
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert {(letter["kind"], letter["reason"], letter["attempts"]) for letter in rig.streams.letters()} == {
        ("rejected", "no good", "0")
    }
    assert rig.streams.counters() == {"accepted": 2, "ingest.in": 2, "ingest.rejected": 2, "rejected": 2}
    assert rig.streams.books().missing == 0


def test_without_a_destination_the_dead_are_dropped_and_counted(rig: Rig) -> None:
    rig.aws.pipes = deployment(MaximumRetryAttempts=0, BatchSize=1)
    rig.aws.pipes["Pipes"][0] |= {"Source": "events", "Targets": [], "DestinationConfig": {}}
    rig.aws.functions = {"ingest": _chokes_on(1)}
    rig.streams.add("events", {"n": 1})
    rig.start()
    until(lambda: rig.streams.length("events") == 0)
    assert rig.streams.counters() == {"ingest.in": 1, "ingest.dead": 1, "ingest.dropped": 1}


@one_server
@pytest.mark.parametrize(
    "trouble",
    [
        RefusedError(429, "TooManyRequestsException"),
        RefusedError(404, "ResourceNotFoundException"),
        RefusedError(500, "ServiceException"),
        HandlerError("UnavailableError", "the database is away"),
    ],
    ids=["throttled", "not deployed", "service down", "stage down"],
)
def test_what_is_no_records_fault_spends_no_attempt(rig: Rig, trouble: Exception) -> None:
    def function(records: list[Body]) -> Body:
        if len(rig.aws.calls) <= 6:
            raise trouble
        return echo(records)

    rig.aws.pipes = deployment(MaximumRetryAttempts=0)
    rig.aws.functions = {"ingest": function}
    rig.streams.add("raw", {"n": 1}, {"n": 2})
    rig.start()
    until(lambda: rig.streams.length("posts") == 2)
    assert rig.streams.letters() == []
    assert "ingest.retried" not in rig.streams.counters()


class Crowd:
    """A function that bears ``most`` calls at once and refuses more, or times out; it knows how many it was asked."""

    def __init__(self, trouble: Exception, most: int = 100) -> None:
        self.most = most
        self.together = 0
        self.peak = 0
        self._trouble = trouble
        self._lock = threading.Lock()

    def __call__(self, records: list[Body]) -> Body:
        with self._lock:
            self.together += 1
            self.peak = max(self.peak, self.together)
            borne = self.together <= self.most
        time.sleep(0.02)  # what the call takes
        with self._lock:
            self.together -= 1
        if not borne:
            raise self._trouble
        return echo(records)


@one_server
@pytest.mark.parametrize(
    "trouble",
    [RefusedError(429, "TooManyRequestsException"), HandlerError("Sandbox.Timedout", "Task timed out after 3.00 s")],
    ids=["throttled", "timed out"],
)
def test_trouble_shrinks_what_is_in_flight_and_health_grows_it(rig: Rig, trouble: Exception) -> None:
    crowd = Crowd(trouble)
    rig.aws.pipes = deployment(BatchSize=1, ParallelizationFactor=8, MaximumRetryAttempts=10_000)
    rig.aws.functions = {"ingest": crowd}
    poller = rig.start()
    added = 0

    def flights() -> float:
        nonlocal added
        if rig.streams.length("raw") < 50:  # never idle, and never far from the end
            rig.streams.add("raw", *({"n": n} for n in range(added, added + 50)), partition=0)
            added += 50
        start = 'barometer_poller_flights{partition="0",pipe="ingest"} '
        (line,) = [line for line in poller.get("/metrics")[1].splitlines() if line.startswith(start)]
        return float(line.removeprefix(start))

    until(lambda: flights() == 8 and crowd.peak == 8)
    crowd.most = 0
    for measure in (False, True):  # first what was out already comes back
        until(lambda: flights() == 1)
        crowd.peak, tried = 0, len(rig.aws.calls)
        until(lambda tried=tried: len(rig.aws.calls) > tried + 10)
        assert crowd.peak == 1 or not measure
    crowd.most = 100
    until(lambda: flights() == 8 and crowd.peak == 8)
    until(lambda: rig.streams.length("raw") == 0)
    assert sorted(body["n"] for body in rig.streams.bodies("posts")) == list(range(added))
    assert rig.streams.letters() == []
    assert ("ingest.retried" in rig.streams.counters()) == isinstance(trouble, HandlerError)


@one_server
def test_a_poison_record_that_hangs_again_and_again_shrinks_what_is_in_flight_once(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=1, ParallelizationFactor=8, MaximumRetryAttempts=5)
    rig.aws.functions = {"ingest": Crowd(HandlerError("Sandbox.Timedout", "Task timed out after 3.00 s"), most=0)}
    rig.streams.add("raw", {"n": 1}, partition=0)
    poller = rig.start()
    until(rig.streams.letters)
    assert len(rig.aws.calls) == 6
    assert 'barometer_poller_flights{partition="0",pipe="ingest"} 4.0' in poller.get("/metrics")[1]


@one_server
def test_a_function_that_is_out_of_reach_is_asked_less_and_less_often(rig: Rig) -> None:
    ends: list[float] = []

    def function(records: list[Body]) -> Body:
        ends.append(time.monotonic() + 4)
        if time.monotonic() < ends[0]:
            raise RefusedError(429, "TooManyRequestsException")
        return echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": function}
    rig.streams.add("raw", {"n": 1})
    rig.start(retry_base_seconds=1, retry_cap_seconds=30)
    until(lambda: rig.streams.length("posts") == 1)
    # Without a pause between them it would be hundreds.
    assert len(rig.aws.calls) < 15


@one_server
def test_an_endpoint_that_comes_back_gets_what_waited(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(MaximumRetryAttempts=0), {"ingest": echo}
    rig.streams.add("raw", {"n": 1})
    poller = rig.start(lambda_endpoint="http://127.0.0.1:9")
    until(lambda: poller.told("the function is not available"))
    assert poller.stop() == 0
    assert rig.streams.letters() == []
    # What it could not bring away was handed back: the next poller need not wait for the lease.
    rig.start(lease_seconds=600)
    until(lambda: rig.streams.length("posts") == 1)


def test_a_record_too_old_is_dead_without_a_call(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(MaximumRecordAgeInSeconds=60), {"ingest": echo}
    old = f"{int(time.time() - 61) * 1_000}-0"
    rig.streams.client.xadd(stream_key("raw", 0), {"body": '{"n": 1}'}, id=old)
    rig.streams.add("raw", {"n": 2})
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert [body["n"] for body in rig.streams.bodies("posts")] == [2]
    (letter,) = rig.streams.letters()
    assert (letter["id"], letter["error_type"], letter["attempts"]) == (old, "RecordAgeExceeded", "0")
    assert letter["reason"].endswith("of 60 s")


@one_server
def test_age_counts_while_the_function_is_throttled(rig: Rig) -> None:
    def function(_: list[Body]) -> Body:
        raise RefusedError(429, "TooManyRequestsException")

    rig.aws.pipes, rig.aws.functions = deployment(MaximumRecordAgeInSeconds=5), {"ingest": function}
    poller = rig.start()
    until(lambda: poller.get("/healthz")[0] == 200)  # a slow start would take all of the record's time
    rig.streams.add("raw", {"n": 1})
    until(lambda: rig.aws.calls and rig.streams.length("raw") == 0)
    (letter,) = rig.streams.letters()
    assert letter["condition"] == letter["error_type"] == "RecordAgeExceeded"
    assert "of 5 s; the last try failed: ThrottledError: " in letter["reason"]


@one_server
def test_an_answer_beyond_6_mb_is_asked_for_in_halves_and_rejected_if_it_is_one_records(rig: Rig) -> None:
    def function(records: list[Body]) -> Body:
        if len(records) > 2 or any(_number(record) == 5 for record in records):
            raise HandlerError("Function.ResponseSizeTooLarge", "Response payload size exceeded")
        return echo(records)

    # Neither halving nor a second attempt is allowed otherwise.
    rig.aws.pipes = deployment(BatchSize=8, MaximumRetryAttempts=0, BisectBatchOnFunctionError=False)
    rig.aws.functions = {"ingest": function}
    rig.streams.client.hset(counters_key(0), "accepted", 8)
    rig.streams.add("raw", *({"n": n} for n in range(8)))
    rig.start(retry_base_seconds=60, retry_cap_seconds=60)  # and no half waits
    until(lambda: rig.streams.length("raw") == 0)
    assert sorted(body["n"] for body in rig.streams.bodies("posts")) == [0, 1, 2, 3, 4, 6, 7]
    (letter,) = rig.streams.letters()
    assert json.loads(letter["body"]) == {"n": 5}
    assert (letter["kind"], letter["condition"], letter["attempts"]) == ("rejected", "PayloadTooLarge", "0")
    assert letter["reason"] == "Function.ResponseSizeTooLarge: Response payload size exceeded"
    assert rig.streams.books().missing == 0


def test_full_dead_letters_pause_reading_and_lose_nothing(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=2, MaximumRetryAttempts=0, BisectBatchOnFunctionError=False)
    rig.aws.pipes["Streams"]["dead"] = {"MaximumLength": 4}
    rig.aws.functions = {"ingest": _chokes_on(*range(30))}
    rig.streams.client.hset(counters_key(0), "accepted", 30)
    rig.streams.add("raw", *({"n": n} for n in range(30)), partition=0)
    poller = rig.start()
    until(lambda: 'barometer_poller_backpressure{partition="0",pipe="ingest"} 1.0' in poller.get("/metrics")[1])
    # What was in flight when it filled may overshoot, by what one poller holds at most.
    assert 4 <= rig.streams.length("dead") <= 8
    assert rig.streams.length("raw") >= 22
    seen: list[int] = []
    while len(seen) < 30:
        until(lambda: rig.streams.length("dead"))
        for entry_id, letter in rig.streams.client.xrange(stream_key("dead", 0)):
            seen.append(json.loads(letter[b"body"])["n"])
            rig.streams.client.xdel(stream_key("dead", 0), entry_id)
    assert sorted(seen) == list(range(30))
    assert rig.streams.books().missing == 0


@one_server
def test_nonsense_fails_the_batch_and_says_what_was_wrong(rig: Rig) -> None:
    def function(records: list[Body]) -> object:
        name = records[0]["messageId"]
        return {
            0: b"<html>",
            1: None,
            2: {"records": [{"from": "1-1", "to": "posts", "body": 1}]},
            3: {},
            4: {"records": [{"from": name, "to": "nowhere", "body": 1}]},
        }[_number(records[0])]

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=1, MaximumRetryAttempts=0), {"ingest": function}
    rig.streams.add("raw", *({"n": n} for n in range(5)))
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    told = {json.loads(letter["body"])["n"]: letter["reason"] for letter in rig.streams.letters()}
    for n, part in enumerate(
        [
            "the answer is not JSON: ",
            "the answer has not the agreed shape: the whole: Input should be",
            "the answer names records that were not in the batch: 1-1",
            "the answer names these records nowhere: ",
            "the answer sends records to 'nowhere'; the pipe leads to ['posts', 'events']",
        ]
    ):
        assert "AnswerError" in told[n]
        assert part in told[n]


@one_server
def test_records_that_no_function_can_be_given_are_rejected(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    rig.streams.add("raw", b'"\xff\xfe"', b'"' + b"x" * 6_300_000 + b'"', {"n": 1})
    rig.streams.client.xadd(stream_key("raw", 0), {"other": "field"})
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert rig.streams.bodies("posts") == [{"n": 1}]
    reasons = sorted(letter["reason"] for letter in rig.streams.letters())
    for reason, start in zip(
        reasons, ["the body is not UTF-8", "the entry has no field", "the record makes an event of"], strict=True
    ):
        assert reason.startswith(start)
    assert rig.streams.counters()["rejected"] == 3


@one_server
def test_many_waiting_poison_records_do_not_stop_the_others(rig: Rig) -> None:
    rig.aws.pipes = deployment(BatchSize=1, MaximumRetryAttempts=1_000)
    rig.aws.functions = {"ingest": _chokes_on(*range(50))}
    rig.streams.add("raw", *({"n": n} for n in range(50)), *({"n": n} for n in range(100, 150)))
    rig.start(retry_base_seconds=60, retry_cap_seconds=60)
    until(lambda: rig.streams.length("posts") == 50)
    assert rig.streams.length("raw") == 50
