"""The door to the streams: accepting posts all or nothing, and reading books that balance."""

import threading
import uuid
from datetime import UTC, datetime

import pytest
from redis import Redis

from barometer.errors import BackpressureError
from barometer.posts import Accepted
from barometer.stores import redis as door
from barometer.stores.streams import accept, books, pipes, script
from barometer.streams import Deployment, counters_key, partition_of, stream_key

PIPES = Deployment.model_validate(
    {
        "Streams": {"raw": {"MaximumLength": 10}, "posts": {"MaximumLength": 10}, "dead": {"MaximumLength": 10}},
        "Pipes": [
            {
                "Name": "ingest",
                "Source": "raw",
                "FunctionName": "ingest",
                "Targets": ["posts"],
                "DestinationConfig": {"OnFailure": {"Destination": "dead"}},
            }
        ],
    }
)


def _posts(count: int) -> list[tuple[str, Accepted]]:
    now = datetime.now(UTC).isoformat()
    return [
        (str(uuid.uuid4()), Accepted(uuid.uuid4().hex, now, {"text": f"post {i}", "source": "test"}))
        for i in range(count)
    ]


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str):
    with door.client(redis_url) as client:
        yield client


@pytest.mark.parametrize("partitions", [1, 3])
def test_accepted_posts_lie_in_raw_and_are_counted(client: Redis, partitions: int) -> None:
    accept(client, _posts(40), partitions=partitions, bound=1_000)
    now = books(client, partitions)
    assert (now.accepted, now.in_flight, now.missing) == (40, 40, 0)
    assert sum(client.xlen(stream_key("raw", partition)) for partition in range(partitions)) == 40


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_full_raw_takes_none_of_the_call(client: Redis, partitions: int) -> None:
    accept(client, _posts(40), partitions=partitions, bound=10)
    with pytest.raises(BackpressureError) as refusal:
        accept(client, _posts(40), partitions=partitions, bound=10)
    assert refusal.value.retry_after >= 1
    assert (books(client, partitions).accepted, books(client, partitions).in_flight) == (40, 40)


def test_one_full_partition_refuses_a_call_that_spans_them(client: Redis) -> None:
    posts = _posts(40)
    assert {partition_of(post_id, 3) for post_id, _ in posts} == {0, 1, 2}
    for full in range(3):
        client.flushall()
        for _ in range(10):
            client.xadd(stream_key("raw", full), {"body": "{}"})
        with pytest.raises(BackpressureError):
            accept(client, posts, partitions=3, bound=10)
        assert (books(client, 3).accepted, books(client, 3).in_flight) == (0, 10)


def test_a_call_sent_twice_because_its_reply_was_lost_takes_its_posts_once(client: Redis) -> None:
    keys = [stream_key("raw", 0), counters_key(0), "barometer:{0}:raw:call:one"]
    take = client.register_script(script("accept"))
    assert [take(keys=keys, args=[10, 60, b"{}", b"{}"]) for _ in range(2)] == [1, 1]
    assert books(client, 1).accepted == client.xlen(keys[0]) == 2


def test_books_balance_while_posts_are_on_their_way(client: Redis, redis_url: str) -> None:
    """Posts come and go as by the scripts of ``accept`` and the commit, as fast as Redis can."""
    pass_one = """
        redis.call('HINCRBY', KEYS[2], 'accepted', 1)
        redis.call('XADD', KEYS[1], '*', 'body', '{}')
        if redis.call('XLEN', KEYS[1]) > 5 then
          redis.call('XDEL', KEYS[1], redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][1])
          redis.call('HINCRBY', KEYS[2], 'stored', 1)
        end
    """
    over = threading.Event()

    def pass_posts() -> None:
        with door.client(redis_url) as other:
            step = other.register_script(pass_one)
            while not over.is_set():
                step(keys=[stream_key("posts", 0), counters_key(0)])

    passing = threading.Thread(target=pass_posts)
    passing.start()
    try:
        seen = [books(client, 1) for _ in range(500)]
    finally:
        over.set()
        passing.join()
    assert {now.missing for now in seen} == {0}
    assert seen[-1].stored > seen[0].stored


def test_books_of_an_empty_redis_are_all_zero(client: Redis) -> None:
    now = books(client, 2)
    assert (now.accepted, now.in_flight, now.missing, now.oldest_ms) == (0, 0, 0, 0)


def test_a_pipe_shows_what_waits_and_what_pollers_hold(client: Redis) -> None:
    accept(client, _posts(5), partitions=1, bound=1_000)
    assert [(pipe.lag, pipe.pending) for pipe in pipes(client, PIPES, 1)] == [(5, 0)]
    client.xgroup_create(stream_key("raw", 0), "ingest", "0")
    client.xreadgroup("ingest", "me", {stream_key("raw", 0): ">"}, count=2)
    client.hincrby(counters_key(0), "ingest.retried", 7)
    (pipe,) = pipes(client, PIPES, 1)
    assert (pipe.lag, pipe.pending, pipe.retried, pipe.taken) == (3, 2, 7, 0)
    assert pipe.oldest_ms < 60_000
