"""What the door itself has to say, as RFC 9457 problems: the API's own errors pass through as they are."""

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
