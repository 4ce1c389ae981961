"""A program to run, and the process that runs it.

Each process leads a session and a process group of its own, so that Ctrl-C in a terminal reaches only its supervisor,
and so that ending it ends whatever it started. It writes to a log file of its own, not to a pipe, so that it does not
depend on whoever started it; ``bound_log`` keeps that file from growing for ever.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil

from barometer.errors import BarometerError
from infra.local.state import ProcessRecord

REPOSITORY = Path(__file__).resolve().parents[2]
# Twice this for each process: the log, and the one before it.
LOG_BYTES = 5_000_000
_PROBE_SECONDS = 0.03
# How long what was killed may take to be gone, and how often that is looked at.
_GONE_SECONDS, _GONE_LOOK_SECONDS = 2.0, 0.01


class NotReadyError(BarometerError):
    """A server does not answer yet; ask again."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Args:
        name: for logs and people.
        command: program and arguments; it stays in the foreground.
        probe: raises ``NotReadyError`` until the program can do its work.
        environment: the whole of it.
        user: system user to run as; ``None`` is ours.
        ready_seconds: how long it may take to become ready.
        stop_signal: how it is asked to end.
        stop_seconds: how long it may take to end before it is killed.
    """

    name: str
    command: Sequence[str]
    probe: Callable[[], Awaitable[None]]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    user: str | None = None
    ready_seconds: float = 30
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10


class Running:
    """A process of a program.

    Args:
        program: what it runs.
        process: the process.
        log: where it writes.
        log_start: where in its log its own lines begin.
    """

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        self.program = program
        self._process = process
        self._log = log
        self._log_start = log_start
        self._group_ended = False
        # A process that ended already has no start time to ask for; its id can then not be another's either.
        self._created = 0.0
        with contextlib.suppress(psutil.Error):
            self._created = psutil.Process(process.pid).create_time()

    @classmethod
    async def start(cls, program: Program, log: Path) -> "Running":
        """Start ``program``; it need not be ready yet.

        Raises:
            BarometerError: it cannot be started.
        """
        try:
            bound_log(log)
            with log.open("ab") as output:
                log_start = output.tell()
                process = await asyncio.create_subprocess_exec(
                    *program.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=REPOSITORY,
                    env=dict(program.environment),
                    start_new_session=True,
                    user=program.user,
                    group=program.user,
                    # A program that runs as another user keeps none of our groups.
                    extra_groups=None if program.user is None else [],
                )
        except OSError as error:
            raise BarometerError(f"cannot start {program.name}: {error}") from error
        return cls(program, process, log, log_start)

    def record(self, restarts: int = 0) -> ProcessRecord:
        """What the state file says of it."""
        return ProcessRecord(
            name=self.program.name,
            pid=self._process.pid,
            created=self._created,
            stop_signal=self.program.stop_signal,
            stop_seconds=self.program.stop_seconds,
            restarts=restarts,
        )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    async def wait(self) -> str:
        """Wait until it ends; say how it did."""
        code = await self._process.wait()
        self._end_group()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    async def ready(self) -> None:
        """Wait until it can do its work.

        Raises:
            BarometerError: it ended, or is not ready in time; with what it last said.
        """
        name, reason = self.program.name, ""
        try:
            async with asyncio.timeout(self.program.ready_seconds):
                while True:
                    try:
                        await self.program.probe()
                    except NotReadyError as error:
                        reason = f": {error}" if str(error) else ""
                        if not self.alive:
                            raise BarometerError(f"{name} stopped while starting{self._last_words()}") from None
                        await asyncio.sleep(_PROBE_SECONDS)
                    else:
                        return
        except TimeoutError:
            seconds = f"{self.program.ready_seconds:.0f} s"
            raise BarometerError(f"{name} was not ready within {seconds}{reason}{self._last_words()}") from None

    async def stop(self) -> None:
        """Ask it to end, then make it; returns when it and all that it started are gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.program.stop_signal)
            try:
                async with asyncio.timeout(self.program.stop_seconds):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
        await self.wait()
        await self._group_is_gone()

    async def _group_is_gone(self) -> None:
        """Return when nothing that it started runs any more: a kill is heard a moment after it is sent. Bounded."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_SECONDS):
                while any(_runs_in(self._process.pid)):  # noqa: ASYNC110 (the end of what is not our child is no event)
                    await asyncio.sleep(_GONE_LOOK_SECONDS)

    def kill(self) -> None:
        """End it and its group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _end_group(self) -> None:
        """What a process started has no reason to outlive it; said once, for later its id may be another's."""
        if not self._group_ended:
            self._group_ended = True
            self.kill()

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f": {last[:300]} (see {self._log})" if last else f" (see {self._log})"


def _runs_in(group: int) -> Iterator[int]:
    """Ids of what runs in a process group; one that only waits for its parent to notice its end does not run."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getpgid(pid) == group and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                yield pid


def bound_log(log: Path, limit: int = LOG_BYTES) -> None:
    """Set a log aside when it is too long. Its writer appends, so it goes on at the new beginning.

    A line written between the copy and the cut is lost; that is the price of writing without a pipe.
    """
    if log.exists() and log.stat().st_size > limit:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
