"""Health and the books, through the handler: what they say is what is."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from barometer.stores.keys import CreatedKey
from barometer.streams import counters_key, stream_key

Call = Callable[..., Any]


def test_health_is_ok_when_everything_answers_and_needs_no_key(call: Call):
    answer = call("GET", "/api/health")
    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "database": "ok",
        "redis": "ok",
        "functions": "ok",
        "pipeline": {"lag": 0, "oldest_ms": 0},
    }


def test_a_post_that_nobody_fetches_makes_health_degraded(call: Call, redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(stream_key("raw", 0), {"body": "{}"}, id=f"{int(time.time() * 1000) - 61_000}-0")
    answer = call("GET", "/api/health")
    assert answer.status == 200
    assert (answer.json["status"], answer.json["functions"]) == ("degraded", "behind")
    assert answer.json["pipeline"]["lag"] == 1
    assert answer.json["pipeline"]["oldest_ms"] >= 61_000


def test_a_redis_that_is_away_makes_health_down(call: Call, environment: pytest.MonkeyPatch):
    environment.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1/0")
    answer = call("GET", "/api/health")
    assert answer.status == 503
    assert answer.json == {
        "status": "down", "database": "ok", "redis": "down", "functions": "unknown", "pipeline": None,
    }  # fmt: skip


def test_a_database_that_is_away_makes_health_down(call: Call, environment: pytest.MonkeyPatch):
    environment.setenv("BAROMETER_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    answer = call("GET", "/api/health")
    assert answer.status == 503
    assert (answer.json["status"], answer.json["database"], answer.json["redis"]) == ("down", "down", "ok")


def test_the_books_add_up_and_say_so(call: Call, make_key: Callable[..., CreatedKey], redis_url: str):
    key = make_key("read", "write")
    posts = [{"text": f"post {number}", "source": "test"} for number in range(3)]
    call("POST", "/api/posts", {"posts": posts}, key=key)
    pipeline = call("GET", "/api/pipeline", key=key).json
    assert (pipeline["accepted"], pipeline["in_flight"], pipeline["balanced"]) == (3, 3, True)
    assert pipeline["streams"]["raw"]["length"] == 3
    (pipe,) = pipeline["pipes"]
    assert (pipe["name"], pipe["source"], pipe["lag"]) == ("ingest", "raw", 3)
    with redis.Redis.from_url(redis_url) as client:
        client.hincrby(counters_key(0), "stored", 1)
    assert call("GET", "/api/pipeline", key=key).json["balanced"] is False
