"""Cold and warm starts, by process and by container: ``python -m tests.bench.launchers``.

Cold is from the launch to the function's first question for work, the median of some starts one after the other; warm
is one request of a small function that prints a line, from the runner's side of the Runtime API. The two launchers take
turns. Images that were not built are left out.
"""

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local.runner.containers import container_launcher
from infra.local.runner.engine import Engine, EngineError
from infra.local.runner.environment import Environment
from infra.local.runner.functions import Function
from infra.local.runner.invocation import Invocation
from infra.local.runner.launcher import Launcher
from infra.local.runner.processes import ProcessLauncher
from infra.local.runner.settings import RunnerSettings
from tests.images import image_of

ROOT = Path(__file__).parents[2]
STEPS = ("ingest", "infer", "aggregate", "alert", "push", "api", "socket")
HANDLERS = "def echo(event, context):\n    print('a line of its own')\n    return event\n"
INIT_SECONDS = 120.0


def _function(handler: str, image: str, memory: int) -> Function:
    return Function(name=image.rpartition(":")[2], arn="arn", handler=handler, memory=memory, timeout=30, image=image)


def _quiet(_: bytes) -> None:
    """Nobody reads the functions' logs here."""


@asynccontextmanager
async def _started(launcher: Launcher, function: Function) -> AsyncIterator[tuple[Environment, float]]:
    environment = Environment(function, 1, _quiet)
    started = time.perf_counter()
    await environment.start(launcher, INIT_SECONDS)
    seconds = time.perf_counter() - started
    try:
        yield environment, seconds
    finally:
        await environment.stop()


async def _cold(launchers: tuple[Launcher, ...], function: Function, rounds: int) -> list[float]:
    """Median seconds of each launcher."""
    seen: list[list[float]] = [[] for _ in launchers]
    for _ in range(rounds):
        for launcher, times in zip(launchers, seen, strict=True):
            async with _started(launcher, function) as (_, seconds):
                times.append(seconds)
    return [statistics.median(times) for times in seen]


async def _warm(launchers: tuple[Launcher, ...], function: Function, calls: int) -> list[list[float]]:
    """Sorted milliseconds of each launcher's calls, in turns."""
    async with _started(launchers[0], function) as (first, _), _started(launchers[1], function) as (second, _):
        seen: list[list[float]] = [[], []]
        for _ in range(calls):
            for environment, times in zip((first, second), seen, strict=True):
                started = time.perf_counter()
                await environment.invoke(Invocation(b'{"text": "how warm"}'))
                times.append((time.perf_counter() - started) * 1000)
        return [sorted(times) for times in seen]


async def _is_built(engine: Engine, image: str) -> bool:
    try:
        await engine.call("GET", f"/images/{image}/json")
    except EngineError as error:
        if error.status == 404:
            return False
        raise
    return True


async def _measure(rounds: int, calls: int, image: str, folder: Path) -> None:
    (folder / "handlers.py").write_text(HANDLERS)
    console = Console()
    settings = RunnerSettings(runner_id=f"barometer-bench-{secrets.token_hex(4)}")
    aws = {"region": settings.cloud_region, "endpoint": settings.cloud_endpoint}
    small = ProcessLauncher(folder, **aws)
    whole = ProcessLauncher(ROOT, **aws)
    async with container_launcher(settings) as containers:
        cold = Table("function", "process, s", "container, s", title=f"cold start, median of {rounds}")
        echo = _function("handlers.echo", image, memory=256)
        cold.add_row("(one line)", *(f"{seconds:.2f}" for seconds in await _cold((small, containers), echo, rounds)))
        for step in STEPS:
            function = _function(f"functions.{step}.app.handler", f"barometer:{step}", memory=1769)
            if await _is_built(containers.engine, function.image):
                times = await _cold((whole, containers), function, rounds)
                cold.add_row(step, *(f"{seconds:.2f}" for seconds in times))
        console.print(cold)
        warm = Table("launcher", "p50, ms", "p95, ms", title=f"warm request, {calls} of each")
        for name, times in zip(("process", "container"), await _warm((small, containers), echo, calls), strict=True):
            warm.add_row(name, f"{times[calls // 2]:.2f}", f"{times[calls * 95 // 100]:.2f}")
        console.print(warm)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="cold starts of each function")
    parser.add_argument("--calls", type=int, default=200, help="warm requests of each launcher")
    given = parser.parse_args()
    with image_of(HANDLERS) as image, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(given.rounds, given.calls, image, Path(folder)))


if __name__ == "__main__":
    main()
