"""Looks at the streams every couple of seconds, for the gauges and for the poller's health."""

import asyncio
from typing import cast

import redis
import redis.asyncio

from barometer.observability import logger
from barometer.stores.streams import script
from barometer.streams import Deployment, counters_key, stream_key
from infra.poller.telemetry import Health, Meters

SECONDS = 2.0


async def monitor(
    client: redis.asyncio.Redis, plan: Deployment, partitions: int, meters: Meters, health: Health
) -> None:
    """Set lag, pending and oldest age of every pipe, until cancelled."""
    state = client.register_script(script("state"))
    while True:
        try:
            for partition in range(partitions):
                keys = [counters_key(partition), *(stream_key(pipe.source, partition) for pipe in plan.pipes)]
                now, _, *rows = cast("list[int]", await state(keys=keys, args=[pipe.name for pipe in plan.pipes]))
                for pipe, (length, oldest, pending) in zip(plan.pipes, cast("list[list[int]]", rows), strict=True):
                    labels = (pipe.name, str(partition))
                    meters.lag.labels(*labels).set(max(0, length - pending))
                    meters.pending.labels(*labels).set(pending)
                    meters.oldest.labels(*labels).set(max(0, now - oldest) / 1_000 if oldest >= 0 else 0)
            health.heard()
        except redis.RedisError as error:
            logger.info("the streams cannot be looked at", error=str(error))
        await asyncio.sleep(SECONDS)
