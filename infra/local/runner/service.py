"""The runner itself: knows every function that was asked for, reads its settings, and keeps its pool.

Settings are read when a function is first asked for, again in the background when they are older than a while, and at
``reload``. Environments of settings that have changed finish what they do and go; new requests meet the new settings.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass

from barometer.observability import logger
from infra.local.runner.errors import UnavailableError, UnknownFunctionError
from infra.local.runner.functions import Function, FunctionSource
from infra.local.runner.invocation import Invocation, Outcome
from infra.local.runner.journal import Sink, to_stdout
from infra.local.runner.launcher import Launcher
from infra.local.runner.pool import Pool
from infra.local.runner.settings import RunnerSettings

# How often memory and idleness are looked at. A function past its memory limit may live this long.
_TEND_SECONDS = 0.5


@dataclass(slots=True)
class _Entry:
    pool: Pool
    read_at: float
    missing_since: float | None = None


class Runner:
    """Runs functions.

    Args:
        source: where functions are declared.
        launcher: who starts them.
        settings: how patient to be.
        sink: takes the functions' logs.
    """

    def __init__(
        self, source: FunctionSource, launcher: Launcher, settings: RunnerSettings, sink: Sink = to_stdout
    ) -> None:
        self._source = source
        self._launcher = launcher
        self._settings = settings
        self._sink = sink
        self._entries: dict[str, _Entry] = {}
        self._reads: dict[str, asyncio.Task[_Entry]] = {}
        self._leaving: set[Pool] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Begin to look after memory and idleness."""
        self._chore(self._tend())

    async def invoke(self, name: str, invocation: Invocation) -> Outcome:
        """Have the function answer one request.

        Raises:
            ServiceError: what Lambda would refuse.
        """
        entry = self._entries.get(name) or await self._read(name)
        if time.monotonic() - entry.read_at > self._settings.runner_settings_seconds:
            entry.read_at = time.monotonic()
            self._chore(self._refresh(name))
        if self._closed:
            raise UnavailableError("the runner is stopping")
        return await entry.pool.invoke(invocation)

    async def find(self, name: str) -> Function:
        """The function's settings.

        Raises:
            ServiceError: there is none, or nobody could tell.
        """
        entry = self._entries.get(name) or await self._read(name)
        return entry.pool.function

    def reload(self) -> None:
        """Forget every setting and environment; what is running finishes. Code that was changed is read afresh."""
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            self._leave(entry.pool)

    def environments(self) -> dict[str, dict[str, int]]:
        """How many environments each function has, and how many are busy."""
        return {
            name: {"environments": len(entry.pool), "busy": entry.pool.busy} for name, entry in self._entries.items()
        }

    async def close(self) -> None:
        """Stop every environment; bounded by a second for all of them."""
        self._closed = True
        chores = tuple(self._chores) + tuple(self._reads.values())
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        pools = [entry.pool for entry in self._entries.values()]
        await asyncio.gather(*(pool.close() for pool in (*pools, *self._leaving)))

    async def _read(self, name: str) -> _Entry:
        """Read once, however many ask."""
        if name not in self._reads:
            self._reads[name] = asyncio.create_task(self._read_now(name))
            self._reads[name].add_done_callback(lambda _: self._reads.pop(name, None))
        return await asyncio.shield(self._reads[name])

    async def _read_now(self, name: str) -> _Entry:
        entry = _Entry(self._new_pool(await self._source.find(name)), time.monotonic())
        self._entries[name] = entry
        return entry

    def _new_pool(self, function: Function) -> Pool:
        return Pool(
            function,
            self._launcher,
            self._sink,
            init_seconds=self._settings.runner_init_seconds,
            concurrency=self._settings.runner_concurrency,
        )

    async def _refresh(self, name: str) -> None:
        try:
            function = await self._source.find(name)
        except UnknownFunctionError:
            self._missing(name)
            return
        except UnavailableError as error:
            logger.warning("settings stay as they were", function=name, reason=str(error))
            return
        if (entry := self._entries.get(name)) is None:
            return
        entry.missing_since = None
        if entry.pool.function != function:
            logger.info("settings have changed", function=name)
            self._leave(entry.pool)
            entry.pool = self._new_pool(function)

    def _missing(self, name: str) -> None:
        if (entry := self._entries.get(name)) is None:
            return
        entry.missing_since = entry.missing_since or time.monotonic()
        if time.monotonic() - entry.missing_since >= self._settings.runner_forget_seconds:
            logger.info("the function was deleted", function=name)
            self._leave(entry.pool)
            del self._entries[name]

    def _leave(self, pool: Pool) -> None:
        self._leaving.add(pool)
        self._chore(pool.retire())

    async def _tend(self) -> None:
        while not self._closed:
            await asyncio.sleep(_TEND_SECONDS)
            for pool in [entry.pool for entry in self._entries.values()] + list(self._leaving):
                await pool.tend(self._settings.runner_idle_seconds)
            self._leaving = {pool for pool in self._leaving if len(pool)}

    def _chore(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                logger.error("a background task failed", exc_info=error)
