"""One function's container, from its start to its end.

Its end is waited for before it begins, and so is its output, so neither can be missed however short it lives. Nothing
here waits for ever for an engine that hangs: a kill is tried again for a while, and whoever waits for it is let go.
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable, Coroutine

from barometer.observability import logger
from infra.local.runner.engine import Engine, EngineError
from infra.local.runner.launcher import Exit, signal_name

# A killed container is gone in a tenth of a second or two; what takes longer hangs in kernel or engine.
_KILL_SECONDS = 5.0
_KILL_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)
# Its last words are here as soon as its end is known, or a moment later.
_LAST_WORDS_SECONDS = 1.0
# After how long a silence there is no output that the answer has overtaken: as a rule, and for who reads it at once.
_SILENCE_SECONDS, _SURE_SILENCE_SECONDS = 0.001, 0.02
# One that never falls silent is waited for this many silences.
_MOST_SILENCES = 5
# How old a figure of memory may be: at first, when it grows, and later. There may be many containers, and the engine
# needs some milliseconds for each figure.
_FIRST_MEMORY_SECONDS, _MEMORY_SECONDS = 0.5, 5.0
# Until when the engine may be late to say that a container that was killed had run out of memory.
_OOM_SECONDS = 0.3
_GONE = frozenset({404, 409})


class ContainerHandle:
    """A function's container; see ``Handle``. Made, it starts.

    Args:
        engine: where it is.
        container: its id; it has been created.
        name: its name.
        limit: MB of memory it may use.
        on_output: takes what it writes.
    """

    def __init__(
        self, engine: Engine, container: str, name: str, *, limit: int, on_output: Callable[[bytes], None]
    ) -> None:
        self._engine = engine
        self._path = f"/containers/{container}"
        self._container = container
        self._name = name
        self._limit = limit * 1_048_576
        self._on_output = on_output
        self._heard_at = 0.0
        self._memory = 0
        self._measured_at = 0.0
        self._measured_for = _FIRST_MEMORY_SECONDS
        self._killed_at: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live())

    @property
    def name(self) -> str:
        """See ``Handle.name``."""
        return self._name

    async def started(self) -> None:
        """Return when it runs.

        Raises:
            EngineError: it could not be started.
        """
        try:
            await asyncio.shield(self._started)
        except BaseException:
            self._life.cancel()
            raise

    async def wait(self) -> Exit:
        """See ``Handle.wait``."""
        return await asyncio.shield(self._life)

    def memory(self) -> int:
        """See ``Handle.memory``: what the kernel could not take back, at most some seconds ago.

        The engine is asked in the background, for it takes up to a second to answer. So the first request of a
        container may be reported with 0; its limit needs no figure, for the kernel keeps it.
        """
        if not self._life.done() and time.monotonic() - self._measured_at > self._measured_for:
            self._measured_at = time.monotonic()
            self._measured_for = min(self._measured_for * 2, _MEMORY_SECONDS)
            self._chore(self._measure())
        return self._memory

    async def drain(self, *, surely: bool) -> None:
        """See ``Handle.drain``.

        Output and answer come by different ways, and the answer may overtake. So it waits until nothing was heard for a
        millisecond, and for 20 where the output goes with it; in all at most 5 and 100. A line that is later still
        stands after its REPORT in the log.
        """
        silence = _SURE_SILENCE_SECONDS if surely else _SILENCE_SECONDS
        for _ in range(_MOST_SILENCES):
            if self._life.done():
                return
            asked_at = time.monotonic()
            await asyncio.sleep(silence)
            if self._heard_at < asked_at:
                return

    def kill(self) -> None:
        """See ``Handle.kill``."""
        if self._killed_at is None and not self._life.done():
            self._killed_at = time.monotonic()
            self._chore(self._kill())

    async def stop(self, grace: float) -> None:
        """See ``Handle.stop``."""
        if not self._life.done() and grace > 0:
            with contextlib.suppress(TimeoutError, EngineError):
                async with asyncio.timeout(grace):
                    await self._engine.call("POST", f"{self._path}/kill", query={"signal": "SIGTERM"})
                    await self.wait()
        self.kill()
        killed_at = self._killed_at or 0.0
        # From the kill on, and not anew for each who asks.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, killed_at + _KILL_SECONDS - time.monotonic())):
                await self.wait()

    async def _live(self) -> Exit:
        since = time.time()
        try:
            async with self._engine.exit_of(self._container) as exiting, self._engine.output_of(self._container) as out:
                await self._engine.call("POST", f"{self._path}/start")
                self._started.set_result(None)
                copying = asyncio.create_task(out.copy_to(self._hear))
                try:
                    code = await exiting.code()
                finally:
                    await asyncio.wait({copying}, timeout=_LAST_WORDS_SECONDS)
                    copying.cancel()
        except EngineError as error:
            if not self._started.done():
                self._started.set_exception(error)
                return Exit()
            # Whatever it does now, nobody hears of it.
            logger.error("a container was lost", container=self._name, reason=str(error))
            self.kill()
            return Exit(signal=signal_name(signal.SIGKILL))
        number = code - 128
        if code == 0 or number not in set(signal.Signals):
            return Exit(code)
        return Exit(signal=signal_name(number), out_of_memory=await self._out_of_memory(number, since))

    def _hear(self, output: bytes) -> None:
        self._heard_at = time.monotonic()
        self._on_output(output)

    async def _out_of_memory(self, number: int, since: float) -> bool:
        """Whether the kernel ended it. The engine says so in an event, which may come after the end itself."""
        if number != signal.SIGKILL or self._killed_at is not None:
            return False
        span = {"since": str(int(since)), "until": f"{time.time() + _OOM_SECONDS:.3f}"}
        filters = json.dumps({"container": [self._container], "event": ["oom"]})
        with contextlib.suppress(EngineError):
            if await self._engine.events({**span, "filters": filters}, seconds=_KILL_SECONDS):
                self._memory = self._limit
                return True
        return False

    async def _kill(self) -> None:
        for pause in _KILL_PAUSES:
            await asyncio.sleep(pause)
            try:
                await self._engine.call("POST", f"{self._path}/kill", seconds=_KILL_SECONDS)
            except EngineError as error:
                if error.status in _GONE:
                    return
                logger.warning("a container is not killed yet", container=self._name, reason=str(error))
            else:
                return

    async def _measure(self) -> None:
        with contextlib.suppress(EngineError):
            stats = await self._engine.call("GET", f"{self._path}/stats", query={"stream": "false", "one-shot": "true"})
            # Nothing where it has just ended.
            memory = (stats or {}).get("memory_stats") or {}
            counted = memory.get("stats") or {}
            # cgroups of version 1 have the totals of a tree, those of version 2 have no other. Pages of files can be
            # taken back, and are not what Lambda reports.
            files = sum(counted.get(f"total_{kind}", counted.get(kind, 0)) for kind in ("active_file", "inactive_file"))
            self._memory = max(0, memory.get("usage", 0) - files)

    def _chore(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
