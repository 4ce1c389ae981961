"""``barometer status``: what runs in a home, as processes and as its own health check sees it."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from infra.local.home import Home
from infra.local.state import ProcessRecord, read_state

_HEALTH_SECONDS = 5.0


class ProcessStatus(BaseModel):
    """One process, now."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    running: bool
    restarts: int
    seconds: float
    memory_mb: float


class Status(BaseModel):
    """A home, now.

    Args:
        phase: where its ``up`` stands; ``killed`` when it was ended without ending the rest.
        health: what ``GET /api/health`` says, if anything.
    """

    model_config = ConfigDict(frozen=True)

    home: str
    phase: str
    url: str
    processes: list[ProcessStatus]
    health: dict[str, Any] | None
    error: str

    @property
    def healthy(self) -> bool:
        """Whether everything runs."""
        answers = self.health is not None and self.health.get("status") == "ok"
        return self.phase == "ready" and answers and all(process.running for process in self.processes)

    def as_text(self) -> str:
        """For a person."""
        lines = [f"{self.phase} in {self.home}" + (f" at {self.url}" if self.phase == "ready" else "")]
        if self.error:
            lines.append(f"its last run ended: {self.error}")
        for process in self.processes:
            state = f"{process.seconds:9.0f} s  {process.memory_mb:6.0f} MB" if process.running else "      not running"
            again = f"  started again {process.restarts} times" if process.restarts else ""
            lines.append(f"  {process.name:<12}{process.pid:>8}{state}{again}")
        if self.phase == "ready":
            lines.append(f"health: {json.dumps(self.health) if self.health else 'no answer'}")
        return "\n".join(lines)


def look(home: Home) -> Status:
    """See what runs."""
    state = read_state(home)
    phase: str = state.phase
    if not home.is_held():
        phase = "killed" if any(record.process() for record in state.processes) else "stopped"
    return Status(
        home=str(home.root),
        phase=phase,
        url=state.url,
        processes=[_process(record) for record in state.processes],
        health=_health(state.url) if phase == "ready" else None,
        error=state.error,
    )


def _process(record: ProcessRecord) -> ProcessStatus:
    process = record.process()
    memory = 0.0
    try:
        family = [process, *process.children(recursive=True)] if process else []
        memory = sum(member.memory_info().rss for member in family) / 1_048_576
    except psutil.Error:
        # It ended while we looked.
        process = None
    return ProcessStatus(
        name=record.name,
        pid=record.pid,
        running=process is not None,
        restarts=record.restarts,
        seconds=round(time.time() - record.created, 1) if process else 0,
        memory_mb=round(memory, 1),
    )


def _health(url: str) -> dict[str, Any] | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/api/health", timeout=_HEALTH_SECONDS) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        # 503 carries the same answer.
        try:
            answer = json.load(error)
        except ValueError:
            return None
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
