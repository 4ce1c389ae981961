"""Reads batches for one seat, and rests while there is no room for more.

There is none while all flights are taken, too much is held, the function is out of reach, or a stream that the pipe
writes to, that of its dead letters too, is at its bound (promise 3). A lone record wakes a blocked read at once; a
batching window looks a few times whether its batch is full.
"""

import time
from collections.abc import Sequence

import redis

from barometer.observability import logger
from barometer.streams import stream_key
from infra.poller.bench import Bench
from infra.poller.group import Group, has_vanished
from infra.poller.lease import Lease
from infra.poller.parcels import Parcels
from infra.poller.records import Record
from infra.poller.retry import REDIS_CAP_SECONDS, rest
from infra.poller.seat import Seat

# How long a read waits for a first record. Redis wakes it at once; this is only how soon a stop is noticed.
BLOCK_MS = 1_000
# How often a batching window looks whether its batch is full: waking for each record would cost a call a record.
LOOKS_A_WINDOW = 4
# How soon a full target is looked at again.
FULL_TARGET_SECONDS = 0.1
# What a record is taken to weigh before any was seen; then a moving average tells how many a read may ask for, since
# XREADGROUP counts records, not bytes.
FIRST_WEIGHT = 4_096
WEIGHT_MEMORY = 64


class Reader:
    """Reads for one seat until the bench's ``stop``, and gives each batch to the parcels."""

    def __init__(self, bench: Bench, seat: Seat, group: Group, lease: Lease, parcels: Parcels) -> None:
        self._bench = bench
        self._pipe = seat.pipe
        self._stop = bench.stop
        self._group = group
        self._lease = lease
        self._parcels = parcels
        self._labels = seat.labels
        self._delays = bench.delays.capped(REDIS_CAP_SECONDS)
        self._weight = float(FIRST_WEIGHT)
        self._bounds = {
            stream_key(target, seat.partition): bench.deployment.streams[target].maximum_length
            for target in [*seat.pipe.targets, *filter(None, [seat.pipe.dead_letters])]
            if bench.deployment.streams[target].when_full == "refuse"
        }

    async def run(self) -> None:
        """Read until stopped, through any fault of Redis."""
        faults = 0
        while not self._stop.is_set():
            try:
                await self._group.ensure()
                await self._room()
                await self._batch()
                faults = 0
            except redis.RedisError as error:
                self._tell(error)
                # A group that has just vanished is made anew at once; one that vanishes again and again is not.
                await rest(self._stop, self._delays.after(faults if has_vanished(error) else faults + 1))
                faults += 1

    def _tell(self, error: redis.RedisError) -> None:
        self._bench.meters.faults.labels(self._pipe.name).inc()
        if has_vanished(error):
            self._group.vanished()
            logger.warning("the consumer group vanished: making it anew", held=len(self._lease.held), **self._labels)
        else:
            logger.warning("cannot read", error=str(error), **self._labels)

    async def _room(self) -> None:
        """Return when more may be read, or when it is time to stop."""
        await self._parcels.ready()
        await self._lease.room()
        if not self._bounds:
            return
        pressure = self._bench.meters.backpressure.labels(**self._labels)
        while not self._stop.is_set() and await self._a_target_is_full():
            pressure.set(1)
            await rest(self._stop, FULL_TARGET_SECONDS)
        pressure.set(0)

    async def _a_target_is_full(self) -> bool:
        async with self._bench.client.pipeline(transaction=False) as pipeline:
            for key in self._bounds:
                pipeline.xlen(key)
            lengths = await pipeline.execute()
        return any(length >= bound for length, bound in zip(lengths, self._bounds.values(), strict=True))

    async def _batch(self) -> None:
        """Read one batch, within its window, and give it on; what was read before an error, too."""
        if self._stop.is_set():
            return
        batch: list[Record] = []
        try:
            await self._read(batch, BLOCK_MS)
            window = self._pipe.maximum_batching_window_ms / 1_000
            closes = time.monotonic() + window
            while batch and self._wanted(batch) and not self._stop.is_set():
                if (left := closes - time.monotonic()) <= 0:
                    break
                await rest(self._stop, min(left, window / LOOKS_A_WINDOW))
                await self._read(batch, None)
        finally:
            self._parcels.send(batch)

    async def _read(self, batch: list[Record], block_ms: int | None) -> None:
        records = self._lease.hold(await self._group.read(max(1, self._wanted(batch)), block_ms))
        for record in records:
            self._weight += (record.weight - self._weight) / WEIGHT_MEMORY
        batch += records

    def _wanted(self, batch: Sequence[Record]) -> int:
        """How many more records the batch should take, by number and, going by the average, by weight."""
        left = self._pipe.maximum_batching_bytes - sum(record.weight for record in batch)
        return max(0, min(self._pipe.batch_size - len(batch), int(left / self._weight)))
