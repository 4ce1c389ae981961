"""Asynchronous invocations: taken at once, run later, tried again when they fail.

As on Lambda: an error of the function is tried ``MaximumRetryAttempts`` times more, after one and after two minutes; a
throttle is tried until ``MaximumEventAgeInSeconds``, with growing pauses. Unlike Lambda's, the queue lives in memory
and ends with the runner: nothing of Barometer that must not be lost goes this way.
"""

import asyncio
import time

from barometer.observability import logger
from infra.local.runner.errors import ServiceError, ThrottledError, UnavailableError
from infra.local.runner.functions import Function
from infra.local.runner.invocation import Invocation
from infra.local.runner.service import Runner

# Lambda waits 1 s after a throttle, and at most 5 minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0


class EventQueue:
    """Runs asynchronous invocations, a bounded number of them.

    Args:
        runner: who runs them.
        limit: how many may wait or run.
        retry_seconds: pause before the first further attempt; the second waits twice that.
    """

    def __init__(self, runner: Runner, *, limit: int, retry_seconds: float) -> None:
        self._runner = runner
        self._limit = limit
        self._retry_seconds = retry_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, function: Function, invocation: Invocation) -> None:
        """Take one.

        Raises:
            ThrottledError: the queue is full.
        """
        if len(self._tasks) >= self._limit:
            raise ThrottledError(reserved=False)
        task = asyncio.create_task(self._run(function, invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is left, and say how much that was."""
        if self._tasks:
            logger.warning("asynchronous invocations are given up", count=len(self._tasks))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, function: Function, invocation: Invocation) -> None:
        deadline = time.monotonic() + function.event_age
        errors = 0
        throttle_pause = _FIRST_PAUSE
        while True:
            try:
                outcome = await self._runner.invoke(function.name, invocation)
            except (ThrottledError, UnavailableError) as error:
                reason = str(error)
                pause, throttle_pause = throttle_pause, min(throttle_pause * 2, _LONGEST_PAUSE)
            except ServiceError as error:
                self._give_up(function, invocation, str(error))
                return
            else:
                if not outcome.answer.error_type:
                    return
                reason = outcome.answer.error_type
                errors += 1
                pause = self._retry_seconds * errors
            if errors > function.retries or time.monotonic() + pause > deadline:
                self._give_up(function, invocation, reason)
                return
            await asyncio.sleep(pause)
            invocation = invocation.again()

    @staticmethod
    def _give_up(function: Function, invocation: Invocation, reason: str) -> None:
        logger.error("asynchronous invocation given up", function=function.name, request=invocation.id, reason=reason)
