"""The door's three ways, put together."""

from aiohttp import web

from infra.local.front_door.dashboard import Dashboard
from infra.local.front_door.headers import secure
from infra.local.front_door.http_api import HttpApi, upstream_session
from infra.local.front_door.problems import as_problem
from infra.local.front_door.settings import FrontDoorSettings
from infra.local.front_door.socket_api import SocketApi


async def application(settings: FrontDoorSettings) -> web.Application:
    """The front door as an aiohttp application; it owns its connections to what lies behind."""
    session = upstream_session()
    api = HttpApi(str(settings.http_api_url), session)
    sockets = SocketApi(str(settings.socket_api_url), session, settings.front_door_sockets)
    dashboard = Dashboard(settings.dashboard_dir, settings.public_origin)

    async def close_sockets(_: web.Application) -> None:
        await sockets.close()

    async def close_session(_: web.Application) -> None:
        await session.close()

    # Bodies pass as they came: who unpacked one would have to say so to whoever is told its length.
    app = web.Application(middlewares=[as_problem], handler_args={"auto_decompress": False})
    app.on_response_prepare.append(secure)
    app.on_shutdown.append(close_sockets)
    app.on_cleanup.append(close_session)
    # (?s): a path may have a line break in it, as %0A.
    app.router.add_route("*", "/api/{path:(?s:.*)}", api.forward)
    app.router.add_get("/socket", sockets.forward)
    app.router.add_get("/{path:(?s:.*)}", dashboard.serve)
    return app
