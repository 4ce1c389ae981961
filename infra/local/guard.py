"""What stands before ministack and refuses web pages.

ministack 1.5.33 asks nobody for credentials and tells browsers that every page may read and write everything (CORS,
``*``): a page that found its port could have code of its own run as a function. Here a page's request is refused,
except on its way through the front door to an API of the stack, which judges it by itself. The door says that it was
there in ``X-Forwarded-Host``, and a browser lets no page say so unasked: what it asks first is refused.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from infra.local.pages import from_a_page

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Under it ministack serves the APIs of API Gateway.
APIS = "/_aws/execute-api/"
_BY_THE_DOOR = "x-forwarded-host"


def closed_to_pages(application: Application) -> Application:
    """The ASGI ``application``, which then hears nothing from pages but what the front door brings to the APIs."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and _refused(scope):
            await _refuse(scope, send)
        else:
            await application(scope, receive, send)

    return guarded


def _refused(scope: Scope) -> bool:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    through_the_door = scope["path"].startswith(APIS) and _BY_THE_DOOR in headers
    return not through_the_door and from_a_page(headers)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted, this is a 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"no web page may use this port\n"})
