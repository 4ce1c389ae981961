"""The environments of one function: as many as it needs, no more than it may have.

A request takes the environment that was used last, so that those nobody needs grow idle and can go. When every one is
busy and no more may start, the request is refused at once: Lambda does not queue, and a queue here would hide from the
caller what it will meet there.
"""

import asyncio
import time

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
            ThrottledError: every environment is busy.
            UnavailableError: environments died one after the other before they saw it, or the pool was closed.
        """
        for _ in range(_DELIVERIES):
            if self._closed:
                # An environment that is started now would outlive everyone who could stop it.
                raise UnavailableError("the runner is stopping")
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
        if len(self._environments) >= self._limit:
            raise ThrottledError(reserved=self.function.concurrency is not None)
        if self._failure is not None and time.monotonic() < self._paused_until:
            raise self._failure
        return await self._start()

    async def _start(self) -> Environment:
        taken = {environment.number for environment in self._environments}
        number = next(number for number in range(1, self._limit + 1) if number not in taken)
        environment = Environment(self.function, number, self._sink)
        self._environments.add(environment)
        try:
            await environment.start(self._launcher, self._init_seconds)
        except InitError as error:
            # Told again for a while instead of tried again: a function that cannot start must not eat the machine.
            self._failure = error
            self._paused_until = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            await self._discard(environment)
            raise
        except BaseException:
            await self._discard(environment)
            raise
        self._failure, self._pause = None, _FIRST_PAUSE
        return environment

    async def _release(self, environment: Environment) -> None:
        if environment.alive and not self._retired:
            self._idle.append(environment)
        else:
            await self._discard(environment)

    async def _discard(self, environment: Environment) -> None:
        try:
            await environment.stop()
        finally:
            self._environments.discard(environment)

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
        await asyncio.gather(*map(self._stop, tuple(self._environments)))

    async def _stop(self, environment: Environment) -> None:
        try:
            await environment.stop(STOP_GRACE)
        finally:
            self._environments.discard(environment)
