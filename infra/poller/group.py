"""One consumer's view of one stream: the consumer group of a pipe in one partition.

The group has the pipe's name and starts at the stream's beginning, so that what was added before it existed, or before
somebody emptied Redis and it was made anew, is read as well.
"""

from typing import cast

import redis

from barometer.stores.redis import AsyncClient
from infra.poller.records import Record
from infra.poller.scripts import Scripts, as_number
from infra.poller.seat import Seat

# Records that one take-over script may touch: it holds up the whole Redis while it runs.
TAKEOVER_SLICE = 100
# The cursor with which a take-over begins and ends.
FIRST = "0-0"
# A consumer that holds nothing is forgotten after so many leases of silence; a live one reads every second.
SILENT_LEASES = 10


def has_vanished(error: redis.RedisError) -> bool:
    """Whether the group, or its stream, is gone: Redis was emptied, or somebody deleted them."""
    return isinstance(error, redis.ResponseError) and str(error).startswith(("NOGROUP", "UNBLOCKED"))


class Group:
    """Reads, takes over and tidies up at one seat."""

    def __init__(self, client: AsyncClient, scripts: Scripts, seat: Seat) -> None:
        self._client = client
        self._scripts = scripts
        self._seat = seat
        self._key = seat.source
        self._name = seat.pipe.name
        self._exists = False

    async def ensure(self) -> None:
        """Make the group, and its stream, unless they are known to exist."""
        if self._exists:
            return
        try:
            await self._client.xgroup_create(self._key, self._name, "0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._exists = True

    def vanished(self) -> None:
        """It is known to be gone; ``ensure`` will make it anew."""
        self._exists = False

    async def read(self, most: int, block_ms: int | None) -> list[Record]:
        """New records, at once when there are any; else wait for the first up to ``block_ms`` (``None``: do not wait).

        Never cancel it: what Redis has handed out would be held by nobody until the lease is over.
        """
        reply = await self._client.xreadgroup(
            self._name, self._seat.consumer, {self._key: ">"}, count=most, block=block_ms
        )
        if not reply:
            return []
        ((_, entries),) = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", reply)
        return [Record.of(entry_id, fields) for entry_id, fields in entries]

    async def take_over(self, cursor: str) -> tuple[str, list[Record]]:
        """Some of the records whose lease is over, with the attempts that were written down for each.

        Begin with ``FIRST``; go on with the cursor that came back until it is ``FIRST`` again.
        """
        arguments: list[str | int] = [self._name, self._seat.consumer, self._seat.lease_ms, TAKEOVER_SLICE, cursor]
        after, *rows = await self._scripts.run("takeover", [self._key], arguments)
        records = [
            Record.of(entry_id, dict(zip(flat[::2], flat[1::2], strict=True)), attempts=max(0, deliveries - 1))
            for entry_id, deliveries, flat in cast("list[tuple[bytes, int, list[bytes]]]", rows)
        ]
        return cast("bytes", after).decode(), records

    async def forget_silent(self) -> int:
        """Forget consumers, of whichever poller, that have been silent for long and hold nothing. Tells how many."""
        return as_number(
            await self._scripts.run("tidy", [self._key], [self._name, "", SILENT_LEASES * self._seat.lease_ms])
        )

    async def retire(self) -> None:
        """Forget this consumer, unless it still holds records."""
        await self._scripts.run("tidy", [self._key], [self._name, self._seat.consumer, 0])
