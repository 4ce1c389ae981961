"""How long to wait before the next try: exponential backoff with full jitter, for a record and for a whole pipe."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass

# By 2 ** 30 times any base every cap is reached; a float would overflow beyond 2 ** 1023.
_STEEPEST = 30
# Redis comes back within seconds or not at all, and a function that cannot be reached keeps its whole pipe waiting:
# neither is asked less often than this, whatever a record's own cap is.
REDIS_CAP_SECONDS = 2.0
UNREACHABLE_CAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds: the most that a first retry waits, doubled with each failure up to the most that any waits."""

    base: float
    cap: float

    def after(self, failures: int) -> float:
        """Seconds to wait after ``failures`` in a row: anything up to the exponential, so that none march in step.

        Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        if failures <= 0:
            return 0.0
        return random.uniform(0.0, min(self.cap, self.base * 2 ** min(failures - 1, _STEEPEST)))  # noqa: S311 (no secret)

    def capped(self, cap: float) -> "Delays":
        """The same, but never longer than ``cap``."""
        return Delays(self.base, min(self.cap, cap))


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past ``stop``."""
    if seconds > 0 and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


class Pace:
    """When a pipe may invoke again, after its function was throttled or could not be reached.

    That is no record's fault, so no record pays for it: the whole pipe waits, longer each time, until one call gets
    through.
    """

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._faults = 0
        self._until = 0.0

    def slow(self) -> None:
        """A call did not get through. Calls that fail together count once."""
        now = time.monotonic()
        if now >= self._until:
            self._faults += 1
            self._until = now + self._delays.after(self._faults)

    def steady(self) -> None:
        """A call got through."""
        self._faults = 0
        self._until = 0.0

    async def ready(self, stop: asyncio.Event) -> None:
        """Return when the pipe may invoke, or ``stop`` is set."""
        while (left := self._until - time.monotonic()) > 0 and not stop.is_set():
            await rest(stop, left)
