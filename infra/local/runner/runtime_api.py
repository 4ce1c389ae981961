"""Lambda's Runtime API for one environment, on a port of its own.

``awslambdaric`` says nowhere who it is, so the port is its identity. Source: the Lambda Developer Guide, "Using the
Lambda runtime API for custom runtimes", version 2018-06-01. ``restore`` belongs to SnapStart, which nothing here uses.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import orjson
from aiohttp import web

from infra.local.pages import from_a_page
from infra.local.runner.bodies import read_at_most
from infra.local.runner.errors import RESPONSE_BYTES
from infra.local.runner.invocation import Answer, Invocation, unsampled_trace

_RUNTIME = "/2018-06-01/runtime"
_NEXT = f"{_RUNTIME}/invocation/next"
_INIT_ERROR = f"{_RUNTIME}/init/error"
_INVOCATION = f"{_RUNTIME}/invocation/"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"


class RuntimeApi:
    """The server's side of one environment: hands out one invocation at a time and takes its answer.

    Args:
        arn: of the function.
        timeout: seconds a request may take, from which the function's deadline follows.
        on_init_error: called when the function says that it could not start.
    """

    def __init__(self, arn: str, timeout: int, on_init_error: Callable[[Answer], None]) -> None:
        self._arn = arn
        self._timeout = timeout
        self._on_init_error = on_init_error
        self._next: asyncio.Queue[Invocation] = asyncio.Queue(maxsize=1)
        self._current: Invocation | None = None
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None
        # Set at the first ``next``: the function has been imported.
        self.ready = asyncio.Event()
        # Set when an answer was too long to take: the runtime cannot go on, as on Lambda, and must not get another.
        self.broken = False

    async def listen(self, host: str) -> int:
        """Open the port, on ``host``, and return it."""
        # A function that has died must not take the next invocation with its last, forgotten question for one.
        self._web = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(self._web, host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None and self._web is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                await self._web.shutdown(timeout=0.1)

    def offer(self, invocation: Invocation) -> None:
        """Make this what ``next`` answers; the last one must have been settled."""
        self._next.put_nowait(invocation)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if from_a_page(request.headers):
            # It would take, and could read, what was meant for the function.
            return _refused(403, "Forbidden", "no web page may be a function")
        path = request.path
        if request.method == "GET" and path == _NEXT:
            return await self._hand_out()
        if request.method == "POST":
            if path == _INIT_ERROR:
                body = await read_at_most(request, RESPONSE_BYTES)
                self._on_init_error(Answer(body or b"{}", request.headers.get(_ERROR_TYPE, "Runtime.Unknown")))
                return _accepted()
            request_id, _, kind = path.removeprefix(_INVOCATION).partition("/")
            if path.startswith(_INVOCATION) and kind in {"response", "error"}:
                return await self._take(request, request_id, kind)
        return _refused(404, "NotFound", f"{request.method} {path} is not part of the Runtime API")

    async def _hand_out(self) -> web.Response:
        self.ready.set()
        self._current = invocation = await self._next.get()
        invocation.delivered = True
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": invocation.trace or unsampled_trace(),
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return web.Response(body=invocation.payload, headers=headers)

    async def _take(self, request: web.BaseRequest, request_id: str, kind: str) -> web.Response:
        invocation = self._current
        if invocation is None or invocation.id != request_id:
            return _refused(400, "InvalidRequestID", "this is not the request that was handed out last")
        body = await read_at_most(request, RESPONSE_BYTES)
        if body is None:
            self.broken = True
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
            invocation.settle(Answer.error("Function.ResponseSizeTooLarge", message))
            return _refused(413, "RequestEntityTooLarge", message)
        self._current = None
        invocation.settle(Answer(body) if kind == "response" else Answer(body, _error_type(body)))
        return _accepted()


def _error_type(body: bytes) -> str:
    with contextlib.suppress(orjson.JSONDecodeError):
        error = orjson.loads(body)
        if isinstance(error, dict) and isinstance(error.get("errorType"), str):
            return error["errorType"] or "Unhandled"
    return "Unhandled"


def _accepted() -> web.Response:
    return web.Response(status=202, body=b'{"status":"OK"}', headers={"Content-Type": "application/json"})


def _refused(status: int, error_type: str, message: str) -> web.Response:
    body = orjson.dumps({"errorType": error_type, "errorMessage": message})
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})
