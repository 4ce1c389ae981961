"""Looks at the streams every couple of seconds: for the gauges, for the poller's health, and for what Redis lost."""

import asyncio
from typing import cast

import redis

from barometer.observability import logger
from barometer.stores.redis import AsyncClient
from barometer.stores.streams import script
from barometer.streams import BOOK_STREAMS, Deployment, counters_key, stream_key
from infra.poller.losses import Look, Loss, loss
from infra.poller.telemetry import Health, Meters

SECONDS = 2.0


class Monitor:
    """Sets lag, pending and oldest age of every pipe, and says so once when it finds that Redis lost something."""

    def __init__(self, client: AsyncClient, plan: Deployment, partitions: int, meters: Meters, health: Health) -> None:
        self._state = client.register_script(script("state"))
        self._plan = plan
        self._partitions = partitions
        self._meters = meters
        self._health = health
        # The group that reads each stream; '' where none does.
        self._groups = dict.fromkeys(BOOK_STREAMS, "") | {pipe.source: pipe.name for pipe in plan.pipes}
        self._last: dict[int, Look] = {}

    async def run(self) -> None:
        """Look until cancelled. One partition that can be looked at is enough for work to go on, and so for health."""
        while True:
            for partition in range(self._partitions):
                try:
                    await self._look(partition)
                    self._health.heard()
                except redis.RedisError as error:
                    logger.info("the streams cannot be looked at", error=str(error), partition=str(partition))
            await asyncio.sleep(SECONDS)

    async def _look(self, partition: int) -> None:
        keys = [counters_key(partition), *(stream_key(stream, partition) for stream in self._groups)]
        now, flat, *rows = cast("list[list[int]]", await self._state(keys=keys, args=list(self._groups.values())))
        shares = dict(zip(self._groups, rows, strict=True))
        for pipe in self._plan.pipes:
            length, oldest, pending = shares[pipe.source]
            labels = (pipe.name, str(partition))
            self._meters.lag.labels(*labels).set(max(0, length - pending))
            self._meters.pending.labels(*labels).set(pending)
            age_ms = max(0, cast("int", now) - oldest) if oldest >= 0 else 0
            self._meters.oldest.labels(*labels).set(age_ms / 1_000)
        names, counts = cast("list[bytes]", flat)[::2], flat[1::2]
        look = Look(
            counters={name.decode(): int(count) for name, count in zip(names, counts, strict=True)},
            lengths={stream: length for stream, (length, _, _) in shares.items()},
        )
        before, self._last[partition] = self._last.get(partition), look
        if before is not None and (lost := loss(self._plan.pipes, before, look)) is not None:
            self._tell(lost, str(partition))

    def _tell(self, lost: Loss, partition: str) -> None:
        self._meters.losses.labels(partition, "accepted").inc(lost.accepted)
        self._meters.losses.labels(partition, "unfinished").inc(lost.unfinished)
        logger.error(
            "Redis has lost data",
            why=lost.why,
            accepted=lost.accepted,
            unfinished=lost.unfinished,
            counters=dict(lost.counters),
            partition=partition,
        )
