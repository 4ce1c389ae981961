"""A front door on a port of its own, and what may stand behind it in place of ministack."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from infra.local.front_door.app import application
from infra.local.front_door.settings import FrontDoorSettings

GOOD = {"Authorization": "Bearer good"}


@asynccontextmanager
async def front_door(
    http_api: str, socket_api: str = "http://127.0.0.1:9", **settings: object
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a front door on a port of its own."""
    values = FrontDoorSettings.model_validate({"http_api_url": http_api, "socket_api_url": socket_api, **settings})
    server = web.AppRunner(await application(values), shutdown_timeout=0.5)
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        session = aiohttp.ClientSession(url_of(server), cookie_jar=aiohttp.DummyCookieJar())
        try:
            yield session
        finally:
            # The door first: its clients hear that it closes.
            await server.cleanup()
            await session.close()
    finally:
        await server.cleanup()


def url_of(server: web.AppRunner) -> str:
    return f"http://127.0.0.1:{server.addresses[0][1]}"


@asynccontextmanager
async def socket_server(serve: Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]) -> AsyncIterator[str]:
    """The address of a WebSocket server that does what ministack cannot be made to do."""

    async def handshake(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, protocols=["barometer.v2"])
        await socket.prepare(request)
        await serve(socket, request)
        return socket

    app = web.Application()
    app.router.add_get("/live", handshake)
    server = web.AppRunner(app, shutdown_timeout=0.5)
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        yield url_of(server) + "/live"
    finally:
        await server.cleanup()
