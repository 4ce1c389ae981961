"""Scores that are remembered in Redis."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis

from barometer.analyzers.chain import Chain, Wanted
from barometer.analyzers.links import Link
from barometer.scores import Distribution, Score
from barometer.stores import redis as door
from barometer.stores import scores as store
from barometer.stores.scores import ScoreMemory
from tests.cluster import keys

SCORE = Score(
    Distribution("neutral", (3_334, 3_334, 3_332)),
    Distribution("surprise", (1, 2, 3, 4, 5, 6, 9_979)),
    "barometer-en-1",
)
TEXTS = [f"text {number} 🚋" for number in range(50)]


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with door.client(redis_url) as client:
        yield client


@pytest.mark.parametrize(
    "score",
    [SCORE, Score(SCORE.sentiment, None, "vader"), Score(None, SCORE.emotion, "emotions"), Score(None, None, "m")],
)
def test_a_score_comes_back_as_it_was_with_its_own_label_where_shares_are_equal(client: "redis.Redis", score: Score):
    assert score.model is not None
    memory = ScoreMemory(client, 60)
    memory.keep(score.model, dict.fromkeys(TEXTS, score))
    assert memory.recall(score.model, [*TEXTS, "new"]) == dict.fromkeys(TEXTS, score)


def test_another_model_or_text_is_never_given_the_score(client: "redis.Redis"):
    memory = ScoreMemory(client, 60)
    memory.keep("barometer-en-1", {"a": SCORE})
    assert memory.recall("barometer-en-2", ["a"]) == {}
    assert memory.recall("barometer-en-1", ["A", "a ", ""]) == {}
    assert memory.recall("barometer-en-1", []) == {}


def test_a_score_is_forgotten_in_time(client: "redis.Redis", redis_url: str):
    now = [1_000_000.0]
    memory = ScoreMemory(client, 60, now=lambda: now[0])
    memory.keep("m", {"a": SCORE})
    (key,) = keys(redis_url, "barometer:scores:*")
    assert 0 < client.ttl(key) <= 61
    now[0] += 29
    assert "a" in memory.recall("m", ["a"])
    now[0] += 31
    assert memory.recall("m", ["a"]) == {}


def test_memory_that_is_full_takes_nothing_more_until_the_next_half(client: "redis.Redis", redis_url: str):
    now = [1_000_000.0]
    memory = ScoreMemory(client, 60, most=10, now=lambda: now[0])
    for number in range(30):
        memory.recall("m", [f"{number}"])
        memory.keep("m", {f"{number}": SCORE})
    assert client.hlen(keys(redis_url, "barometer:scores:*")[0]) == 10
    now[0] += 30
    memory.recall("m", ["next"])
    memory.keep("m", {"next": SCORE})
    assert "next" in memory.recall("m", ["next"])


def test_an_entry_takes_few_bytes(client: "redis.Redis", redis_url: str):
    ScoreMemory(client, 60).keep("m", {f"text {number}": SCORE for number in range(10_000)})
    (key,) = keys(redis_url, "barometer:scores:*")
    assert client.memory_usage(key, samples=0) / 10_000 < 120


def test_without_a_redis_nothing_is_remembered_and_nothing_fails():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        memory = ScoreMemory(
            redis.Redis.from_url(f"redis://127.0.0.1:{free.getsockname()[1]}", socket_connect_timeout=1), 60
        )
        assert memory.recall("m", TEXTS) == {}
        started = time.monotonic()
        for _ in range(100):
            memory.keep("m", {"a": SCORE})
            assert memory.recall("m", ["a"]) == {}
        assert time.monotonic() - started < 1, "it rests"


def test_it_goes_on_when_redis_is_back(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "REST_SECONDS", 0.0)
    memory = ScoreMemory(client, 60)
    client.set(f"barometer:scores:{{barometer-en-1}}:{int(time.time() // 30)}", "not a hash")
    assert memory.recall("barometer-en-1", ["a"]) == {}
    client.flushall()
    memory.keep("barometer-en-1", {"a": SCORE})
    assert memory.recall("barometer-en-1", ["a"]) == {"a": SCORE}


def test_a_repost_is_scored_once_by_processes_that_share_the_redis(client: "redis.Redis"):
    class Counting:
        name = "slow"
        languages = frozenset({"en"})
        asked = 0

        def analyze(self, texts: list[str]) -> list[Score]:
            self.asked += len(texts)
            return [Score(SCORE.sentiment, SCORE.emotion, "slow") for _ in texts]

    model = Counting()
    chains = [
        Chain([Link("slow", lambda: model, remembered=True)], ScoreMemory(client, 60))  # type: ignore[arg-type, return-value]
        for _ in range(2)
    ]
    first, second = (chain.score([Wanted(text, "en") for text in TEXTS]) for chain in chains)
    assert model.asked == len(TEXTS)
    assert first.scores == second.scores
    assert (first.recalled, second.recalled) == (0, len(TEXTS))
