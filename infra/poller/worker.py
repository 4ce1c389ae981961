"""One pipe in one partition: its reader, its parcels, and the warden that keeps the lease of what they hold."""

import asyncio

import redis

from barometer.observability import logger
from infra.poller.bench import Bench
from infra.poller.group import FIRST, Group, has_vanished
from infra.poller.lease import Lease
from infra.poller.parcels import Parcels
from infra.poller.reader import Reader
from infra.poller.seat import Seat

# Renewals in a lease: two may fail before it is over.
ROUNDS_A_LEASE = 3


class Worker:
    """Works at one seat until the bench's ``stop``."""

    def __init__(self, bench: Bench, seat: Seat) -> None:
        self._bench = bench
        self._seat = seat
        self._group = Group(bench.client, bench.scripts, seat)
        self._lease = Lease(bench.scripts, seat, bench.meters)
        self._parcels = Parcels(bench, seat, self._lease)
        self._reader = Reader(bench, seat, self._group, self._lease, self._parcels)

    async def run(self) -> None:
        """Work until stopped; then finish what is in flight, and hand back what waits for a try."""
        async with asyncio.TaskGroup() as tasks:
            warden = tasks.create_task(self._guard())
            async with self._parcels:
                grounding = tasks.create_task(self._ground())
                await self._reader.run()
                await grounding
                await self._parcels.ground()  # what the reader's last turn has brought
            warden.cancel()
        try:
            await self._group.retire()
        except redis.RedisError as error:
            logger.info("a consumer is left for others to forget", error=str(error), **self._seat.labels)

    async def _ground(self) -> None:
        """Hand back as soon as it is time to stop: the reader may be waiting for a long call to end."""
        await self._bench.stop.wait()
        await self._parcels.ground()

    async def _guard(self) -> None:
        """Renew, take over, tidy up, a few times a lease; until cancelled, since a drain has leases to keep as well."""
        while True:
            try:
                await self._group.ensure()
                await self._lease.renew()
                if not self._bench.stop.is_set():
                    await self._adopt()
                    await self._group.forget_silent()
            except redis.RedisError as error:
                self._bench.meters.faults.labels(self._seat.pipe.name).inc()
                if has_vanished(error):
                    self._group.vanished()
                    self._lease.lose(list(self._lease.held))
                else:
                    logger.warning("the lease is not renewed", error=str(error), **self._seat.labels)
            await asyncio.sleep(self._seat.lease_ms / 1_000 / ROUNDS_A_LEASE)

    async def _adopt(self) -> None:
        """Take over records that nobody keeps any more, as far as there is room for them."""
        cursor = FIRST
        while not self._lease.is_full:
            cursor, records = await self._group.take_over(cursor)
            adopted = self._lease.hold(records)
            if adopted:
                self._bench.meters.taken_over.labels(self._seat.pipe.name).inc(len(adopted))
                logger.info("took over records", records=len(adopted), **self._seat.labels)
                if self._bench.stop.is_set():  # it was, while Redis answered: the last parcel may have ended by now
                    await self._lease.hand_back(adopted)
                    return
                self._parcels.send(adopted)
            if cursor == FIRST:
                return
