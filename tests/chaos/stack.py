"""The embedded Barometer of a run: started and stopped by its command line, known by its state file.

Nothing of ``infra`` is imported: what is under test is what a person would start. Whatever is signalled is first proven
to be ours: the state file names it with the moment it started, or it is a child of one so named.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LEASE_SECONDS = 5
# One after the other asked to end, each given its time; what takes longer hangs.
_COMMAND_SECONDS = 330.0
# A start that meets a dying process or a port just taken fails; so many in a row are no accident.
_STARTS = 6
_START_PAUSE_SECONDS = 2.0
_CLOCK_TOLERANCE_SECONDS = 2.0
_BAROMETER = Path(sys.executable).with_name("barometer")
# What every child of ``up`` carries in its environment (``ARCHITECTURE.md``, "Where it runs").
_MARK = "BAROMETER_SUPERVISED_HOME"


class StackError(Exception):
    """The stack cannot be started or stopped."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One embedded Barometer.

    Args:
        home: its folder.
        template: what it deploys.
        partitions: of its streams.
    """

    home: Path
    template: Path
    partitions: int

    def environment(self) -> dict[str, str]:
        """That of every command: nobody's own settings, the run's instead."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("BAROMETER_", "LLM_", "AWS_"))
        }
        return clean | {
            "BAROMETER_MODEL": "linear",
            "BAROMETER_PARTITIONS": str(self.partitions),
            "BAROMETER_LEASE_SECONDS": str(LEASE_SECONDS),
            "BAROMETER_REDIS_FSYNC": "always",
            # So that a poison's attempts are spent in seconds.
            "BAROMETER_RETRY_CAP_SECONDS": "2",
            "PYTHONUNBUFFERED": "1",
        }

    def command(self, *arguments: str | Path) -> list[str]:
        """A command on this home."""
        return [str(_BAROMETER), *map(str, arguments), "--home", str(self.home)]

    def up(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Start it, or start it again; returns when it is ready, or when a try has failed and it is wanted no more.

        Raises:
            StackError: it does not start.
        """
        said = ""
        for _ in range(_STARTS):
            started = self._run(
                "up", "--detach", "--port", "0", "--feed", "none", "--pollers", "2", "--template", self.template
            )
            if started.returncode == 0 or not wanted():
                return
            said = started.stderr.strip()
            time.sleep(_START_PAUSE_SECONDS)
        raise StackError(f"barometer up does not start: {said}")

    def down(self) -> list[str]:
        """Stop it; what outlived that is killed, and named."""
        said = self._run("down")
        outlived = [] if said.returncode == 0 else [f"barometer down: {said.stderr.strip()}"]
        for process in _marked(self.home):
            with contextlib.suppress(psutil.Error):
                outlived.append(f"process {process.pid} ({process.name()}) outlived barometer down")
                process.kill()
        return outlived

    def audit(self) -> str:
        """What the house's own audit finds; empty if nothing."""
        said = self._run("audit")
        return "" if said.returncode == 0 else f"{said.stdout} {said.stderr}".strip()

    def _run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=True, text=True,
            timeout=_COMMAND_SECONDS, check=False,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """What the state file says now."""
        try:
            state: dict[str, Any] = json.loads((self.home / "run" / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state

    def key(self) -> str:
        """The sign-in key."""
        return (self.home / "admin.key").read_text(encoding="utf-8").strip()

    def ready(self) -> bool:
        """Whether ``up`` lives and says that it is ready."""
        return self.state().get("phase") == "ready" and self.find("up") is not None

    def find(self, victim: str) -> psutil.Process | None:
        """A living process by its name: a program, ``up`` itself, or ``function:NAME`` for one of a function's."""
        state = self.state()
        if victim == "up":
            return _alive(state.get("supervisor"))
        program, _, function = victim.partition(":")
        records = {record["name"]: record for record in state.get("processes", ())}
        if not function:
            return _alive(records.get(program))
        runner = _alive(records.get("runner"))
        return next(_of_function(runner, function), None) if runner else None

    def asked_to_end(self, victim: str) -> signal.Signals:
        """The signal by which a victim is told to end."""
        for record in self.state().get("processes", ()):
            if record["name"] == victim:
                return signal.Signals(record["stop_signal"])
        return signal.SIGTERM


def _alive(record: dict[str, Any] | None) -> psutil.Process | None:
    """The process of a record, if it is still that one."""
    if record is None:
        return None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(record["pid"])
        if abs(process.create_time() - record["created"]) < _CLOCK_TOLERANCE_SECONDS and is_alive(process):
            return process
    return None


def is_alive(process: psutil.Process) -> bool:
    """Whether it is neither gone nor only waiting to be buried."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _of_function(runner: psutil.Process, name: str) -> Iterator[psutil.Process]:
    handlers = (f"functions.{name}.app.handler", f"tests.chaos.poisoned.{name}.handler")
    with contextlib.suppress(psutil.Error):
        for child in runner.children():
            with contextlib.suppress(psutil.Error):
                if any(part in handlers for part in child.cmdline()):
                    yield child


def _marked(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(_MARK) == str(home):
                found.append(process)
    return found
