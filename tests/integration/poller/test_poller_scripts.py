"""The scripts alone, where processes cannot be made to meet at the moment that matters."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio

from barometer.streams import Deployment
from infra.poller.answer import Output
from infra.poller.commit import Committed, Committer, new_token
from infra.poller.group import FIRST, Group
from infra.poller.lease import Lease
from infra.poller.scripts import Scripts
from infra.poller.seat import Seat
from infra.poller.telemetry import Meters
from infra.poller.verdict import Verdict
from tests.integration.poller.rig import Streams, deployment

PLAN = Deployment.model_validate(deployment())
SEAT = Seat(PLAN.pipes[0], 0, "one", lease_ms=1)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def streams(redis_url: str) -> Iterator[Streams]:
    with redis.Redis.from_url(redis_url) as client:
        yield Streams(client)


async def test_a_commit_sent_again_because_its_reply_was_lost_is_told_the_same(
    client: redis.asyncio.Redis, streams: Streams
) -> None:
    committer, group = Committer(Scripts(client), PLAN, SEAT), Group(client, Scripts(client), SEAT)
    ids = streams.add("raw", 1, 2)
    await group.ensure()
    await group.read(10, None)
    verdict, token = Verdict(ended=ids, outputs=[Output(name, "posts", b"1", "same key") for name in ids]), new_token()
    first = await committer.commit(verdict, token)
    assert first == await committer.commit(verdict, token) == Committed(frozenset(), duplicates=1)
    assert streams.length("posts") == 1
    assert streams.counters() == {"ingest.in": 2, "ingest.out": 1, "ingest.duplicates": 1, "duplicates": 1}
    # Another commit of the same records is none of this, and is told that they are gone.
    assert await committer.commit(verdict, new_token()) == Committed(frozenset(ids))
    (remembered,) = streams.client.scan_iter("barometer:{0}:commit:*")
    assert 0 < streams.client.ttl(remembered) <= 60


async def test_a_renewal_that_comes_late_makes_no_attempt_forgotten(
    client: redis.asyncio.Redis, streams: Streams
) -> None:
    scripts = Scripts(client)
    group = Group(client, scripts, SEAT)
    (name,) = streams.add("raw", 1)
    await group.ensure()
    await group.read(1, None)
    for deliveries in (4, 2):  # three attempts are written down; then arrives what set out before the second
        arguments = ["ingest", "one", 1_000, "", name, deliveries]
        assert await scripts.run("lease", [SEAT.source, SEAT.counters], arguments) == []
    _, (record,) = await Group(client, scripts, Seat(PLAN.pipes[0], 0, "two", lease_ms=1)).take_over(FIRST)
    assert record.attempts == 3


async def test_only_its_commit_can_tell_that_a_record_is_lost_whose_commit_is_under_way(
    client: redis.asyncio.Redis, streams: Streams
) -> None:
    scripts = Scripts(client)
    lease, group = Lease(scripts, SEAT, Meters()), Group(client, scripts, SEAT)
    ids = streams.add("raw", 1, 2)
    await group.ensure()
    lease.hold(await group.read(2, None))
    streams.client.xdel(SEAT.source, ids[0])  # as a commit does whose reply has not come yet
    with lease.settling(ids[:1]):
        await lease.renew()
        assert list(lease.held) == ids
    await lease.renew()
    assert list(lease.held) == ids[1:]
