"""The simulator as a feed: its posts at their moments, by the rhythm of the day and the swell of storms."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from random import Random

from infra.feeds.simulate.simulator import Simulator, rhythm
from infra.feeds.source import RawPostJson

# After a stall the simulated people do not make up for what they did not say.
_FORGIVEN_SECONDS = 0.5


class SimulatedFeed:
    """Posts at a mean of ``rate`` a second, for ever or until ``count``."""

    name = "simulate"

    def __init__(self, seed: int, *, rate: float, count: int | None = None) -> None:
        started = time.time_ns() // 1_000_000
        self._simulator = Simulator(seed, rate=rate, run=f"{started:x}")
        self._gaps = Random(seed)  # noqa: S311 (a pace, not a secret)
        self._rate, self._count = rate, count

    async def posts(self) -> AsyncGenerator[RawPostJson, None]:
        """Each post when it is due."""
        due, given = time.monotonic(), 0
        while self._count is None or given < self._count:
            now = time.monotonic()
            if due > now:
                await asyncio.sleep(due - now)
            simulated = self._simulator.next(datetime.now(UTC))
            yield simulated.post
            given += 1
            busy = self._rate * simulated.swell * rhythm(datetime.now().astimezone())
            due = max(due, time.monotonic() - _FORGIVEN_SECONDS) + self._gaps.expovariate(busy)
