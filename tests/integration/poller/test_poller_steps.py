"""Each thing that pollers do to Redis, alone, and in an order that whole pollers meet once in a thousand crashes."""

import time
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace

import pytest
import redis
import redis.asyncio

from barometer.streams import Deployment, counters_key, seen_key, stream_key
from infra.poller import commit
from infra.poller.answer import Output
from infra.poller.commit import Committed, Committer, new_token
from infra.poller.group import FIRST, Group
from infra.poller.lease import Lease
from infra.poller.records import Record
from infra.poller.scripts import Scripts
from infra.poller.seat import Seat
from infra.poller.telemetry import Meters
from infra.poller.verdict import Verdict
from tests.integration.poller.rig import deployment

RAW, POSTS = stream_key("raw", 0), stream_key("posts", 0)
HOUR_MS = 3_600_000


class Consumer:
    """One poller's hands: a name in the consumer group, and what it may do to the stream."""

    def __init__(
        self, client: redis.asyncio.Redis, name: str, *, lease_ms: int = HOUR_MS, bound: int = 100_000
    ) -> None:
        declared = deployment()
        declared["Streams"]["posts"] = {"MaximumLength": bound}
        plan = Deployment.model_validate(declared)
        seat = Seat(plan.pipes[0], 0, name, lease_ms)
        scripts = Scripts(client)
        self.group = Group(client, scripts, seat)
        self.lease = Lease(scripts, seat, Meters())
        self._committer = Committer(scripts, plan, seat)

    async def read(self, most: int = 10_000) -> list[Record]:
        await self.group.ensure()
        return self.lease.hold(await self.group.read(most, None))

    async def take_over(self) -> list[Record]:
        cursor, found = await self.group.take_over(FIRST)
        while cursor != FIRST:
            cursor, more = await self.group.take_over(cursor)
            found += more
        return self.lease.hold(found)

    async def commit(self, records: Sequence[Record], keys: Sequence[str | None] = ()) -> Committed:
        """End ``records``, each with one output to ``posts``; ``keys`` are those of the outputs."""
        named = keys or [None] * len(records)
        outputs = [
            Output(record.id, "posts", record.body or b"", key) for record, key in zip(records, named, strict=True)
        ]
        return await self._committer.commit(
            Verdict(ended=[record.id for record in records], outputs=outputs), new_token()
        )


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


async def _add(client: redis.asyncio.Redis, count: int) -> None:
    async with client.pipeline() as pipeline:
        for n in range(count):
            pipeline.xadd(RAW, {"body": str(n)})
        await pipeline.execute()


async def _numbers(client: redis.asyncio.Redis) -> list[int]:
    return sorted(int(fields[b"body"]) for _, fields in await client.xrange(POSTS))


async def _pending(client: redis.asyncio.Redis) -> dict[str, int]:
    return {one["name"].decode(): one["pending"] for one in await client.xinfo_consumers(RAW, "ingest")}


async def test_a_commit_of_records_that_another_works_on_writes_nothing(client: redis.asyncio.Redis) -> None:
    await _add(client, 3)
    frozen, successor = Consumer(client, "frozen"), Consumer(client, "successor", lease_ms=0)
    held = await frozen.read()
    taken = await successor.take_over()
    assert (await frozen.commit(held)).lost == {record.id for record in held}
    assert await _numbers(client) == []
    assert await client.exists(counters_key(0)) == 0
    assert await _pending(client) == {"frozen": 0, "successor": 3}
    assert not (await successor.commit(taken)).lost
    assert await _numbers(client) == [0, 1, 2]


async def test_a_commit_of_records_that_another_has_ended_writes_nothing(client: redis.asyncio.Redis) -> None:
    await _add(client, 1)
    consumer = Consumer(client, "one")
    held = await consumer.read()
    await consumer.commit(held)
    assert (await consumer.commit(held)).lost == {held[0].id}
    assert await _numbers(client) == [0]
    assert await client.hget(counters_key(0), "ingest.out") == b"1"


async def test_a_commit_of_which_one_record_was_lost_leaves_the_others_too(client: redis.asyncio.Redis) -> None:
    await _add(client, 3)
    consumer = Consumer(client, "one")
    held = await consumer.read()
    await client.xclaim(RAW, "ingest", "another", 0, [held[1].id])
    assert (await consumer.commit(held)).lost == {held[1].id}
    assert await _numbers(client) == []
    assert await client.xlen(RAW) == 3
    assert await _pending(client) == {"one": 2, "another": 1}


async def test_a_commit_of_thousands_ends_every_one(client: redis.asyncio.Redis) -> None:
    await _add(client, 2_500)
    consumer = Consumer(client, "one")
    assert not (await consumer.commit(await consumer.read())).lost
    assert await _numbers(client) == list(range(2_500))
    assert await client.xlen(RAW) == 0
    assert await _pending(client) == {"one": 0}


async def test_a_commit_that_redis_refuses_half_way_has_written_nothing(client: redis.asyncio.Redis) -> None:
    await _add(client, 2)
    consumer = Consumer(client, "one")
    held = await consumer.read()
    await client.hset(counters_key(0), "ingest.out", "a word")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        await consumer.commit(held)
    assert await _numbers(client) == []
    assert await _pending(client) == {"one": 2}
    await client.delete(counters_key(0))
    await consumer.commit(held)
    assert await _numbers(client) == [0, 1]


async def test_a_stream_of_posts_is_never_trimmed_however_full(client: redis.asyncio.Redis) -> None:
    await _add(client, 1_000)
    consumer = Consumer(client, "one", bound=10)
    await consumer.commit(await consumer.read())
    assert await _numbers(client) == list(range(1_000))


async def test_a_key_is_remembered_for_one_to_two_periods(
    client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = int(time.time()) // commit.SEEN_PERIOD_SECONDS * commit.SEEN_PERIOD_SECONDS
    consumer = Consumer(client, "one")
    for seconds, known in ((599, 0), (600, 1), (1_199, 1), (1_200, 0)):
        monkeypatch.setattr(commit, "time", SimpleNamespace(time=lambda at=seconds: start + at))
        await _add(client, 1)
        assert (await consumer.commit(await consumer.read(), ["key"])).duplicates == known, seconds


async def test_a_full_set_of_keys_knows_what_it_holds_and_drops_nothing_new(
    client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "SEEN_MEMBERS", 2)
    period = int(time.time()) // commit.SEEN_PERIOD_SECONDS
    monkeypatch.setattr(commit, "time", SimpleNamespace(time=lambda: period * commit.SEEN_PERIOD_SECONDS))
    await _add(client, 6)
    consumer = Consumer(client, "one")
    assert (await consumer.commit(await consumer.read(), ["a", "b", "c", "a", "c", "b"])).duplicates == 2
    assert await _numbers(client) == [0, 1, 2, 4]
    assert await client.smembers(seen_key(0, "posts", period)) == {b"a", b"b"}


async def test_a_renewal_takes_nothing_back(client: redis.asyncio.Redis) -> None:
    await _add(client, 2)
    frozen, successor = Consumer(client, "frozen"), Consumer(client, "successor", lease_ms=0)
    await frozen.read()
    await successor.take_over()
    await frozen.lease.renew()
    assert frozen.lease.held == {}
    assert await _pending(client) == {"frozen": 0, "successor": 2}


async def test_a_renewal_keeps_all_that_is_held(client: redis.asyncio.Redis) -> None:
    await _add(client, 1_200)
    consumer = Consumer(client, "one")
    await consumer.read()
    # As if nothing had been heard of it for an hour.
    held = [record.id for record in consumer.lease.held.values()]
    await client.xclaim(RAW, "ingest", "one", 0, held, idle=HOUR_MS, justid=True)
    await consumer.lease.renew()
    assert len(consumer.lease.held) == 1_200
    assert await Consumer(client, "other", lease_ms=HOUR_MS // 2).take_over() == []


async def test_a_record_is_taken_over_when_its_lease_is_over_and_not_before(client: redis.asyncio.Redis) -> None:
    await _add(client, 250)
    holder = Consumer(client, "holder")
    await holder.read()
    assert await Consumer(client, "early").take_over() == []
    late = Consumer(client, "late", lease_ms=0)
    assert [int(record.body or b"") for record in await late.take_over()] == list(range(250))


async def test_attempts_go_with_a_record_and_a_take_over_is_none(client: redis.asyncio.Redis) -> None:
    await _add(client, 2)
    first = Consumer(client, "first")
    tried, untried = await first.read()
    await first.lease.blame([Record(tried.id, tried.body, tried.weight, attempts=3)])
    for name in ("second", "third", "fourth"):
        taken = await Consumer(client, name, lease_ms=0).take_over()
        assert [(record.id, record.attempts) for record in taken] == [(tried.id, 3), (untried.id, 0)]


async def test_a_consumer_that_holds_records_is_not_forgotten(client: redis.asyncio.Redis) -> None:
    await _add(client, 1)
    holder, idle = Consumer(client, "holder"), Consumer(client, "idle")
    await holder.read()
    await idle.read()
    assert await Consumer(client, "other", lease_ms=0).group.forget_silent() == 1
    await holder.group.retire()
    assert await _pending(client) == {"holder": 1}
