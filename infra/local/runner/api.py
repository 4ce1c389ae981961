"""The runner over HTTP: Lambda's ``Invoke`` for AWS clients, the same for ministack's proxy, and its health.

It checks no signature, as no emulator does; it listens on loopback. What can reach loopback from outside is a page in
the user's own browser, which is refused (``infra.local.pages``).
"""

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from infra.local.pages import from_a_page
from infra.local.runner.bodies import read_at_most
from infra.local.runner.errors import (
    EVENT_BYTES,
    REQUEST_BYTES,
    InvalidContentError,
    InvalidParameterError,
    ServiceError,
    TooLargeError,
)
from infra.local.runner.events import EventQueue
from infra.local.runner.functions import LATEST, function_name
from infra.local.runner.invocation import Invocation, Outcome
from infra.local.runner.proxy import PROXY_BYTES, as_ministack_reads_it, refusal_as_ministack_reads_it
from infra.local.runner.service import Runner

_JSON = "application/json"
# "Up to 3,583 bytes of base64-encoded data about the invoking client" (Lambda API Reference, Invoke).
_CLIENT_CONTEXT_BYTES = 3583

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LambdaApi:
    """The routes.

    Args:
        runner: who runs functions.
        events: who runs them later.
    """

    def __init__(self, runner: Runner, events: EventQueue) -> None:
        self._runner = runner
        self._events = events

    def application(self) -> web.Application:
        """The aiohttp application; it owns the runner, which stops with it."""
        app = web.Application(middlewares=[_refuse])
        app.router.add_post("/2015-03-31/functions/{name}/invocations", self._invoke)
        app.router.add_post("/proxy/{name}", self._proxy)
        app.router.add_get("/healthz", self._health)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)
        return app

    async def _start(self, _: web.Application) -> None:
        await self._runner.start()

    async def _stop(self, _: web.Application) -> None:
        await self._events.close()
        await self._runner.close()

    async def _health(self, _: web.Request) -> web.Response:
        body = orjson.dumps({"status": "ok", "functions": self._runner.environments()})
        return web.Response(body=body, content_type=_JSON)

    async def _invoke(self, request: web.Request) -> web.Response:
        name = function_name(request.match_info["name"], request.query.get("Qualifier", ""))
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            await self._runner.find(name)
            return web.Response(status=204)
        if kind not in {"RequestResponse", "Event"}:
            raise InvalidParameterError(f"{kind!r} is not an InvocationType")
        invocation = Invocation(
            payload=await _payload(request, REQUEST_BYTES if kind == "RequestResponse" else EVENT_BYTES),
            client_context=_client_context(request),
            trace=request.headers.get("X-Amzn-Trace-Id", ""),
            with_log=request.headers.get("X-Amz-Log-Type") == "Tail",
        )
        if kind == "Event":
            self._events.put(await self._runner.find(name), invocation)
            return web.Response(status=202, headers={"x-amzn-RequestId": invocation.id})
        outcome = await self._runner.invoke(name, invocation)
        return _answer(outcome, with_log=invocation.with_log)

    async def _proxy(self, request: web.Request) -> web.Response:
        # Read before it is judged: how to refuse it depends on what it is.
        event = await _payload(request, PROXY_BYTES)
        try:
            if len(event) > REQUEST_BYTES:
                raise TooLargeError(REQUEST_BYTES)
            invocation = Invocation(event, trace=request.headers.get("X-Amzn-Trace-Id", ""))
            outcome = await self._runner.invoke(function_name(request.match_info["name"]), invocation)
        except ServiceError as error:
            status, body = refusal_as_ministack_reads_it(event, error)
        else:
            status, body = as_ministack_reads_it(event, outcome.answer)
        return web.Response(status=status, body=body, content_type=_JSON)


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    if from_a_page(request.headers):
        return _refusal(ServiceError("no web page may invoke a function", status=403, code="AccessDeniedException"))
    try:
        return await handler(request)
    except ServiceError as error:
        return _refusal(error)


def _refusal(error: ServiceError) -> web.Response:
    headers = {"x-amzn-ErrorType": error.code, "x-amzn-RequestId": str(uuid.uuid4())}
    return web.Response(status=error.status, body=error.body, headers=headers, content_type=_JSON)


async def _payload(request: web.Request, limit: int) -> bytes:
    payload = await read_at_most(request, limit)
    if payload is None:
        raise TooLargeError(limit)
    if not payload:
        # Lambda hands a request without a body on as an empty object.
        return b"{}"
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidContentError(str(error)) from None
    return payload


def _client_context(request: web.Request) -> str:
    encoded = request.headers.get("X-Amz-Client-Context", "")
    if len(encoded) > _CLIENT_CONTEXT_BYTES:
        raise InvalidParameterError(f"ClientContext is longer than {_CLIENT_CONTEXT_BYTES} bytes")
    try:
        # It travels in a header again, so its line breaks, which JSON allows, must go.
        return orjson.dumps(orjson.loads(base64.b64decode(encoded, validate=True))).decode() if encoded else ""
    except (binascii.Error, orjson.JSONDecodeError):
        raise InvalidParameterError("ClientContext is not base64 of JSON") from None


def _answer(outcome: Outcome, *, with_log: bool) -> web.Response:
    headers = {"x-amzn-RequestId": outcome.request_id, "X-Amz-Executed-Version": LATEST}
    if outcome.answer.error_type:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if with_log:
        headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log).decode()
    return web.Response(body=outcome.answer.payload, headers=headers, content_type=_JSON)
