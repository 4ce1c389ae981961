"""The handlers of ``aggregate`` and ``alert``, called with an event and nothing running."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.aggregate import app as aggregate
from functions.alert import app as alert
from tests.scored import Context, event, post


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch):
    """Whatever would open a connection fails the test."""
    monkeypatch.setenv("BAROMETER_DATABASE_URL", "postgresql:///none?host=/nowhere")
    monkeypatch.setenv("BAROMETER_REDIS_URL", "unix:///nowhere/redis.sock")


def spoilt(**fields: object) -> dict[str, Any]:
    return post(**fields).as_json()


def without_score() -> dict[str, Any]:
    body = spoilt()
    del body["score"]
    return body


def scored(name: str, distribution: object) -> dict[str, Any]:
    body = spoilt()
    body["score"][name] = distribution
    return body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ("null", "Input should be an object"),
        (without_score(), "score: Field required"),
        (spoilt(text=7), "post.text: Input should be a valid string"),
        (spoilt(topics=None), "post.topics: Input should be a valid array"),
        (spoilt(id="7"), "badly formed hexadecimal UUID string"),
        (spoilt(created_at="yesterday"), "Invalid isoformat string"),
        (spoilt(created_at="2026-03-04T12:00:00"), "post.created_at: has no time zone"),
        (scored("sentiment", {"label": "grand", "shares": [1, 2, 3]}), "score.sentiment: is not a distribution"),
        (scored("sentiment", {"label": "neutral", "shares": [1, 2]}), "score.sentiment: is not a distribution"),
        (scored("emotion", {"label": "posts", "shares": [0] * 7}), "score.emotion: is not a distribution"),
        (scored("emotion", {"label": "joy", "shares": ["1"] * 7}), "score.emotion.shares.0: Input should be a valid"),
    ],
)
def test_a_record_that_is_no_scored_post_is_rejected_with_the_field_at_fault(body: object, reason: str):
    response = aggregate.handler(event([body]), Context())
    [rejection] = response["rejections"]
    assert rejection["itemIdentifier"] == "1700000000000-0"
    assert rejection["reason"].startswith("not a scored post: ")
    assert reason in rejection["reason"]
    assert response["records"] == response["finished"] == response["batchItemFailures"] == []


def test_every_bad_record_of_a_batch_is_named():
    response = aggregate.handler(event(["{"] * 3), Context())
    assert [rejection["itemIdentifier"] for rejection in response["rejections"]] == [
        f"1700000000000-{n}" for n in range(3)
    ]


@pytest.mark.parametrize("handler", [aggregate.handler, alert.handler])
@pytest.mark.parametrize("nonsense", [{"Records": []}, {"Records": [{"body": "{}"}]}, {"hello": "world"}])
def test_what_is_no_event_of_ours_fails_loudly(handler: Any, nonsense: dict[str, Any]):
    with pytest.raises((ValidationError, ValueError)):
        handler(nonsense, Context())


def test_a_change_that_names_no_topics_judges_nothing():
    response = alert.handler(event([{"topics": []}], "stored"), Context())
    assert response["finished"] == [{"itemIdentifier": "1700000000000-0", "as": "judged"}]


@pytest.mark.parametrize("body", ["{", "[]", {"minutes": []}, {"topics": 7}, {"topics": [7]}, {"topics": "rain"}])
def test_a_change_that_cannot_be_read_is_rejected(body: object):
    response = alert.handler(event([body], "stored"), Context())
    [rejection] = response["rejections"]
    assert rejection["reason"].startswith("names no topics")
    assert response["finished"] == []
