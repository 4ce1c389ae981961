"""The life of one of our small servers: take the port, say where it listens, serve until told to stop, clean up."""

import asyncio
import signal
import sys
from collections.abc import Coroutine

from aiohttp import web

from barometer.errors import BarometerError


async def serve(  # noqa: PLR0917 (what a listener is, in the order that one says it)
    name: str, app: web.Application, host: str, port: int, variable: str, stop_seconds: float
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT; requests in flight then have ``stop_seconds`` to finish.

    Args:
        name: what the lines and errors call it.
        app: what to serve; it is cleaned up on the way out, however that is.
        host: interface to listen on.
        port: port to listen on; 0 takes any.
        variable: the setting that chose the port.
        stop_seconds: for what is in flight.

    Raises:
        BarometerError: the port cannot be had.
    """
    stop = asyncio.Event()
    for signal_name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_name, stop.set)
    server = web.AppRunner(app, access_log=None, shutdown_timeout=stop_seconds)
    try:
        await server.setup()
        try:
            await web.TCPSite(server, host, port).start()
        except OSError as error:
            raise BarometerError(
                f"the {name} cannot listen on {host}:{port} ({variable}): {error.strerror or error}"
            ) from error
        taken_host, taken_port = server.addresses[0][:2]
        sys.stdout.write(f"{name} listens on http://{taken_host}:{taken_port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await server.cleanup()


def run(server: Coroutine[None, None, None]) -> int:
    """Run a server to its end: 0 after a clean stop, 1 with one sentence on stderr."""
    try:
        asyncio.run(server)
    except BarometerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
