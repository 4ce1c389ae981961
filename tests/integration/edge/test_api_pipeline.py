"""Health and the books, through the handler: what they say is what is."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from barometer.analyzers.chain import Used
from barometer.stores.keys import CreatedKey
from barometer.stores.models import Notes
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
        "model": None,
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
        "model": None,
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


def test_health_and_pipeline_tell_which_model_is_in_use_and_why(
    call: Call, make_key: Callable[..., CreatedKey], redis_url: str
):
    ours, fallen = Used("barometer-en-1", ""), Used("linear-en-1", "local: no model.onnx")
    with redis.Redis.from_url(redis_url) as client:
        Notes(client).add({ours: 7}, ours)
        told = call("GET", "/api/health").json["model"]
        assert (told["in_use"], told["fallback_because"]) == ("barometer-en-1", None)
        Notes(client).add({fallen: 9, Used(None, "no model reads the language"): 2}, fallen)
    health = call("GET", "/api/health")
    assert health.status == 200
    assert (health.json["model"]["in_use"], health.json["model"]["fallback_because"]) == fallen
    pipeline = call("GET", "/api/pipeline", key=make_key("read")).json
    assert pipeline["model"] == health.json["model"]
    assert pipeline["scored_by"] == [
        {"model": "linear-en-1", "because": "local: no model.onnx", "posts": 9},
        {"model": "barometer-en-1", "because": None, "posts": 7},
        {"model": None, "because": "no model reads the language", "posts": 2},
    ]
