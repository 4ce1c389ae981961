"""No faster than asked, and no burst after a pause."""

import asyncio
import time

# What a pause may leave to be made up for: a tick's worth, so that a rate is kept exactly but a stall is forgotten.
_SLACK_SECONDS = 0.5
# A paced sender sends so many times a second: often enough to look even, seldom enough to batch.
_TICKS_A_SECOND = 5


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait ``seconds``, or until ``stop`` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


class Pace:
    """A schedule of ``rate`` posts a second; ``None`` is as fast as they come."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._due = time.monotonic()

    def batch_size(self, most: int) -> int:
        """How many posts to send at once: ``most`` without a rate, fewer when that would come in lumps."""
        if self._rate is None:
            return most
        return max(1, min(most, round(self._rate / _TICKS_A_SECOND)))

    async def turn(self, posts: int, stop: asyncio.Event) -> None:
        """Return when the next ``posts`` are due (or ``stop`` is set), and move the schedule on by them."""
        if self._rate is None:
            return
        now = time.monotonic()
        self._due = max(self._due, now - _SLACK_SECONDS)
        wait, self._due = self._due - now, self._due + posts / self._rate
        if wait > 0:
            await pause(wait, stop)
