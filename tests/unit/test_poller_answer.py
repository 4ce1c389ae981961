"""What the poller believes of a function's answer, and what it says of one that it does not believe."""

from typing import Any

import orjson
import pytest

from barometer.stores.functions import LONGEST_TEXT
from barometer.streams import Pipe
from infra.poller.answer import MOST_OUTPUTS, AnswerError, parse

POSTS = Pipe.model_validate({"Name": "ingest", "Source": "raw", "FunctionName": "f", "Targets": ["posts", "events"]})
OTHER = Pipe.model_validate({"Name": "push", "Source": "events", "FunctionName": "f", "Targets": ["alerts"]})
A, B = "1-0", "2-0"


def _answer(**lists: Any) -> bytes:
    return orjson.dumps(lists)


def _on(origin: str, to: str = "posts", **more: Any) -> dict[str, Any]:
    return {"from": origin, "to": to, "body": {"n": 1}, **more}


def _id(*names: str, **more: str) -> list[dict[str, str]]:
    return [{"itemIdentifier": name, **more} for name in names]


def test_a_sound_answer_is_read_whole() -> None:
    answer = parse(
        _answer(
            records=[_on(A, key="k"), _on(A, to="events")],
            finished=[],
            batchItemFailures=_id(B),
            rejections=_id("3-0", reason="bad"),
        ),
        POSTS,
        [A, B, "3-0"],
    )
    assert [(output.origin, output.to, output.key, output.body) for output in answer.outputs] == [
        (A, "posts", "k", b'{"n":1}'),
        (A, "events", None, b'{"n":1}'),
    ]
    assert (answer.finished, answer.failed, answer.rejected) == ({}, {B}, {"3-0": "bad"})


def test_lists_that_are_empty_may_be_left_out() -> None:
    assert parse(_answer(finished=_id(A, **{"as": "stored"})), POSTS, [A]).finished == {A: "stored"}


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"null", "the whole: Input should be"),
        (b"[]", "the whole: Input should be"),
        (_answer(recods=[]), "recods: Extra inputs are not permitted"),
        (_answer(records=[{"to": "posts", "body": 1}]), "records.0.from: Field required"),
        (_answer(records=[_on(A, to=7)]), "records.0.to: Input should be a valid string"),
        (_answer(records=[_on(A, key="")]), "records.0.key: String should have at least 1 character"),
        (_answer(batchItemFailures=[{"itemIdentifier": None}]), "batchItemFailures.0.itemIdentifier"),
        (_answer(rejections=_id(A)), "rejections.0.reason: Field required"),
        (_answer(finished=_id(A, **{"as": "Not a counter"})), "finished.0.as: String should match"),
        (b'{"records":[{"from":"1-0","to":"posts","body":' + b"[" * 300 + b"]" * 300 + b"}]}", "cannot be written"),
    ],
)
def test_what_is_not_an_answer_is_told_where_it_is_wrong(payload: bytes, says: str) -> None:
    with pytest.raises(AnswerError, match=r"^the ") as refusal:
        parse(payload, POSTS, [A])
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"records": [_on(A)]}, f"names these records nowhere: {B}"),
        ({"records": [_on(A), _on(B), _on("9-9")]}, "were not in the batch: 9-9"),
        ({"records": [_on(A), _on(B)], "batchItemFailures": _id(A)}, f"have ended and that they failed: {A}"),
        (
            {"records": [_on(A), _on(B)], "rejections": _id(B, reason="r")},
            f"have ended and that they are rejected: {B}",
        ),
        ({"batchItemFailures": _id(A, B), "rejections": _id(A, reason="r")}, f"failed and that they are rejected: {A}"),
        ({"records": [_on(A), _on(B, to="dead")]}, "sends records to 'dead'; the pipe leads to ['posts', 'events']"),
    ],
)
def test_an_answer_that_does_not_fit_its_batch_names_the_records(lists: dict[str, Any], says: str) -> None:
    with pytest.raises(AnswerError) as refusal:
        parse(_answer(**lists), POSTS, [A, B])
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"records": [_on(A), _on(A)]}, "ends posts twice: 1-0"),
        ({"records": [_on(A)], "finished": _id(A, **{"as": "stored"})}, "ends posts twice: 1-0"),
        ({"finished": _id(A, A, **{"as": "stored"})}, "ends posts twice: 1-0"),
        ({"records": [_on(A, to="events")]}, "neither sends these posts on nor finishes them: 1-0"),
        ({"finished": _id(A, **{"as": "accepted"})}, "finishes posts as 'accepted'; the books know stored, duplicates"),
    ],
)
def test_an_answer_that_would_unbalance_the_books_is_refused(lists: dict[str, Any], says: str) -> None:
    with pytest.raises(AnswerError) as refusal:
        parse(_answer(**lists), POSTS, [A])
    assert says in str(refusal.value)


def test_what_is_no_post_may_end_as_it_likes() -> None:
    answer = parse(_answer(records=[_on(A, to="alerts"), _on(A, to="alerts")]), OTHER, [A])
    assert len(answer.outputs) == 2
    assert parse(_answer(finished=_id(A, **{"as": "sent"})), OTHER, [A]).finished == {A: "sent"}


@pytest.mark.parametrize("counter", ["in", "out", "filtered", "dead", "redriven"])
def test_no_function_moves_a_counter_of_the_poller_s_own(counter: str) -> None:
    with pytest.raises(AnswerError, match=f"finishes records as '{counter}', which the poller itself counts"):
        parse(_answer(finished=_id(A, **{"as": counter})), OTHER, [A])


def test_failures_of_single_records_must_be_declared() -> None:
    pipe = OTHER.model_copy(update={"function_response_types": []})
    with pytest.raises(AnswerError, match="FunctionResponseTypes"):
        parse(_answer(batchItemFailures=_id(A)), pipe, [A])


def test_an_answer_has_no_more_records_than_one_commit_can_write() -> None:
    with pytest.raises(AnswerError, match=r"has 100,001 records; 100,000 are the most"):
        parse(_answer(records=[_on(A, to="alerts")] * (MOST_OUTPUTS + 1)), OTHER, [A])


def test_no_answer_makes_its_dead_letters_as_long_as_itself() -> None:
    long = "x" * 1_000_000
    with pytest.raises(AnswerError, match="the answer sends records to") as error:
        parse(_answer(records=[_on(A, to=long)]), POSTS, [A])
    assert len(str(error.value)) == LONGEST_TEXT
    rejected = parse(_answer(rejections=_id(A, B, reason=long)), POSTS, [A, B]).rejected
    assert [len(reason) for reason in rejected.values()] == [LONGEST_TEXT] * 2


def test_a_long_list_of_records_is_cut_short() -> None:
    with pytest.raises(AnswerError, match=r"10-0, 11-0, 12-0 and 87 more$"):
        parse(_answer(), POSTS, [f"{n}-0" for n in range(10, 100)])
