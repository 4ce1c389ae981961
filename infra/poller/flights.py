"""How many calls of one seat may be in flight: as many as its function bears, from one to ``ParallelizationFactor``.

Additive increase, multiplicative decrease, as TCP has it: a call that is throttled or times out halves the number, and
each number of calls that get through adds one. A function that cannot bear the whole factor is thus asked for what it
can, and for a little more now and then; one that recovers has it all again after a few dozen calls.
"""

import asyncio
from collections.abc import Callable


class Flights:
    """A semaphore whose size changes. ``async with`` takes one flight, and gives its epoch.

    Calls that fail together count once: only what set out after the last change for the worse (in this epoch) tells
    anything of the number that was found then.

    Args:
        most: flights that there may ever be; the first number.
        tell: is told of each new number, which is a whole one.
    """

    def __init__(self, most: int, tell: Callable[[float], None]) -> None:
        self._most = most
        self._tell = tell
        self._allowed = float(most)
        self._epoch = 0
        # Of ``most`` permits, some are withheld. They are not sought out when the number falls, but kept back as they
        # come by; at least one is never withheld.
        self._permits = asyncio.Semaphore(most)
        self._withheld = 0
        tell(most)

    @property
    def allowed(self) -> int:
        """How many calls may be in flight now; those that are already may be more."""
        return int(self._allowed)

    async def __aenter__(self) -> int:
        await self._permits.acquire()
        while self._withheld < self._most - self.allowed:
            self._withheld += 1
            await self._permits.acquire()
        return self._epoch

    async def __aexit__(self, *_: object) -> None:
        self._permits.release()

    def grow(self, epoch: int) -> None:
        """A call of ``epoch`` got through."""
        if epoch == self._epoch and self._allowed < self._most:
            self._allowed = min(self._most, self._allowed + 1 / self.allowed)
            while self._withheld > self._most - self.allowed:
                self._withheld -= 1
                self._permits.release()
            self._tell(self.allowed)

    def shrink(self, epoch: int) -> None:
        """A call of ``epoch`` was throttled, or timed out."""
        if epoch == self._epoch:
            self._epoch += 1
            self._allowed = max(1.0, self._allowed / 2)
            self._tell(self.allowed)
