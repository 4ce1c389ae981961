"""Which records a poller holds, and how it keeps them.

No lock outlives its holder: a record is held as long as its lease is renewed, and one that is not is anybody's to take
over. What another has taken over is dropped here as soon as it is noticed; if it is noticed only at the commit, the
commit writes nothing. What waits is bounded in number and in bytes, so that a failing function cannot fill memory.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from barometer.observability import logger
from infra.poller.records import Record
from infra.poller.scripts import Scripts, as_names
from infra.poller.seat import Seat
from infra.poller.telemetry import Meters

if TYPE_CHECKING:
    from redis.typing import EncodableT

# Records that one script may renew: it holds up the whole Redis while it runs.
RENEW_SLICE = 500
# What a pipe may hold in one partition. Enough that a few hundred poison records can wait for their next try without
# stopping the others; four times what is in flight, where that is more.
LEAST_HELD = 1_000
HELD_PER_FLIGHT = 4
# A record that is handed back looks idle for longer than any poller's lease can be.
HANDED_BACK_IDLE_MS = 3_600_000
MOST_HELD_BYTES = 32 * 1024 * 1024


class Lease:
    """The records that are held at one seat."""

    def __init__(self, scripts: Scripts, seat: Seat, meters: Meters) -> None:
        pipe = seat.pipe
        self.held: dict[str, Record] = {}
        self.most = max(LEAST_HELD, HELD_PER_FLIGHT * pipe.parallelization_factor * pipe.batch_size)
        self._bytes = 0
        self._settling: set[str] = set()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._scripts = scripts
        self._lost = meters.lost.labels(pipe.name)
        meters.in_flight.labels(**seat.labels).set_function(self.held.__len__)
        self._seat = seat

    async def room(self) -> None:
        """Return once more may be held."""
        await self._has_room.wait()

    @property
    def is_full(self) -> bool:
        """Whether no more may be held."""
        return not self._has_room.is_set()

    def hold(self, records: Iterable[Record]) -> list[Record]:
        """Hold what was read or taken over; gives those that were not held already."""
        new = [record for record in records if record.id not in self.held]
        self.held.update((record.id, record) for record in new)
        self._weigh(sum(record.weight for record in new))
        return new

    def release(self, ids: Iterable[str]) -> None:
        """Hold these no more: they have ended, or are somebody else's."""
        self._weigh(-sum(record.weight for record in (self.held.pop(name, None) for name in ids) if record is not None))

    def lose(self, ids: Iterable[str]) -> None:
        """Hold these no more, for they are another poller's by now, or gone from the stream."""
        lost = [name for name in ids if name in self.held]
        if lost:
            self.release(lost)
            self._lost.inc(len(lost))
            logger.warning("records are no longer ours", records=len(lost), first=lost[0], **self._seat.labels)

    def still_held(self, records: Iterable[Record]) -> list[Record]:
        """The records without what was lost meanwhile."""
        return [record for record in records if record.id in self.held]

    @contextmanager
    def settling(self, ids: Sequence[str]) -> Iterator[None]:
        """While a commit of these is under way: it alone can tell whether they are lost.

        A renewal keeps them, but one that finds them gone may have come between a commit and its reply.
        """
        self._settling.update(ids)
        try:
            yield
        finally:
            self._settling.difference_update(ids)

    async def renew(self) -> None:
        """Keep all that is held, and drop what was lost. Raises ``redis.RedisError``."""
        await self._claim(list(self.held.values()), idle_ms=0, counter="")

    async def blame(self, records: Sequence[Record]) -> None:
        """Write down the attempts of records that spent one, in Redis too. Raises ``redis.RedisError``."""
        self.held.update((record.id, record) for record in records if record.id in self.held)
        await self._claim(records, idle_ms=0, counter=f"{self._seat.pipe.name}.retried")

    async def hand_back(self, records: Sequence[Record]) -> None:
        """Let go of records that were not tried, so that any poller may take them over now. Raises ``RedisError``."""
        await self._claim(records, idle_ms=HANDED_BACK_IDLE_MS, counter="")
        self.release(record.id for record in records)

    async def _claim(self, records: Sequence[Record], *, idle_ms: int, counter: str) -> None:
        keys = [self._seat.source, self._seat.counters]
        for start in range(0, len(records), RENEW_SLICE):
            arguments: list[EncodableT] = [self._seat.pipe.name, self._seat.consumer, idle_ms, counter]
            for record in records[start : start + RENEW_SLICE]:
                if record.id in self.held:  # or it has ended while an earlier slice was on its way
                    arguments += record.id, record.attempts + 1
            gone = as_names(await self._scripts.run("lease", keys, arguments))
            self.lose(name for name in gone if name not in self._settling)

    def _weigh(self, change: int) -> None:
        self._bytes += change
        if len(self.held) < self.most and self._bytes < MOST_HELD_BYTES:
            self._has_room.set()
        else:
            self._has_room.clear()
