"""One execution environment: a function's code, started, with a Runtime API of its own and one request at a time.

It lives from ``start`` to ``stop`` or to its own death, whichever comes first, and it outlives its handler's errors. It
is killed at a timeout, as on Lambda, for nobody can know what a handler that was left behind still does.
"""

import asyncio
import contextlib
import datetime as dt
import time
from typing import Any

from barometer.errors import BarometerError
from infra.local.runner.functions import LATEST, Function
from infra.local.runner.invocation import Answer, Invocation, Outcome
from infra.local.runner.journal import Journal, Sink
from infra.local.runner.launcher import Exit, Handle, Launch, Launcher
from infra.local.runner.runtime_api import RuntimeApi

# Lambda gives a runtime 300 to 500 ms to shut down.
STOP_GRACE = 0.5


class InitError(Exception):
    """The environment could not start; ``answer`` is what its caller is told, ``log`` the end of what it logged."""

    def __init__(self, answer: Answer, log: bytes = b"") -> None:
        super().__init__(answer.error_type)
        self.answer = answer
        self.log = log


class NotDeliveredError(Exception):
    """The environment died before it saw the request, which may go to another."""


class Environment:
    """One process or container of a function.

    Args:
        function: what it runs.
        number: tells it from its siblings in the log.
        sink: takes its log.
    """

    def __init__(self, function: Function, number: int, sink: Sink) -> None:
        self.number = number
        self.idle_since = time.monotonic()
        self._function = function
        self._journal = Journal(function, number, sink)
        self._api = RuntimeApi(function.arn, function.timeout, self._init_failed)
        self._handle: Handle | None = None
        self._exit: asyncio.Task[Exit] | None = None
        self._init_error: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._invocation: Invocation | None = None
        self._init_seconds: float | None = None
        self._peak_memory = 0
        self._doomed = False

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""
        return not self._doomed and self._exit is not None and not self._exit.done() and not self._api.broken

    async def start(self, launcher: Launcher, seconds: float) -> None:
        """Start it and wait until it asks for its first request.

        Raises:
            InitError: the function could not be imported, ended, or took longer than ``seconds``.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await self._launch(launcher)
        except TimeoutError:
            answer = Answer.error("Sandbox.Timedout", f"Init timed out after {seconds:.2f} seconds")
        except (OSError, BarometerError) as error:
            message = f"cannot start {self._function.handler}: {error}"
            self._journal.note(message)
            answer = Answer.error("Runtime.InvalidEntrypoint", message)
        except InitError as error:
            answer = error.answer
        else:
            self._init_seconds = time.monotonic() - started
            return
        self._journal.note(
            f"INIT_REPORT Init Duration: {(time.monotonic() - started) * 1000:.2f} ms\tPhase: init"
            f"\tStatus: error\tError Type: {answer.error_type}"
        )
        await self.stop()
        raise InitError(answer, self._journal.tail())

    async def _launch(self, launcher: Launcher) -> None:
        port = await self._api.listen(launcher.bind_host)
        log_stream = f"{dt.datetime.now(dt.UTC):%Y/%m/%d}/[{LATEST}]{port:05d}{time.time_ns():016x}"
        launch = Launch(self._function, launcher.advertise(port), log_stream, self._journal.write)
        self._handle = await launcher.start(launch)
        self._exit = asyncio.create_task(self._handle.wait())
        self._exit.add_done_callback(self._exited)
        ready = asyncio.create_task(self._api.ready.wait())
        first: set[asyncio.Future[Any]] = {ready, self._exit, self._init_error}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        # What the function said of itself tells more than that it ended.
        if self._init_error.done():
            raise InitError(self._init_error.result())
        if self._exit.done():
            raise InitError(Answer.error("Runtime.ExitError", str(self._exit.result())))

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Have the function answer one request; nobody may call this while another is running.

        Raises:
            NotDeliveredError: it died before it saw the request.
        """
        if not self.alive or self._handle is None:
            raise NotDeliveredError
        self._invocation = invocation
        init_seconds, self._init_seconds = self._init_seconds, None
        started = time.monotonic()
        self._journal.start(invocation.id)
        self._api.offer(invocation)
        timer = asyncio.get_running_loop().call_later(self._function.timeout, self._timed_out, invocation)
        try:
            answer = await invocation.answer
        finally:
            timer.cancel()
            self._invocation = None
            # Whoever waited may have been cancelled; the function, which was not, must not get another request.
            self._doomed = self._doomed or not invocation.answer.done()
        seconds = time.monotonic() - started
        self._watch_memory()
        await self._handle.drain(surely=invocation.with_log)
        status = _status(answer)
        if self._doomed or self._api.broken:
            # Once its death is certain, its place is free and what it wrote is here.
            await self.stop()
        self._journal.end(
            invocation.id,
            seconds=seconds,
            memory=self._peak_memory,
            init_seconds=init_seconds,
            status=status,
        )
        self.idle_since = time.monotonic()
        return Outcome(invocation.id, answer, self._journal.tail())

    def tend(self) -> None:
        """Look after it: past its memory limit it is killed, as on Lambda."""
        limit = self._function.memory * 1_048_576
        if self.alive and self._watch_memory() > limit and self._handle is not None:
            self._journal.note(
                f"Memory limit exceeded: {self._peak_memory // 1_048_576} MB used of {self._function.memory} MB"
            )
            self._doomed = True
            self._handle.kill()

    async def stop(self, grace: float = 0.0) -> None:
        """End it. Bounded: after ``grace`` seconds it is killed."""
        self._doomed = True
        if self._handle is not None:
            await self._handle.stop(grace)
            await self._handle.drain(surely=False)
        await self._api.close()

    def _init_failed(self, answer: Answer) -> None:
        if not self._init_error.done():
            self._init_error.set_result(answer)

    def _timed_out(self, invocation: Invocation) -> None:
        self._doomed = True
        message = f"Task timed out after {self._function.timeout:.2f} seconds"
        self._journal.note(f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ} {invocation.id} {message}")
        invocation.settle(Answer.error("Sandbox.Timedout", message, invocation.id))
        if self._handle is not None:
            self._handle.kill()

    def _exited(self, task: "asyncio.Task[Exit]") -> None:
        self._doomed = True
        if not task.cancelled() and task.result().out_of_memory:
            self._journal.note(f"Memory limit exceeded: the kernel ended it at its limit of {self._function.memory} MB")
        invocation = self._invocation
        if invocation is None or task.cancelled():
            return
        if invocation.delivered:
            invocation.settle(Answer.error("Runtime.ExitError", str(task.result()), invocation.id))
        elif not invocation.answer.done():
            invocation.answer.set_exception(NotDeliveredError())

    def _watch_memory(self) -> int:
        memory = 0
        if self._handle is not None:
            with contextlib.suppress(OSError):
                memory = self._handle.memory()
        self._peak_memory = max(self._peak_memory, memory)
        return memory


def _status(answer: Answer) -> str:
    if not answer.error_type:
        return ""
    return "timeout" if answer.error_type == "Sandbox.Timedout" else f"error\tError Type: {answer.error_type}"
