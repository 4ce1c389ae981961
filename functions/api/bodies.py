"""How a request's body becomes JSON: strictly, with a clear problem for whatever is not.

FastAPI's own parser takes NaN, says little of broken UTF-8 and has no limit; this one is orjson's.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from functions.api.problems import Fault, RefusalError

# Lambda takes 6 MB an event, in which the body is quoted: escapes and non-ASCII characters may cost half as much again.
MAX_BODY_BYTES = 4_000_000
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


def _refuse(status: HTTPStatus, reason: str) -> RefusalError:
    return RefusalError(status, f"the body {reason}", [Fault(field="body", reason=reason)])


class JsonRequest(Request):
    """A request whose body is JSON in UTF-8, of a sensible size, or a refusal that says what else it is."""

    async def body(self) -> bytes:
        """The bytes, if their size and their declared type will do."""
        body = await super().body()
        if len(body) > MAX_BODY_BYTES:
            reason = f"has {len(body):,} bytes; the most is {MAX_BODY_BYTES:,}"
            raise _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise _refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"is encoded as {coding}; send it as it is")
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type != "application/json":
            reason = f"is {media_type or 'of no declared type'}; send Content-Type: application/json"
            raise _refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
        return body

    async def json(self) -> Any:  # noqa: ANN401 (any JSON)
        """The body, parsed."""
        body = await self.body()
        if _REPLACEMENT in body and self.headers.get("content-length") != str(len(body)):
            # API Gateway makes a text of the body, and puts U+FFFD for what is none: longer than what was sent.
            if "content-length" in self.headers:
                raise _refuse(HTTPStatus.BAD_REQUEST, "is not valid UTF-8")
            reason = "holds U+FFFD or is not valid UTF-8; send it with a Content-Length, which tells which"
            raise _refuse(HTTPStatus.BAD_REQUEST, reason)
        try:
            return orjson.loads(body.decode())
        except UnicodeDecodeError as error:
            raise _refuse(HTTPStatus.BAD_REQUEST, f"is not valid UTF-8 at byte {error.start}") from None
        except orjson.JSONDecodeError as error:
            raise _refuse(HTTPStatus.BAD_REQUEST, f"is not JSON: {error}") from None


class JsonRoute(APIRoute):
    """A route that reads its body as ``JsonRequest`` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given our request."""
        handle = super().get_route_handler()

        async def read_strictly(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return read_strictly
