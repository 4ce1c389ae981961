"""Which model is in use and why: noted by infer in Redis, read by the API."""

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from barometer.analyzers.chain import Used
from barometer.stores import models
from barometer.stores import redis as door
from barometer.stores.models import MOST_REASONS, Notes
from functions.infer import app
from tests.cluster import keys
from tests.scored import Context, example

OURS, FALLEN = Used("barometer-en-1", ""), Used("linear-en-1", "local: no model.onnx")
GERMAN = Used(None, "no model reads the language")


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with door.client(redis_url) as client:
        yield client


def test_what_was_used_is_counted_over_processes_and_hours(
    client: "redis.Redis", redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    now = time.time()
    for hours_ago, posts in ((30, 1_000), (23, 100), (0, 10)):
        monkeypatch.setattr(models.time, "time", lambda ago=hours_ago: now - ago * 3_600)
        Notes(client).add({OURS: posts, GERMAN: 1}, OURS)
    Notes(client).add({FALLEN: 5}, FALLEN)
    assert models.counts(client) == {OURS: 110, GERMAN: 2, FALLEN: 5}
    assert all(0 < client.ttl(key) <= 25 * 3_600 for key in keys(redis_url, "barometer:*"))


def test_the_model_in_use_is_told_with_its_reason_and_since_when(
    client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
):
    assert models.in_use(client) is None
    start = time.time()
    now = [start]
    monkeypatch.setattr(models.time, "time", lambda: now[0])

    def told(leading: Used | None) -> tuple[str | None, str, datetime]:
        Notes(client).add({GERMAN: 1}, leading)
        it = models.in_use(client)
        assert it is not None
        return it.model, it.because, it.since

    at = datetime.fromtimestamp(int(start * 1_000) / 1_000, UTC)
    assert told(OURS) == ("barometer-en-1", "", at)
    now[0] += 60
    assert told(OURS) == told(None) == ("barometer-en-1", "", at)
    assert told(FALLEN)[:2] == FALLEN
    assert told(FALLEN)[2] - at == pytest.approx(timedelta(seconds=60), abs=timedelta(milliseconds=2))
    assert told(Used(None, "no model can be reached"))[:2] == (None, "no model can be reached")


def test_reasons_without_end_are_kept_with_an_end(client: "redis.Redis"):
    for number in range(3):
        Notes(client).add({Used("m", f"reason {number}-{other}"): 1 for other in range(60)}, None)
    told = models.counts(client)
    assert len(told) == MOST_REASONS + 1
    assert sum(told.values()) == 180
    assert told[Used("other", "more reasons than are kept")] == 180 - MOST_REASONS


def test_without_a_redis_nothing_is_noted_and_nothing_fails():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        notes = Notes(redis.Redis.from_url(f"redis://127.0.0.1:{free.getsockname()[1]}", socket_connect_timeout=1))
        notes.add({OURS: 1}, OURS)
        started = time.monotonic()
        notes.add({OURS: 1}, OURS)
        assert time.monotonic() - started < 0.1, "it rests"


@pytest.fixture
def infer(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_url)
    monkeypatch.setenv("BAROMETER_MODEL", "vader")
    app.chain.cache_clear()
    yield app.handler
    app.chain.cache_clear()


def test_infer_notes_what_it_used_of_posts_but_not_of_what_was_only_asked(infer: Any, client: "redis.Redis"):
    batch = example("infer")
    infer(batch, Context())
    it = models.in_use(client)
    assert it is not None
    assert (it.model, it.because) == ("vader", "")
    noted = models.counts(client)
    assert noted == Counter({Used("vader", ""): 1, GERMAN: 1})
    asked = json.loads(json.dumps(batch))
    for record in asked["Records"]:
        record["stream"] = "analyze"
    infer(asked, Context())
    assert models.counts(client) == noted
