"""``python -m infra.local.front_door``: serve until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

from aiohttp import web

from barometer.errors import BarometerError
from barometer.settings import load
from infra.local.front_door.app import application
from infra.local.front_door.settings import FrontDoorSettings

# How long requests in flight may take to finish.
_STOP_SECONDS = 3.0


async def serve(settings: FrontDoorSettings) -> None:
    """Serve until told to stop.

    Raises:
        BarometerError: the port cannot be had.
    """
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    server = web.AppRunner(await application(settings), access_log=None, shutdown_timeout=_STOP_SECONDS)
    try:
        await server.setup()
        try:
            await web.TCPSite(server, settings.front_door_host, settings.front_door_port).start()
        except OSError as error:
            address = f"{settings.front_door_host}:{settings.front_door_port}"
            raise BarometerError(
                f"the front door cannot listen on {address} (BAROMETER_FRONT_DOOR_PORT): {error.strerror or error}"
            ) from error
        host, port = server.addresses[0][:2]
        sys.stdout.write(f"front door listens on http://{host}:{port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await server.cleanup()


def main() -> int:
    """Run; 0 after a clean stop, 1 with one sentence on stderr."""
    try:
        asyncio.run(serve(load(FrontDoorSettings)))
    except BarometerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
