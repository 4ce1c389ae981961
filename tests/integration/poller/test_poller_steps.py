"""Each thing that pollers do to Redis, alone, and in an order that whole pollers meet once in a thousand crashes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from itertools import takewhile
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import redis.asyncio

from barometer.streams import Deployment, counters_key, seen_key, stream_key
from infra.poller import commit, lease
from infra.poller.answer import Output
from infra.poller.commit import Committed, Committer, new_token
from infra.poller.group import FIRST, Group
from infra.poller.lease import Lease
from infra.poller.reader import Reader
from infra.poller.records import Record
from infra.poller.retry import Delays
from infra.poller.scripts import Scripts
from infra.poller.seat import Seat
from infra.poller.telemetry import Meters
from infra.poller.verdict import Verdict
from tests.integration.poller.hindrances import Gate
from tests.integration.poller.rig import Body, Rig, deployment, one_server, until

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
        self.plan, self.seat = plan, (seat := Seat(plan.pipes[0], 0, name, lease_ms))
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


async def test_what_is_held_already_is_not_tried_twice(client: redis.asyncio.Redis) -> None:
    """A poller that could not renew in time takes its own records over."""
    await _add(client, 2)
    consumer = Consumer(client, "one", lease_ms=0)
    held = await consumer.read()
    assert await consumer.take_over() == []
    assert list(consumer.lease.held.values()) == held


async def test_what_is_held_is_bounded_in_number_and_bytes_and_room_comes_back(client: redis.asyncio.Redis) -> None:
    held = Consumer(client, "one").lease
    heavy = Record("0-1", b"", lease.MOST_HELD_BYTES)
    for records in ([heavy], [Record(f"1-{n}", b"", 1) for n in range(held.most)]):
        held.hold(records)
        assert held.is_full
        held.release(record.id for record in records)
        assert not held.is_full
        await asyncio.wait_for(held.room(), 1)


async def test_what_was_read_before_redis_went_away_is_sent_on_its_way(client: redis.asyncio.Redis) -> None:
    """In a batching window a batch is read in several steps."""
    await _add(client, 1)
    consumer = Consumer(client, "one")
    pipe = consumer.plan.pipes[0].model_copy(update={"maximum_batching_window_ms": 40})
    sent: list[Record] = []
    looks = 0

    class Going(Group):
        async def read(self, most: int, block_ms: int | None) -> list[Record]:
            nonlocal looks
            looks += 1
            if looks > 1:
                raise redis.ConnectionError
            return await super().read(most, block_ms)

    seat = Seat(pipe, 0, "one", HOUR_MS)
    bench: Any = SimpleNamespace(deployment=consumer.plan, delays=Delays(0.01, 0.1), stop=asyncio.Event())
    parcels: Any = SimpleNamespace(send=sent.extend)
    group = Going(client, Scripts(client), seat)
    await group.ensure()
    with pytest.raises(redis.ConnectionError):
        await Reader(bench, seat, group, consumer.lease, parcels)._batch()
    assert [record.body for record in sent] == [b"0"]


@one_server
def test_a_verdict_is_written_by_one_command_and_nothing_else_writes(rig: Rig) -> None:
    def function(records: list[Body]) -> Body:
        first, *others = (record["messageId"] for record in records)
        passed = [{"from": name, "to": "posts", "body": 1, "key": name} for name in others]
        return {"records": passed, "rejections": [{"itemIdentifier": first, "reason": "no good"}]}

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=3), {"ingest": function}
    rig.streams.add("raw", *range(9))
    with rig.streams.client.monitor() as monitor:
        rig.start()
        until(lambda: rig.streams.length("raw") == 0)
        rig.streams.client.echo("the end")
        told = list(takewhile(lambda command: "the end" not in command["command"], monitor.listen()))
    whole = {"XADD", "XACK", "XDEL", "HINCRBY", "SADD"}
    steps: list[set[str]] = []
    for command in told:
        name = command["command"].split()[0].upper()
        if command["client_type"] == "lua":
            steps[-1].add(name)
        else:
            assert name not in whole
            steps.append(set())
    assert [step & whole for step in steps if step & whole] == [whole] * 3


@one_server
def test_what_is_left_of_a_batch_that_lost_a_record_is_asked_again(rig: Rig, gate: Gate) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=3), {"ingest": gate}
    _, lost, _ = rig.streams.add("raw", *({"n": n} for n in range(3)))
    rig.start(lease_seconds=600)  # so that no renewal notices before the commit does
    assert gate.entered.acquire(timeout=60)
    rig.streams.client.xclaim(RAW, "ingest", "another", 0, [lost])
    gate.open.set()
    until(lambda: rig.streams.numbers() == [0, 2])
    assert [[json.loads(record["body"])["n"] for record in call.records] for call in rig.aws.calls] == [
        [0, 1, 2],
        [0, 2],
    ]
    assert rig.streams.consumers("raw", "ingest")["another"] == 1
