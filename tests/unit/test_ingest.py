"""What a feed or client said becomes a clean post, or is rejected with its reason, alone."""

import itertools
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.events import Response, StreamEvent
from barometer.steps.ingest import ingest
from barometer.topics import Topic, TopicMatcher

RECEIVED = "2025-11-22T12:00:00+00:00"
MATCHER = TopicMatcher([Topic("transit", "tram OR #transit"), Topic("rust", "rust")])


def accepted(**post: object) -> dict[str, Any]:
    return {
        "receipt": "0f8fad5bd9cb469fa16570867728950e",
        "received_at": RECEIVED,
        "post": {"text": "The tram is late", "source": "test"} | post,
    }


def run(*bodies: str | dict[str, Any], matcher: TopicMatcher = MATCHER) -> Response:
    records = [
        {
            "messageId": f"{number}-0",
            "body": body if isinstance(body, str) else orjson.dumps(body).decode(),
            "stream": "raw",
            "attributes": {"SentTimestamp": "1763812800000"},
        }
        for number, body in enumerate(bodies)
    ]
    return ingest(StreamEvent.model_validate({"Records": records}), matcher, timedelta(days=30), "en").as_response()


def named(response: Response) -> list[str]:
    """Every record the answer names, once for each time."""
    ends = itertools.chain(response["finished"], response["batchItemFailures"], response["rejections"])
    return sorted([record["from"] for record in response["records"]] + [end["itemIdentifier"] for end in ends])


def test_a_post_comes_out_clean_with_language_topics_and_id():
    body = accepted(text="  The tram to the cafe\u0301 is late  ", source_id="7", lang="en-GB", metadata={"likes": 3})
    (record,) = run(body)["records"]
    assert record == {
        "from": "0-0",
        "to": "posts",
        "key": "2828553c-8186-5b0e-ab3a-7ca5613b391a",
        "body": {
            "id": "2828553c-8186-5b0e-ab3a-7ca5613b391a",
            "receipt": "0f8fad5bd9cb469fa16570867728950e",
            "text": "The tram to the caf\u00e9 is late",
            "source": "test",
            "source_id": "7",
            "author": None,
            "created_at": RECEIVED,
            "received_at": RECEIVED,
            "url": None,
            "lang": "en",
            "topics": ["transit"],
            "metadata": {"likes": 3},
        },
    }


def test_times_are_in_utc_whatever_offset_they_were_said_in():
    (record,) = run(accepted(created_at="2025-11-22T06:59:00-05:00"))["records"]
    assert record["body"]["created_at"] == "2025-11-22T11:59:00+00:00"


def test_a_copy_of_a_post_carries_the_same_key():
    first, second = run(accepted(source_id="7"), accepted(source_id="7") | {"receipt": "another"})["records"]
    assert first["key"] == second["key"]
    assert first["body"]["receipt"] != second["body"]["receipt"]


def test_the_same_record_gives_the_same_answer_however_often():
    bodies = [accepted(), accepted(text=""), "{"]
    assert run(*bodies) == run(*bodies)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "body: is not JSON"),
        ("", "body: is not JSON"),
        ('"\\ud800"', "body: is not JSON"),
        ("[]", "body: "),
        ("null", "body: "),
        ({"receipt": "r"}, "received_at: "),
        (accepted() | {"received_at": "noon"}, "received_at: is not a time"),
        (accepted() | {"received_at": "2025-11-22T12:00:00"}, "received_at: is not a time with its offset"),
        (accepted() | {"received_at": "9999-12-31T23:59:59-10:00"}, "received_at: is not a time"),
        (accepted() | {"post": "hello"}, "post: "),
        (accepted(text=""), "text: is empty"),
        (accepted(text="x" * 10_001), "text: has 10,001 characters; the most is 10,000"),
        (accepted(text=5), "text: "),
        (accepted(colour="blue"), "colour: "),
        (accepted(created_at="2025-11-22T12:05:01Z"), "created_at: is more than 5 minutes ahead"),
        (accepted(created_at="2025-10-01T00:00:00Z"), "created_at: is older than the retention of 30 days"),
        (accepted(created_at="0001-01-01T00:00:00+14:00"), "created_at: is older than the retention of 30 days"),
        (accepted(created_at="9999-12-31T23:59:59-14:00"), "created_at: is more than 5 minutes ahead"),
    ],
)
def test_what_is_no_post_is_rejected_by_field_and_reason_and_harms_no_other(body: str | dict[str, Any], reason: str):
    response = run(accepted(), body, accepted())
    (rejection,) = response["rejections"]
    assert rejection["itemIdentifier"] == "1-0"
    assert rejection["reason"].startswith(reason)
    assert [record["from"] for record in response["records"]] == ["0-0", "2-0"]


def test_a_fault_of_ours_costs_an_attempt_of_its_own_post_only():
    class Faulty(TopicMatcher):
        def match(self, text: str) -> list[str]:
            if "poison" in text:
                raise RuntimeError("a bug")
            return super().match(text)

    response = run(accepted(), accepted(text="poison"), matcher=Faulty([]))
    assert response["batchItemFailures"] == [{"itemIdentifier": "1-0"}]
    assert [record["from"] for record in response["records"]] == ["0-0"]


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text("aé\x00 :-Z0123456789", max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["text", "source", "source_id", "author", "created_at", "url", "lang", "metadata", "extra"])
wrong_posts = st.dictionaries(fields, json).map(lambda post: accepted(**post))


@settings(deadline=None)
@given(
    st.lists(
        st.text(max_size=20) | json.map(lambda body: orjson.dumps(body).decode()) | wrong_posts, min_size=1, max_size=5
    )
)
def test_whatever_comes_each_record_is_named_once_and_nothing_raises(bodies: list[str | dict[str, Any]]):
    response = run(*bodies)
    assert named(response) == sorted(f"{number}-0" for number in range(len(bodies)))
    assert response["batchItemFailures"] == []
