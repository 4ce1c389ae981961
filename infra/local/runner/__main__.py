"""``python -m infra.local.runner``: serve until SIGTERM or SIGINT; read everything afresh at SIGHUP."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator

from barometer.settings import load
from infra.local.runner.api import LambdaApi
from infra.local.runner.containers import container_launcher
from infra.local.runner.events import EventQueue
from infra.local.runner.functions import DeployedFunctions, FunctionSource
from infra.local.runner.images import BuiltImages
from infra.local.runner.launcher import Launcher
from infra.local.runner.processes import ProcessLauncher
from infra.local.runner.service import Runner
from infra.local.runner.settings import RunnerSettings
from infra.local.serving import run, serve


async def lambda_service() -> None:
    """Serve Invoke over the functions that are deployed."""
    settings = load(RunnerSettings)
    async with _launcher(settings) as (launcher, source):
        runner = Runner(source, launcher, settings)
        events = EventQueue(
            runner, limit=settings.runner_event_queue, retry_seconds=settings.runner_event_retry_seconds
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, runner.reload)
        await serve(
            "runner",
            LambdaApi(runner, events).application(),
            settings.runner_host,
            settings.runner_port,
            "BAROMETER_RUNNER_PORT",
            settings.runner_stop_seconds,
        )


@contextlib.asynccontextmanager
async def _launcher(settings: RunnerSettings) -> AsyncIterator[tuple[Launcher, FunctionSource]]:
    source = DeployedFunctions(settings.cloud_endpoint, settings.cloud_region)
    if settings.runner_launcher == "process":
        yield (
            ProcessLauncher(settings.task_root, region=settings.cloud_region, endpoint=settings.cloud_endpoint),
            source,
        )
        return
    async with container_launcher(settings) as launcher:
        yield launcher, BuiltImages(source, launcher.engine)


if __name__ == "__main__":
    sys.exit(run(lambda_service()))
