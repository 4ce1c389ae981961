"""Summary, trend and analyze, through the handler: the running picture, cached no longer than it is true."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from barometer.stores.keys import CreatedKey

Call = Callable[..., Any]
Stored = Callable[..., list[str]]


@pytest.fixture
def reader(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("read")


def test_a_summary_counts_its_window_and_the_one_before(call: Call, reader: CreatedKey, stored: Stored):
    stored("a", "b", topics=["rust"])
    stored("c", shares=(0, 1_000, 9_000))
    stored("d", minutes_ago=90)
    summary = call("GET", "/api/summary", key=reader).json
    assert summary["topic"] == "*"
    assert summary["window"] == "1h"
    assert summary["posts"] == 3
    assert summary["sentiment"] == {"positive": 2, "neutral": 0, "negative": 1}
    assert summary["score"] == pytest.approx((0.6 + 0.6 - 0.9) / 3)
    assert summary["previous"]["posts"] == 1
    assert call("GET", "/api/summary", key=reader, topic="rust").json["posts"] == 2
    assert call("GET", "/api/summary", key=reader, source="nowhere").json["score"] is None
    assert call("GET", "/api/summary", key=reader, window="3h").json["posts"] == 4


def test_a_summary_is_cached_and_dropped_as_soon_as_a_post_changes_it(
    call: Call, reader: CreatedKey, stored: Stored, postgres_url: str
):
    stored("a")
    assert call("GET", "/api/summary", key=reader, window="7d").json["posts"] == 1
    with psycopg.connect(postgres_url) as connection:  # behind the cache's back, to see that it answers
        connection.execute("UPDATE rollups SET posts = 99")
    assert call("GET", "/api/summary", key=reader, window="7d").json["posts"] in {1, 99}
    stored("b")
    assert call("GET", "/api/summary", key=reader, window="7d").json["posts"] == 100


def test_a_cache_that_is_away_only_makes_answers_fresh(
    call: Call, reader: CreatedKey, stored: Stored, environment: pytest.MonkeyPatch
):
    stored("a")
    environment.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1/0")
    answer = call("GET", "/api/summary", key=reader)
    assert answer.status == 200
    assert answer.json["posts"] == 1


def test_a_trend_has_a_point_for_every_bucket(call: Call, reader: CreatedKey, stored: Stored):
    stored("a", minutes_ago=31)
    stored("b", minutes_ago=2)
    trend = call("GET", "/api/trend", key=reader, window="1h", bucket="10m").json
    assert trend["bucket_seconds"] == 600
    starts = [datetime.fromisoformat(point["at"]) for point in trend["points"]]
    assert [later - sooner for sooner, later in itertools.pairwise(starts)] == [timedelta(minutes=10)] * 5
    assert sum(point["posts"] for point in trend["points"]) == 2
    assert {point["score"] for point in trend["points"] if not point["posts"]} == {None}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/summary", {"window": "1y"}, "window"),
        ("/api/summary", {"window": "32d"}, "window"),
        ("/api/summary", {"window": ""}, "window"),
        ("/api/summary", {"bucket": "5m"}, "bucket"),
        ("/api/summary", {"topic": "\x00"}, "topic"),
        ("/api/trend", {"bucket": "7m"}, "bucket"),
        ("/api/trend", {"window": "31d", "bucket": "1m"}, "bucket"),
        ("/api/trend", {"bucket": "0m"}, "bucket"),
    ],
)
def test_a_wrong_window_or_bucket_is_named(
    call: Call, reader: CreatedKey, path: str, query: dict[str, str], field: str
):
    answer = call("GET", path, key=reader, **query)
    assert answer.status == 422
    assert [name for name, _ in answer.faults] == [field]


def test_texts_are_scored_and_nothing_is_stored(call: Call, reader: CreatedKey):
    answer = call("POST", "/api/analyze", {"texts": ["I love this!", "I hate this."]}, key=reader)
    assert answer.status == 200
    assert [item["sentiment"]["label"] for item in answer.json["items"]] == ["positive", "negative"]
    assert [item["emotion"]["label"] for item in answer.json["items"]] == ["joy", "anger"]
    assert call("GET", "/api/posts", key=reader).json["items"] == []


def test_a_language_that_the_model_does_not_read_is_not_guessed(call: Call, reader: CreatedKey):
    answer = call("POST", "/api/analyze", {"texts": ["Ich liebe es"], "lang": "de"}, key=reader)
    assert answer.json["items"] == [{"sentiment": None, "emotion": None, "model": None}]
    assert call("POST", "/api/analyze", {"texts": ["fine"], "lang": "en-GB"}, key=reader).json["items"][0]["model"]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"texts": []}, "texts", "at least 1"),
        ({"texts": ["x"] * 101}, "texts", "has 101; the most is 100"),
        ({"texts": ["fine", ""]}, "texts.1", "is empty"),
        ({"texts": ["x" * 10_001]}, "texts.0", "has 10,001 characters"),
        ({"texts": ["x" * 10_000] * 11}, "texts", "110,000 characters"),
        ({"texts": "fine"}, "texts", "valid list"),
        ({"texts": ["fine"], "model": "gpt"}, "model", "is not a known field"),
        ({"texts": ["fine"], "lang": "?"}, "lang", "pattern"),
    ],
)
def test_wrong_texts_are_named(call: Call, reader: CreatedKey, body: dict[str, object], field: str, reason: str):
    answer = call("POST", "/api/analyze", body, key=reader)
    assert answer.status == 422
    ((name, why),) = answer.faults
    assert name == field
    assert reason in why
