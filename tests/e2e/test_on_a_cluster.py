"""The whole stack over a Redis cluster of three nodes, each with a partition of its own."""

from pathlib import Path

import pytest

from barometer.streams import counters_key
from tests.cluster import connected
from tests.e2e.stack import simulated_posts, up


def test_posts_go_all_the_way_over_three_nodes_and_the_books_balance(
    short_home: Path, redis_cluster_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_cluster_url)
    monkeypatch.setenv("BAROMETER_PARTITIONS", "3")
    monkeypatch.setenv("BAROMETER_MODEL", "linear")
    with up(short_home / "cluster", "--feed", "none") as stack:
        for first in range(0, 300, 100):
            posts = [
                {"text": post["text"], "source": "cluster", "source_id": str(first + number)}
                for number, post in enumerate(simulated_posts(seed=first, count=100))
            ]
            assert stack.post("/api/posts", {"posts": posts})["accepted"] == 100
        books = stack.settled()
        assert (books["accepted"], books["stored"]) == (300, 300)
        assert stack.get("/api/summary", source="cluster", window="1h")["posts"] == 300
        assert stack.get("/api/health")["redis"] == "ok"
        assert stack.audit()["balanced"]
        with connected(redis_cluster_url) as client:
            stored = [int(client.hget(counters_key(partition), "stored") or 0) for partition in range(3)]
        assert sum(stored) == 300
        assert min(stored) > 50
