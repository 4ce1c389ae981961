"""``/api/*``: to the HTTP API and back, as it is.

Bodies stream both ways and are never held whole. A request's is bounded by API Gateway's 10 MB, so that what is too
long for AWS is too long here.

Known of ministack 1.5.33 behind this door, each measured: several Set-Cookie come through as several, from the answer's
``cookies`` and not from ``multiValueHeaders``; binary comes through both ways, as base64 in the event; problem+json
keeps its type; a 204 brings ``Content-Length: 0``; ``sourceIp`` is always 127.0.0.1, so the client is in
``X-Forwarded-For``; the request's ``Host`` is not the browser's, which is in ``X-Forwarded-Host``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    web,
)
from yarl import URL

from barometer.observability import logger
from infra.local.front_door.headers import to_client, to_upstream
from infra.local.front_door.problems import problem

# API Gateway quotas for HTTP APIs: "Payload size: 10 MB", "Maximum integration timeout: 30 seconds".
REQUEST_BYTES = 10 * 1024 * 1024
_ANSWER_SECONDS = 35
_CONNECT_SECONDS = 2
# ministack closes an idle connection after 75 s; a POST on one that it is just closing would be lost.
_KEEP_ALIVE_SECONDS = 60
_CONNECTIONS = 100
_NO_BODY = frozenset({204, 304})
_DOTS = frozenset({".", ".."})
# What speaks to sockets in the API's own name. ministack serves it under every API, and asks for no signature.
_MANAGEMENT = "@connections"


class _TooLongError(Exception):
    """The client sends more than fits."""


class _ClientGoneError(Exception):
    """The client went away while it was sending."""


def upstream_session() -> ClientSession:
    """A session that adds nothing of its own: no cookies, no decoding, no redirects followed, no proxy."""
    return ClientSession(
        connector=TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS),
        auto_decompress=False,
        skip_auto_headers={"User-Agent", "Accept", "Accept-Encoding", "Content-Type"},
        trust_env=False,
    )


class HttpApi:
    """Forwards requests.

    Args:
        base: address of the API.
        session: made by ``upstream_session``.
    """

    def __init__(self, base: str, session: ClientSession) -> None:
        self._base = base.rstrip("/")
        self._session = session

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer with what the API answers."""
        path = request.raw_path
        decoded = unquote(path.partition("?")[0])
        parts = decoded.split("/")
        if not path.startswith("/") or not _DOTS.isdisjoint(parts):
            # It could climb out of the API, to the emulator's own pages.
            return problem(400, "a path starts with / and has no . or .. in it")
        if _MANAGEMENT in parts or "\n" in decoded or decoded == "/api/":
            # The last two are no path of a route (`/api/{proxy+}`): not one that will be there when the API is.
            return problem(404, f"there is nothing at {request.path}")
        length = request.content_length
        if length is not None and length > REQUEST_BYTES:
            return _too_long()
        headers = to_upstream(request)
        if length is not None:
            headers["Content-Length"] = str(length)
        try:
            async with self._session.request(
                request.method,
                # As the client wrote it: decoding and encoding again would change some.
                URL(self._base + path, encoded=True),
                headers=headers,
                data=_bounded(request) if request.body_exists else None,
                allow_redirects=False,
            ) as answer:
                if _is_not_deployed(answer):
                    return _not_there()
                return await self._answer(request, answer)
        except (ClientError, TimeoutError) as error:
            return _failure(request, error)

    @staticmethod
    async def _answer(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
        headers = to_client(answer.headers)
        if answer.status in _NO_BODY:
            headers.popall("Content-Length", None)
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(request)
        if request.method == "HEAD" or answer.status in _NO_BODY:
            return response
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except (ClientError, TimeoutError) as error:
            # The status is out; only a broken connection still says that this is not the whole.
            logger.warning("the API broke off", path=request.path, reason=repr(error))
            if request.transport is not None:
                request.transport.abort()
        except ConnectionResetError:
            pass
        with contextlib.suppress(ConnectionResetError):
            await response.write_eof()
        return response


async def _bounded(request: web.Request) -> AsyncIterator[bytes]:
    """The request's body, until it is too long."""
    seen = 0
    try:
        async for chunk in request.content.iter_any():
            seen += len(chunk)
            if seen > REQUEST_BYTES:
                raise _TooLongError
            yield chunk
    except (ConnectionResetError, asyncio.IncompleteReadError) as error:
        raise _ClientGoneError from error


def _is_not_deployed(answer: ClientResponse) -> bool:
    """Whether API Gateway itself knows no such API or route, as when it was killed and is being deployed again.

    The API answers to every path, and its own errors are problems. A client would take a 404 for final.
    """
    return answer.status == HTTPStatus.NOT_FOUND and answer.headers.get("Content-Type") == "application/json"


def _not_there() -> web.Response:
    return problem(503, "the API is not there; it may be starting", retry_after=1)


def _failure(request: web.Request, error: Exception) -> web.Response:
    """What to say when there is no answer. An error in the body comes wrapped in the client library's own."""
    if isinstance(error.__cause__, _TooLongError):
        return _too_long()
    if isinstance(error.__cause__, _ClientGoneError):
        # Nobody hears this.
        return problem(400, "the request ended early")
    if isinstance(error, ClientConnectorError):
        return _not_there()
    if isinstance(error, TimeoutError):
        return problem(504, "the API did not answer in time")
    logger.warning("the API broke off", path=request.path, reason=repr(error))
    return problem(502, "the API broke off its answer", retry_after=1)


def _too_long() -> web.Response:
    return problem(413, f"the request is longer than {REQUEST_BYTES} bytes")
