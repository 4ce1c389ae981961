"""Keeps processes running until told to stop, and then leaves none.

A process that ends unasked is started again, at once the first time and then ever more slowly, since one that cannot
run would otherwise keep the machine busy with trying. Stopping goes in a stated order, so that whoever feeds stops
before whoever is fed, and the stores stop last.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from barometer.errors import BarometerError
from infra.local.home import Home
from infra.local.program import Program, Running, bound_log
from infra.local.state import ProcessRecord

FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 30.0
# A process that ran this long is taken to be sound: its next death is a first one again.
SOUND_AFTER_SECONDS = 60.0
_LOG_CHECK_SECONDS = 10.0


async def _nothing() -> None:
    pass


class _Child:
    """A program, the process that runs it now, and the task that keeps it so."""

    def __init__(self, program: Program, running: Running, restored: Callable[[], Awaitable[None]]) -> None:
        self.program = program
        self.running = running
        self.restored = restored
        self.restarts = 0
        self.task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs programs for one home.

    Args:
        home: whose logs they write.
        order: names in the order of starting; stopping goes backwards.
        say: takes one line for a person.
        changed: called whenever a process was started or has gone.
    """

    def __init__(
        self,
        home: Home,
        order: Sequence[str],
        *,
        say: Callable[[str], None],
        changed: Callable[[tuple[ProcessRecord, ...]], None],
    ) -> None:
        self._home = home
        self._order = list(order)
        self._say = say
        self._changed = changed
        self._children: dict[str, _Child] = {}
        self._stopping = False
        self._log_keeper: asyncio.Task[None] | None = None

    async def start(self, program: Program, *, restored: Callable[[], Awaitable[None]] = _nothing) -> None:
        """Start a program and keep it running from then on; returns when it is ready.

        Args:
            program: its name is in ``order``.
            restored: called each time after it had to be started again and is ready.

        Raises:
            BarometerError: it ended, or was not ready in time.
        """
        if self._log_keeper is None:
            self._log_keeper = asyncio.create_task(self._keep_logs_short())
        child = _Child(program, await Running.start(program, self._home.log(program.name)), restored)
        self._children[program.name] = child
        self._tell()
        await child.running.ready()
        child.task = asyncio.create_task(self._keep(child))

    async def stop(self) -> None:
        """Stop everything, last first. May be cancelled and called again; then it goes on where it was."""
        self._stopping = True
        if self._log_keeper is not None:
            self._log_keeper.cancel()
        for name in reversed(self._order):
            child = self._children.get(name)
            if child is None:
                continue
            if child.task is not None:
                child.task.cancel()
                await asyncio.wait([child.task])
            await child.running.stop()
            del self._children[name]
            self._tell()

    def kill(self) -> None:
        """End everything at once; ``stop`` then finds nothing to wait for."""
        for child in self._children.values():
            child.running.kill()

    async def _keep(self, child: _Child) -> None:
        name = child.program.name
        backoff = 0.0
        while not self._stopping:
            started = time.monotonic()
            how = await child.running.wait()
            if time.monotonic() - started > SOUND_AFTER_SECONDS:
                backoff = 0.0
            self._say(f"{name} {how}; starting it again" + (f" in {backoff:.2g} s" if backoff else ""))
            await asyncio.sleep(backoff)
            backoff = min(max(2 * backoff, FIRST_BACKOFF_SECONDS), LONGEST_BACKOFF_SECONDS)
            try:
                await self._restart(child)
            except BarometerError as error:
                self._say(f"{error}")
            else:
                self._say(f"{name} runs again")

    async def _restart(self, child: _Child) -> None:
        child.restarts += 1
        child.running = await Running.start(child.program, self._home.log(child.program.name))
        self._tell()
        try:
            await child.running.ready()
            await child.restored()
        except BarometerError:
            # Half a start is none: the next round begins from the beginning.
            await child.running.stop()
            raise

    def _tell(self) -> None:
        children = [self._children[name] for name in self._order if name in self._children]
        self._changed(tuple(child.running.record(child.restarts) for child in children))

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_SECONDS)
            # Every log of the home: that of a detached ``up`` grows too.
            for log in self._home.logs.glob("*.log"):
                with contextlib.suppress(OSError):
                    bound_log(log)
