"""Looks at the streams every couple of seconds: for gauges, the poller's health, CloudWatch, and what Redis lost."""

import asyncio
from typing import cast

import redis

from barometer.observability import logger
from barometer.stores.redis import AsyncClient
from barometer.stores.streams import script
from barometer.streams import BOOK_STREAMS, DEAD, Deployment, counters_key, stream_key
from infra.poller.cloudwatch import CloudWatch, Share
from infra.poller.losses import Look, Loss, loss
from infra.poller.telemetry import Health, Meters

SECONDS = 2.0


class Monitor:
    """Sets lag, pending and oldest age of every pipe, and says so once when it finds that Redis lost something."""

    def __init__(
        self,
        client: AsyncClient,
        plan: Deployment,
        partitions: int,
        meters: Meters,
        *,
        health: Health,
        cloudwatch: CloudWatch,
    ) -> None:
        self._state = client.register_script(script("state"))
        self._plan = plan
        self._partitions = partitions
        self._meters = meters
        self._health = health
        self._cloudwatch = cloudwatch
        # The group that reads each stream; '' where none does.
        self._groups = dict.fromkeys(BOOK_STREAMS, "") | {pipe.source: pipe.name for pipe in plan.pipes}
        self._last: dict[int, Look] = {}

    async def run(self) -> None:
        """Look until cancelled. One partition that can be looked at is enough for work to go on, and so for health."""
        while True:
            shares = []
            for partition in range(self._partitions):
                try:
                    shares.append(await self._look(partition))
                    self._health.heard()
                except redis.RedisError as error:
                    logger.info("the streams cannot be looked at", error=str(error), partition=str(partition))
            if len(shares) == self._partitions:
                self._cloudwatch.tell(shares)
            await asyncio.sleep(SECONDS)

    async def _look(self, partition: int) -> Share:
        keys = [counters_key(partition), *(stream_key(stream, partition) for stream in (*self._groups, DEAD))]
        answer = await self._state(keys=keys, args=[*self._groups.values(), ""])
        now, flat, *rows, (dead, *_) = cast("list[list[int]]", answer)
        shares = dict(zip(self._groups, rows, strict=True))
        waiting, oldest_ms = 0, 0
        for pipe in self._plan.pipes:
            length, oldest, pending = shares[pipe.source]
            labels = (pipe.name, str(partition))
            self._meters.lag.labels(*labels).set(max(0, length - pending))
            self._meters.pending.labels(*labels).set(pending)
            age_ms = max(0, cast("int", now) - oldest) if oldest >= 0 else 0
            self._meters.oldest.labels(*labels).set(age_ms / 1_000)
            waiting, oldest_ms = waiting + max(0, length - pending), max(oldest_ms, age_ms)
        names, counts = cast("list[bytes]", flat)[::2], flat[1::2]
        look = Look(
            counters={name.decode(): int(count) for name, count in zip(names, counts, strict=True)},
            lengths={stream: length for stream, (length, _, _) in shares.items()},
        )
        before, self._last[partition] = self._last.get(partition), look
        if before is not None and (lost := loss(self._plan.pipes, before, look)) is not None:
            self._tell(lost, str(partition))
        return Share(waiting, oldest_ms / 1_000, dead)

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
