"""What is running, written down so that another process can tell: ``status``, ``down``, and the next ``up``.

A process is named by its id *and* the time it started, since ids are used again. The file is replaced whole, so a
reader sees one moment or the next, never half of one.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from infra.local.home import Home

# psutil reckons start times from the time of boot, which the clock's corrections move a little.
_CLOCK_TOLERANCE_SECONDS = 2.0


class ProcessRecord(BaseModel):
    """One process.

    Args:
        name: what it does here.
        pid: its id, and the id of its process group.
        created: when it started, in seconds since the epoch.
        stop_signal: how it is asked to end.
        stop_seconds: how long it may take to.
        restarts: how often it had to be started again.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    created: float
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10
    restarts: int = 0

    def process(self) -> psutil.Process | None:
        """The process itself, if it is still that one."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if (
                abs(process.create_time() - self.created) < _CLOCK_TOLERANCE_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                return process
        return None


class Ports(BaseModel):
    """Loopback ports; the same ones are taken again at the next start, where they are free.

    ``poller_metrics`` has one for each poller.
    """

    model_config = ConfigDict(frozen=True)

    front_door: int
    cloud: int
    runner: int
    poller_metrics: tuple[int, ...]

    @field_validator("poller_metrics", mode="before")
    @classmethod
    def _as_it_was_for_one(cls, ports: object) -> object:
        """A Barometer that was started before it could have several pollers is ended by this one, too."""
        return (ports,) if isinstance(ports, int) else ports


class State(BaseModel):
    """One moment of an embedded Barometer.

    Args:
        phase: where it stands.
        url: address of its front door.
        supervisor: the process of ``barometer up``.
        ports: see ``Ports``.
        database_url: its Postgres, for the commands that look into it.
        redis_url: its Redis, likewise.
        partitions: how many partitions the streams are spread over.
        processes: everything that was started, in that order.
        steps: how many seconds each step of the start took.
        error: why the last run ended, if not because it was told to.
    """

    model_config = ConfigDict(frozen=True)

    phase: Literal["starting", "ready", "stopping", "stopped"] = "stopped"
    url: str = ""
    supervisor: ProcessRecord | None = None
    ports: Ports | None = None
    database_url: str = ""
    redis_url: str = ""
    partitions: int = 1
    processes: tuple[ProcessRecord, ...] = ()
    steps: dict[str, float] = {}
    error: str = ""


def read_state(home: Home) -> State:
    """The last state written; an empty one if there is none, or none that this version can read."""
    try:
        return State.model_validate_json(home.state.read_bytes())
    except (OSError, ValidationError):
        return State()


def write_state(home: Home, state: State) -> None:
    """Replace the state; only its user may read it, for an URL may hold a password."""
    write_private(home.state, state.model_dump_json(indent=2))


def write_private(path: Path, text: str) -> None:
    """Replace a file whole, readable by its user alone."""
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def this_process() -> ProcessRecord:
    """The record of the calling process, a supervisor."""
    return ProcessRecord(name="up", pid=os.getpid(), created=psutil.Process().create_time(), stop_seconds=60)
