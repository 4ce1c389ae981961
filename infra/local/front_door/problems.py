"""What the door itself has to say, as RFC 9457 problems: the API's own errors pass through as they are."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson
from aiohttp import web


def problem(status: int, detail: str, *, retry_after: int | None = None) -> web.Response:
    """A problem+json response; ``retry_after`` in seconds."""
    body = orjson.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail})
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return web.Response(status=status, body=body, headers=headers)


@web.middleware
async def as_problem(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What aiohttp refuses by itself (a method, a path) is a problem like any other."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        response = problem(error.status, f"{request.method} is not allowed at {request.path}")
        response.headers["Allow"] = error.headers["Allow"]
        return response
    except web.HTTPClientError as error:
        return problem(error.status, f"{request.method} {request.path}: {error.reason}")
