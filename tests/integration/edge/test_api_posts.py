"""Posts in and out, through the handler: what is accepted lies in ``raw`` and is counted; what is not, is named."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from barometer.stores.keys import CreatedKey
from barometer.streams import counters_key, stream_key

Call = Callable[..., Any]


@pytest.fixture
def writer(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("write", "read")


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def raw(store: redis.Redis) -> list[dict[str, Any]]:
    return [json.loads(entry[1][b"body"]) for entry in store.xrange(stream_key("raw", 0))]


def test_accepted_posts_lie_in_raw_each_with_its_own_receipt_and_are_counted(
    call: Call, writer: CreatedKey, store: redis.Redis
):
    at = datetime.now(UTC).isoformat()
    posts = [
        {
            "text": " caf\u0065\u0301 ",
            "source": "test",
            "source_id": "1",
            "created_at": at,
            "metadata": {"a": [1, None]},
        },
        {"text": "two", "source": "test", "author": "ann", "url": "https://example.org/2", "lang": "en"},
    ]
    answer = call("POST", "/api/posts", {"posts": posts}, key=writer)
    assert answer.status == 202
    assert answer.json == {"accepted": 2, "rejected": []}
    one, two = raw(store)
    assert one["receipt"] != two["receipt"]
    assert one["received_at"] == two["received_at"]
    assert one["post"]["text"] == "caf\u00e9"
    assert one["post"]["metadata"] == {"a": [1, None]}
    assert "author" not in one["post"]
    assert store.hget(counters_key(0), "accepted") == b"2"


def test_copies_of_a_post_are_accepted_each_with_its_own_receipt(call: Call, writer: CreatedKey, store: redis.Redis):
    copy = {"text": "one", "source": "test", "source_id": "1"}
    for _ in range(2):
        assert call("POST", "/api/posts", {"posts": [copy, copy]}, key=writer).json["accepted"] == 2
    assert len({record["receipt"] for record in raw(store)}) == 4


FAR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
OLD = (datetime.now(UTC) - timedelta(days=31)).isoformat()


@pytest.mark.parametrize(
    ("post", "field", "reason"),
    [
        ({"text": "", "source": "test"}, "text", "is empty"),
        ({"text": " \x00 ", "source": "test"}, "text", "is empty"),
        ({"text": "x" * 10_001, "source": "test"}, "text", "has 10,001 characters; the most is 10,000"),
        ({"source": "test"}, "text", "is required"),
        ({"text": 5, "source": "test"}, "text", "must be a valid string"),
        ({"text": None, "source": "test"}, "text", "must be a valid string"),
        ({"text": "x"}, "source", "is required"),
        ({"text": "x", "source": "No Such"}, "source", "pattern"),
        ({"text": "x", "source": "test", "mood": "good"}, "mood", "is not a known field"),
        ({"text": "x", "source": "test", "created_at": FAR}, "created_at", "is more than 5 minutes ahead"),
        ({"text": "x", "source": "test", "created_at": OLD}, "created_at", "is older than the retention of 30 days"),
        ({"text": "x", "source": "test", "created_at": "2026-01-01T00:00:00"}, "created_at", "timezone"),
        ({"text": "x", "source": "test", "created_at": "yesterday"}, "created_at", "datetime"),
        ({"text": "x", "source": "test", "url": "javascript:alert(1)"}, "url", "pattern"),
        ({"text": "x", "source": "test", "lang": "english!"}, "lang", "pattern"),
        ({"text": "x", "source": "test", "metadata": []}, "metadata", "must be an object"),
        ({"text": "x", "source": "test", "metadata": {"a": "\x00"}}, "metadata", "NUL"),
        ({"text": "x", "source": "test", "metadata": {"a": "x" * 20_000}}, "metadata", "the most is 10,000"),
        ("a text", "body", "must be"),
        (None, "body", "must be"),
    ],
)
def test_a_bad_post_is_named_and_holds_up_no_good_one(  # noqa: PLR0917 (pytest gives them by name)
    call: Call, writer: CreatedKey, store: redis.Redis, post: object, field: str, reason: str
):
    good = {"text": "good", "source": "test"}
    answer = call("POST", "/api/posts", {"posts": [good, post, {**good, "text": "better"}]}, key=writer)
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    (rejected,) = answer.json["rejected"]
    assert (rejected["index"], rejected["field"]) == (1, field)
    assert reason in rejected["reason"]
    assert [entry["post"]["text"] for entry in raw(store)] == ["good", "better"]


def test_if_no_post_can_be_taken_the_answer_is_a_problem_that_lists_each(
    call: Call, writer: CreatedKey, store: redis.Redis
):
    answer = call("POST", "/api/posts", {"posts": [{"text": ""}, {"text": "x", "source": 1}]}, key=writer)
    assert answer.status == 422
    assert [(fault["index"], fault["field"]) for fault in answer.json["errors"]] == [(0, "text"), (1, "source")]
    assert raw(store) == []


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"posts": []}, "posts", "at least 1 item"),
        ({"posts": [{"text": "x", "source": "test"}] * 1_001}, "posts", "has 1,001; the most is 1,000"),
        ({"posts": {"text": "x"}}, "posts", "valid list"),
        ({}, "posts", "is required"),
        ({"posts": [], "dry_run": True}, "dry_run", "is not a known field"),
        ([], "body", "must be an object"),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_takes_nothing(  # noqa: PLR0917 (pytest gives them by name)
    call: Call, writer: CreatedKey, store: redis.Redis, body: object, field: str, reason: str
):
    answer = call("POST", "/api/posts", body, key=writer)
    assert answer.status == 422
    assert any(name == field and reason in why for name, why in answer.faults)
    assert raw(store) == []


def test_a_thousand_posts_are_taken_at_once(call: Call, writer: CreatedKey, store: redis.Redis, aws: SimpleNamespace):
    aws.deployment = {**aws.deployment, "Streams": {**aws.deployment["Streams"], "raw": {"MaximumLength": 1_000}}}
    posts = [{"text": f"post {n}", "source": "test"} for n in range(1_000)]
    assert call("POST", "/api/posts", {"posts": posts}, key=writer).json["accepted"] == 1_000
    assert store.xlen(stream_key("raw", 0)) == 1_000


def test_a_full_pipeline_takes_nothing_and_says_when_to_come_again(call: Call, writer: CreatedKey, store: redis.Redis):
    body = {"posts": [{"text": f"post {n}", "source": "test"} for n in range(50)]}
    assert call("POST", "/api/posts", body, key=writer).status == 202
    refused = call("POST", "/api/posts", {"posts": [{"text": "one more", "source": "test"}]}, key=writer)
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json["title"] == "Service Unavailable"
    assert store.hget(counters_key(0), "accepted") == b"50"


def test_a_redis_that_is_away_is_a_503_that_says_when_to_come_again(
    call: Call, writer: CreatedKey, environment: pytest.MonkeyPatch
):
    environment.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1/0")
    answer = call("POST", "/api/posts", {"posts": [{"text": "x", "source": "test"}]}, key=writer)
    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert "Redis" in answer.json["detail"]


def test_stored_posts_come_out_newest_first_by_pages_and_filtered(
    call: Call, writer: CreatedKey, stored: Callable[..., list[str]]
):
    ids = stored(*[f"post number {n}" for n in range(5)], topics=["rust"])
    (other,) = stored("Vom Regen in die Traufe", source="other", author="ann", minutes_ago=60)
    first = call("GET", "/api/posts", key=writer, limit=4).json
    assert [item["id"] for item in first["items"]] == ids[::-1][:4]
    rest = call("GET", "/api/posts", key=writer, limit=4, cursor=first["next_cursor"]).json
    assert [item["id"] for item in rest["items"]] == [ids[0], other]
    assert rest["next_cursor"] is None

    def found(**query: object) -> set[str]:
        answer = call("GET", "/api/posts", key=writer, **query)
        assert answer.status == 200, answer.text
        return {item["id"] for item in answer.json["items"]}

    assert found(topic="rust") == set(ids)
    assert found(source="other") == found(author="ann") == found(q="traufe") == {other}
    half_an_hour_ago = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    assert found(since=half_an_hour_ago) == set(ids)
    assert found(until=half_an_hour_ago) == {other}
    assert found(sentiment="positive") == {*ids, other}
    assert found(sentiment="negative") == found(emotion="joy") == found(lang="de") == set()


def test_one_post_is_shown_as_the_contract_has_it(call: Call, writer: CreatedKey, stored: Callable[..., list[str]]):
    (post_id,) = stored("hello", topics=["rust"])
    post = call("GET", f"/api/posts/{post_id}", key=writer).json
    assert post.keys() == {
        "id", "text", "source", "source_id", "author", "created_at", "received_at", "url", "lang", "topics",
        "sentiment", "emotion", "model", "corrected",
    }  # fmt: skip
    assert post["sentiment"] == {"label": "positive", "positive": 0.7, "neutral": 0.2, "negative": 0.1}
    assert post["emotion"] is None
    assert post["topics"] == ["rust"]


def test_a_post_that_is_not_there_is_a_404_and_an_id_that_is_none_a_422(call: Call, writer: CreatedKey):
    assert call("GET", "/api/posts/00000000-0000-0000-0000-000000000000", key=writer).status == 404
    answer = call("GET", "/api/posts/1", key=writer)
    assert answer.status == 422
    assert answer.faults[0][0] == "id"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"cursor": "broken"}, "cursor"),
        ({"cursor": "é" * 32}, "cursor"),
        ({"cursor": "f" * 32 + "="}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sentiment": "good"}, "sentiment"),
        ({"emotion": "love"}, "emotion"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "later"}, "until"),
        ({"topic": "a\x00b"}, "topic"),
        ({"q": "\x00"}, "q"),
        ({"q": ""}, "q"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_filter_is_named(call: Call, writer: CreatedKey, query: dict[str, object], field: str):
    answer = call("GET", "/api/posts", key=writer, **query)
    assert answer.status == 422
    assert [name for name, _ in answer.faults] == [field]


def test_search_text_that_means_something_to_postgres_is_only_text(call: Call, writer: CreatedKey):
    for q in ("'; DROP TABLE posts; --", "a & | ! ( b", '"unclosed', "%s %(q)s", "\\"):
        assert call("GET", "/api/posts", key=writer, q=q).status == 200


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time_are_no_fault_of_ours(call: Call, writer: CreatedKey, moment: str):
    posts = [{"text": "x", "source": "test", "created_at": moment}]
    assert call("POST", "/api/posts", {"posts": posts}, key=writer).faults[0][0] == "created_at"
    assert call("GET", "/api/posts", key=writer, since=moment).status == 200
    assert call("GET", "/api/posts", key=writer, until=moment).status == 200


def test_a_warm_request_is_quick(call: Call, writer: CreatedKey):
    """Some milliseconds on an idle machine; the bound only catches what is far off."""
    body = {"posts": [{"text": "quick", "source": "test"}]}
    call("POST", "/api/posts", body, key=writer)
    best = min(_timed(call, "POST", "/api/posts", body, key=writer) for _ in range(10))
    assert best < 0.1


def _timed(call: Call, *args: object, **options: object) -> float:
    began = time.perf_counter()
    call(*args, **options)
    return time.perf_counter() - began
