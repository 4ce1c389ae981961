"""``python -m infra.local.runner``: serve until SIGTERM or SIGINT; read everything afresh at SIGHUP."""

import asyncio
import signal
import sys

from aiohttp import web

from barometer.errors import BarometerError
from barometer.settings import load
from infra.local.runner.api import LambdaApi
from infra.local.runner.events import EventQueue
from infra.local.runner.functions import DeployedFunctions
from infra.local.runner.processes import ProcessLauncher
from infra.local.runner.service import Runner
from infra.local.runner.settings import RunnerSettings


async def serve(settings: RunnerSettings) -> None:
    """Serve until told to stop.

    Raises:
        BarometerError: the port cannot be had.
    """
    source = DeployedFunctions(settings.cloud_endpoint, settings.cloud_region)
    launcher = ProcessLauncher(settings.task_root, region=settings.cloud_region, endpoint=settings.cloud_endpoint)
    runner = Runner(source, launcher, settings)
    events = EventQueue(runner, limit=settings.runner_event_queue, retry_seconds=settings.runner_event_retry_seconds)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, runner.reload)
    server = web.AppRunner(
        LambdaApi(runner, events).application(), access_log=None, shutdown_timeout=settings.runner_stop_seconds
    )
    try:
        await server.setup()
        try:
            await web.TCPSite(server, settings.runner_host, settings.runner_port).start()
        except OSError as error:
            address = f"{settings.runner_host}:{settings.runner_port}"
            raise BarometerError(f"the runner cannot listen on {address} (BAROMETER_RUNNER_PORT): {error}") from error
        host, port = server.addresses[0][:2]
        sys.stdout.write(f"runner listens on http://{host}:{port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await server.cleanup()


def main() -> int:
    """Run; 0 after a clean stop, 1 with one sentence on stderr."""
    try:
        asyncio.run(serve(load(RunnerSettings)))
    except BarometerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
