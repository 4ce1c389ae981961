"""What becomes of each record after a try: the rules of attempts, age and halving."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.streams import Pipe
from infra.poller.answer import Answer, Output
from infra.poller.commit import letter_fields, tally
from infra.poller.records import Failure, Parcel, Record, Try
from infra.poller.verdict import answered, failed, halves, put_off, screened, too_large

TRIED = Try(at_ms=5_000, batch_size=7, request_id="r-1")
FAILURE = Failure("ValueError", "bad", TRIED, "line 1")


def _pipe(**settings: object) -> Pipe:
    return Pipe.model_validate(
        {"Name": "ingest", "Source": "raw", "FunctionName": "f", "Targets": ["posts"], **settings}
    )


def _records(count: int, attempts: int = 0) -> list[Record]:
    return [Record(f"{n + 1}-0", b"{}", 300, attempts) for n in range(count)]


def _run(pipe: Pipe, count: int, poison: set[str]) -> tuple[Counter[str], dict[str, int], int]:
    """Try until nothing is left, against a function that fails on poison: ends, attempts of the dead, calls."""
    ended: Counter[str] = Counter()
    dead: dict[str, int] = {}
    calls = 0
    parcels = [Parcel(_records(count))]
    while parcels:
        calls += 1
        parcel = parcels.pop()
        ids = [record.id for record in parcel.records]
        if poison.isdisjoint(ids):
            verdict = answered(
                pipe, parcel, Answer([Output(i, "posts", b"", None) for i in ids], {}, frozenset(), {}), TRIED
            )
        else:
            verdict = failed(pipe, parcel, FAILURE)
        ended.update(verdict.ended)
        dead.update((letter.record.id, letter.record.attempts) for letter in verdict.letters)
        parcels.extend(verdict.retries)
    return ended, dead, calls


@given(count=st.integers(1, 60), attempts=st.integers(0, 3), seed=st.data())
def test_whatever_is_poison_only_that_dies_and_each_record_ends_once(
    count: int, attempts: int, seed: st.DataObject
) -> None:
    ids = [record.id for record in _records(count)]
    poison = seed.draw(st.sets(st.sampled_from(ids)))
    ended, dead, calls = _run(_pipe(MaximumRetryAttempts=attempts), count, poison)
    assert ended == Counter(ids)
    assert dead == dict.fromkeys(poison, attempts + 1)
    assert calls <= 2 * count + attempts * len(poison)


def test_one_poison_among_many_costs_a_logarithm_of_calls() -> None:
    _, dead, calls = _run(_pipe(MaximumRetryAttempts=0, BatchSize=1_024), 1_024, {"700-0"})
    assert dead == {"700-0": 1}
    assert calls == 1 + 2 * 10


def test_halving_costs_no_attempt() -> None:
    verdict = failed(_pipe(), Parcel(_records(5)), FAILURE)
    assert [len(parcel.records) for parcel in verdict.retries] == [2, 3]
    assert [parcel.failures for parcel in verdict.retries] == [1, 1]
    assert {record.attempts for parcel in verdict.retries for record in parcel.records} == {0}
    assert (verdict.ended, verdict.letters, verdict.blamed) == ((), (), ())


def test_without_bisect_every_record_of_the_batch_spends_an_attempt() -> None:
    pipe = _pipe(BisectBatchOnFunctionError=False, MaximumRetryAttempts=1)
    first = failed(pipe, Parcel(_records(3)), FAILURE)
    assert [record.attempts for record in first.blamed] == [1, 1, 1]
    second = failed(pipe, first.retries[0], FAILURE)
    assert [letter.record.attempts for letter in second.letters] == [2, 2, 2]
    assert second.retries == []


@given(st.integers(2, 10_000))
def test_halves_are_whole_and_even(count: int) -> None:
    left, right = halves(range(count))  # type: ignore[arg-type]  # any sequence will do
    assert [*left, *right] == list(range(count))
    assert 0 <= len(right) - len(left) <= 1


def test_an_answer_ends_what_did_not_fail() -> None:
    records = _records(4)
    answer = Answer(
        outputs=[Output("1-0", "posts", b"1", None)],
        finished={"2-0": "stored"},
        failed=frozenset({"3-0"}),
        rejected={"4-0": "no good"},
    )
    verdict = answered(_pipe(), Parcel(records, failures=2), answer, TRIED)
    assert verdict.ended == ["1-0", "2-0", "4-0"]
    assert [(letter.kind, letter.reason) for letter in verdict.letters] == [("rejected", "no good")]
    ((again,),) = [parcel.records for parcel in verdict.retries]
    assert (again.id, again.attempts) == ("3-0", 1)
    assert verdict.retries[0].failures == 3


def test_a_record_reported_as_failed_once_too_often_is_dead() -> None:
    answer = Answer([], {}, frozenset({"1-0"}), {})
    verdict = answered(_pipe(MaximumRetryAttempts=2), Parcel(_records(1, attempts=2)), answer, TRIED)
    assert verdict.ended == ["1-0"]
    assert [(letter.kind, letter.error_type) for letter in verdict.letters] == [("dead", "BatchItemFailure")]
    assert verdict.letters[0].condition == "RetryAttemptsExhausted"
    assert verdict.retries == []


@pytest.mark.parametrize("attempts", [0, 3])
@pytest.mark.parametrize(("age_ms", "sound"), [(59_999, True), (60_000, True), (60_001, False)])
def test_a_record_lives_as_long_as_its_age_allows_however_often_it_was_tried(
    age_ms: int, attempts: int, *, sound: bool
) -> None:
    alive, verdict = screened(_pipe(MaximumRecordAgeInSeconds=60), _records(1, attempts), 1 + age_ms)
    assert (len(alive), len(verdict.letters)) == ((1, 0) if sound else (0, 1))


def _filtering(*patterns: object, **settings: object) -> Pipe:
    return _pipe(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}, **settings)


def test_a_post_that_no_filter_lets_through_is_rejected_and_the_books_tell() -> None:
    pipe = _filtering({"messageId": ["2-0"]}, DestinationConfig={"OnFailure": {"Destination": "dead"}})
    sound, verdict = screened(pipe, _records(3), 10)
    assert [record.id for record in sound] == ["2-0"]
    assert verdict.ended == ["1-0", "3-0"]
    assert {(letter.kind, letter.error_type, letter.reason) for letter in verdict.letters} == {
        ("rejected", "Filtered", "no filter of the pipe lets it through")
    }
    assert tally(pipe, verdict) == {"ingest.in": 2, "ingest.filtered": 2, "ingest.rejected": 2, "rejected": 2}


def test_what_is_no_post_ends_when_no_filter_lets_it_through() -> None:
    pipe = _filtering({"messageId": ["2-0"]}, Source="events")
    sound, verdict = screened(pipe, _records(3), 10)
    assert [record.id for record in sound] == ["2-0"]
    assert verdict.letters == []
    assert tally(pipe, verdict) == {"ingest.in": 2, "ingest.filtered": 2}


def test_a_record_is_filtered_whatever_its_age() -> None:
    pipe = _filtering({"messageId": ["2-0"]}, Source="events", MaximumRecordAgeInSeconds=1)
    _, verdict = screened(pipe, _records(2), 10_000)
    assert tally(pipe, verdict) == {"ingest.in": 2, "ingest.filtered": 1, "ingest.dead": 1, "ingest.dropped": 1}


def test_counters_follow_the_verdict() -> None:
    records = _records(5)
    answer = Answer(
        outputs=[Output("1-0", "posts", b"1", None)],
        finished={"2-0": "stored", "5-0": "duplicates"},
        failed=frozenset({"3-0"}),
        rejected={"4-0": "no good"},
    )
    verdict = answered(_pipe(MaximumRetryAttempts=0), Parcel(records), answer, TRIED)
    assert tally(_pipe(DestinationConfig={"OnFailure": {"Destination": "dead"}}), verdict) == {
        "ingest.in": 5,
        "ingest.out": 1,
        "ingest.stored": 1,
        "ingest.duplicates": 1,
        "ingest.dead": 1,
        "ingest.rejected": 1,
        "stored": 1,
        "duplicates": 1,
        "dead": 1,
        "rejected": 1,
    }


def test_what_is_no_post_moves_no_book() -> None:
    pipe = _pipe(Source="events", MaximumRetryAttempts=0)
    assert tally(pipe, failed(pipe, Parcel(_records(1)), FAILURE)) == {
        "ingest.in": 1,
        "ingest.dead": 1,
        "ingest.dropped": 1,
    }


def test_a_letter_has_everything_needed_to_send_it_again() -> None:
    _, verdict = screened(_pipe(MaximumRecordAgeInSeconds=1), _records(1), 10_000)
    assert verdict.ended == ["1-0"]
    assert letter_fields(_pipe(), verdict.letters[0], 10_000) == {
        "body": b"{}",
        "stream": "raw",
        "pipe": "ingest",
        "function": "f",
        "id": "1-0",
        "kind": "dead",
        "condition": "RecordAgeExceeded",
        "reason": "age spent: waited 10.0 s of 1 s",
        "error_type": "RecordAgeExceeded",
        "attempts": 0,
        "first_at": 1,
        "dead_at": 10_000,
    }


def test_a_letter_tells_of_the_last_try() -> None:
    pipe = _pipe(MaximumRetryAttempts=0)
    fields = letter_fields(pipe, failed(pipe, Parcel(_records(1)), FAILURE).letters[0], 10_000)
    assert fields["condition"] == "RetryAttemptsExhausted"
    assert (fields["error_type"], fields["error_message"], fields["stack_trace"]) == ("ValueError", "bad", "line 1")
    assert (fields["tried_at"], fields["batch_size"], fields["request_id"]) == (5_000, 7, "r-1")


def test_a_record_that_died_of_age_says_what_its_last_try_came_to() -> None:
    pipe = _pipe(MaximumRecordAgeInSeconds=1)
    (waiting,) = put_off(Parcel(_records(1), failures=3), Failure("ThrottledError", "too many", TRIED)).retries
    assert (waiting.failures, waiting.records[0].attempts) == (3, 0)
    (letter,) = screened(pipe, waiting.records, 10_000)[1].letters
    assert (letter.condition, letter.error_type) == ("RecordAgeExceeded", "RecordAgeExceeded")
    assert letter.reason.endswith("of 1 s; the last try failed: ThrottledError: too many")
    assert letter_fields(pipe, letter, 10_000)["error_message"] == "too many"


def test_a_batch_too_large_to_carry_is_halved_and_costs_neither_attempt_nor_delay() -> None:
    verdict = too_large(Parcel(_records(5), failures=2), FAILURE)
    assert [[record.id for record in parcel.records] for parcel in verdict.retries] == [
        ["1-0", "2-0"],
        ["3-0", "4-0", "5-0"],
    ]
    assert [parcel.failures for parcel in verdict.retries] == [2, 2]
    assert {record.attempts for parcel in verdict.retries for record in parcel.records} == {0}


def test_a_record_too_large_to_carry_alone_is_rejected_at_once() -> None:
    verdict = too_large(Parcel(_records(1)), Failure("Function.ResponseSizeTooLarge", "6291556 bytes", TRIED))
    (letter,) = verdict.letters
    assert (verdict.ended, letter.kind, letter.condition) == (["1-0"], "rejected", "PayloadTooLarge")
    assert letter.reason == "Function.ResponseSizeTooLarge: 6291556 bytes"
    assert (letter.error_type, letter.record.attempts) == ("Function.ResponseSizeTooLarge", 0)
