"""Who uses the CPU: seconds by each part of a running home, children included."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import psutil

from infra.local.home import Home
from tests.bench.parts import processes

# A process that lives shorter is counted up to its last look only.
_LOOK_SECONDS = 0.25


@dataclass(slots=True)
class CpuMeter:
    """Runs while its block does; afterwards ``seconds`` tells the CPU time of each part, by name."""

    home: Home
    seconds: Counter[str] = field(default_factory=Counter)
    _before: dict[tuple[int, float], float] = field(default_factory=dict)
    _now: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._look()
        self._before = {who: spent for who, (_, spent) in self._now.items()}
        self._task = asyncio.create_task(self._keep_looking())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._look()
        for who, (name, spent) in self._now.items():
            self.seconds[name] += spent - self._before.get(who, 0.0)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        self._note("bench (sender)", psutil.Process())
        for name, process in processes(self.home):
            self._note(name, process)

    def _note(self, name: str, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            self._now[process.pid, process.create_time()] = (name, times.user + times.system)
