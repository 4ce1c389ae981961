"""The environments of one function: as many as it needs, no more than it may have.

A request takes the environment that was used last, so that those nobody needs grow idle and can go. More requests than
there may be environments are refused at once: Lambda does not queue, and a queue here would hide from the caller what
it will meet there.

A request that finds none idle has one started, and takes whichever is free first. Only a few start at a time: on one
machine, eight cold starts at once for the eight requests of a page would each take as long as all of them.
"""

import asyncio
import time
from collections import deque

from infra.local.runner.environment import STOP_GRACE, Environment, InitError, NotDeliveredError
from infra.local.runner.errors import ThrottledError, UnavailableError
from infra.local.runner.functions import Function
from infra.local.runner.invocation import Invocation, Outcome
from infra.local.runner.journal import Sink
from infra.local.runner.launcher import Launcher

# A request that no environment has seen goes to the next; three deaths in a row are no accident.
_DELIVERIES = 3
# After a failed start the next is not tried before this many seconds, doubling up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
# As many as the smallest machine for this has processors.
_STARTS_AT_ONCE = 2


class Pool:
    """The environments of one function under one set of settings.

    Args:
        function: what they run.
        launcher: who starts them.
        sink: takes their logs.
        init_seconds: how long one may take to start.
        concurrency: how many there may be if the function reserves no number.
    """

    def __init__(
        self, function: Function, launcher: Launcher, sink: Sink, *, init_seconds: float, concurrency: int
    ) -> None:
        self.function = function
        self._launcher = launcher
        self._sink = sink
        self._init_seconds = init_seconds
        self._limit = concurrency if function.concurrency is None else function.concurrency
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[Environment]] = deque()
        self._starts: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._retired = False
        self._closed = False
        self._failure: InitError | None = None
        self._pause = _FIRST_PAUSE
        self._paused_until = 0.0

    def __len__(self) -> int:
        return len(self._environments)

    @property
    def busy(self) -> int:
        """How many environments serve a request or start for one."""
        return len(self._environments) - len(self._idle)

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Answer one request.

        Raises:
            ThrottledError: there are as many requests as there may be environments.
            UnavailableError: environments died one after the other before they saw it, or the pool was closed.
        """
        if self._requests >= self._limit:
            raise ThrottledError(reserved=self.function.concurrency is not None)
        self._requests += 1
        try:
            return await self._deliver(invocation)
        finally:
            self._requests -= 1

    async def _deliver(self, invocation: Invocation) -> Outcome:
        for _ in range(_DELIVERIES):
            try:
                environment = await self._acquire()
            except InitError as error:
                return Outcome(invocation.id, error.answer, error.log)
            try:
                return await environment.invoke(invocation)
            except NotDeliveredError:
                invocation = invocation.again()
            finally:
                await self._release(environment)
        raise UnavailableError(f"{self.function.name} dies before it takes a request")

    async def _acquire(self) -> Environment:
        while self._idle:
            environment = self._idle.pop()
            if environment.alive:
                return environment
            await self._discard(environment)
        if self._closed:
            # An environment that is started now would outlive everyone who could stop it.
            raise _stopping()
        if self._failure is not None and self._is_paused():
            raise self._failure
        place: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._grow()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                await self._release(place.result())
            raise

    def _grow(self) -> None:
        """Start what those who wait need; bounded by how many may start at once and may be at all."""
        if self._closed or self._is_paused():
            return
        wanted = min(sum(not place.done() for place in self._waiting), _STARTS_AT_ONCE)
        while len(self._starts) < wanted and len(self._environments) < self._limit:
            taken = {environment.number for environment in self._environments}
            number = next(number for number in range(1, self._limit + 1) if number not in taken)
            environment = Environment(self.function, number, self._sink)
            self._environments.add(environment)
            start = asyncio.create_task(self._start(environment))
            self._starts.add(start)

    async def _start(self, environment: Environment) -> None:
        """Start it for whoever waits; bounded, as an environment's start is."""
        try:
            await environment.start(self._launcher, self._init_seconds)
        except InitError as error:
            # Told again for a while instead of tried again: a function that cannot start must not eat the machine.
            self._failure = error
            self._paused_until = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            await self._discard(environment)
            self._refuse(error)
        except BaseException as error:
            await self._discard(environment)
            self._refuse(error if isinstance(error, Exception) else _stopping())
            raise
        else:
            self._failure, self._pause = None, _FIRST_PAUSE
            await self._release(environment)
        finally:
            if (start := asyncio.current_task()) is not None:
                self._starts.discard(start)
            self._grow()

    def _is_paused(self) -> bool:
        return self._failure is not None and time.monotonic() < self._paused_until

    def _refuse(self, error: Exception) -> None:
        """Tell everyone who waits what those who come now are told."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(error)

    async def _release(self, environment: Environment) -> None:
        if environment.alive and not self._closed:
            while self._waiting:
                place = self._waiting.popleft()
                if not place.done():
                    place.set_result(environment)
                    return
            if not self._retired:
                self._idle.append(environment)
                return
        await self._discard(environment)

    async def _discard(self, environment: Environment) -> None:
        try:
            await environment.stop()
        finally:
            self._environments.discard(environment)
            self._grow()

    async def tend(self, idle_seconds: float) -> None:
        """Kill what uses too much memory, forget what died, stop what is idle too long but for the last."""
        for environment in tuple(self._environments):
            environment.tend()
        oldest_first = list(self._idle)
        for environment in oldest_first:
            idle_since = time.monotonic() - environment.idle_since
            spare = len(self._environments) > 1 and idle_since > idle_seconds
            if environment in self._idle and (spare or not environment.alive):
                self._idle.remove(environment)
                await self._stop(environment)

    async def retire(self) -> None:
        """Take nothing new, stop what is idle, and let what is busy finish and go."""
        self._retired = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(self._stop, idle))

    async def close(self) -> None:
        """Stop every environment, busy ones too, and start none any more."""
        self._retired = self._closed = True
        self._idle.clear()
        starts = tuple(self._starts)
        for start in starts:
            start.cancel()
        self._refuse(_stopping())
        await asyncio.gather(*starts, return_exceptions=True)
        await asyncio.gather(*map(self._stop, tuple(self._environments)))

    async def _stop(self, environment: Environment) -> None:
        try:
            await environment.stop(STOP_GRACE)
        finally:
            self._environments.discard(environment)
            self._grow()


def _stopping() -> UnavailableError:
    return UnavailableError("the runner is stopping")
