"""``/socket``: to the WebSocket API and back, frame by frame.

The API is asked first, and the client gets its handshake only when the API has given one: a refusal (401, 403) reaches
the client as a status, not as a socket that closes at once. After that either side's close, with its code, is the
other's.

Known of ministack 1.5.33, each measured: its socket is ``/_aws/execute-api/{api}/{stage}``; a refusing authorizer
gives 403, one that fails 500; its ``$disconnect`` says 1006 of every close; a binary frame reaches the function as text
with U+FFFD; it queues what is sent to a slow socket without bound, which is why a client that does not read is closed
here.
"""

import asyncio
from dataclasses import dataclass, field

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSCloseCode,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
    web,
)

from barometer.observability import logger
from infra.local.front_door.headers import to_upstream
from infra.local.front_door.problems import problem

# API Gateway quotas for WebSocket APIs: a message has at most 128 KB. What comes from behind is ours, and may be wrong.
_CLIENT_BYTES = 128 * 1024
_UPSTREAM_BYTES = 1024 * 1024
_HANDSHAKE_SECONDS = 30.0
# A frame that a side has not taken by then waits behind a full buffer: that side does not read.
_SEND_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_HEARTBEAT_SECONDS = 30.0

Side = web.WebSocketResponse | ClientWebSocketResponse


@dataclass(slots=True)
class SocketApi:
    """Forwards sockets.

    Args:
        url: address of the API.
        session: made by ``http_api.upstream_session``.
        limit: sockets open at once.
    """

    url: str
    session: ClientSession
    limit: int
    _open: set[web.WebSocketResponse] = field(default_factory=set)
    _count: int = 0

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer one handshake, and stay until the socket closes."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return problem(426, "this is a WebSocket")
        if self._count >= self.limit:
            return problem(503, "too many sockets are open", retry_after=5)
        # Counted from before the handshake, or many at once would pass the limit.
        self._count += 1
        try:
            upstream = await self._connect(request)
            return upstream if isinstance(upstream, web.Response) else await self._serve(request, upstream)
        finally:
            self._count -= 1

    async def _serve(self, request: web.Request, upstream: ClientWebSocketResponse) -> web.StreamResponse:
        client = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS,
            timeout=_CLOSE_SECONDS,
            max_msg_size=_CLIENT_BYTES,
            protocols=[upstream.protocol] if upstream.protocol else [],
            autoclose=False,
            # The next hop is this very machine: what compressing saves there, it costs here.
            compress=False,
        )
        async with upstream:
            await client.prepare(request)
            self._open.add(client)
            try:
                await _join(client, upstream)
            finally:
                self._open.discard(client)
        return client

    async def close(self) -> None:
        """Tell every client that the door closes."""
        going_away = (
            client.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down") for client in tuple(self._open)
        )
        await asyncio.gather(*going_away, return_exceptions=True)

    async def _connect(self, request: web.Request) -> ClientWebSocketResponse | web.Response:
        protocols = [
            name.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for name in value.split(",")
        ]
        headers = to_upstream(request)
        # The client library says this one itself.
        headers.popall("Sec-WebSocket-Protocol", None)
        url = self.url + (f"?{request.query_string}" if request.query_string else "")
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                return await self.session.ws_connect(
                    url,
                    headers=headers,
                    protocols=protocols,
                    heartbeat=_HEARTBEAT_SECONDS,
                    timeout=ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                    max_msg_size=_UPSTREAM_BYTES,
                    autoclose=False,
                )
        except WSServerHandshakeError as error:
            return _refusal(error.status)
        except TimeoutError:
            return problem(504, "the socket's API did not answer in time")
        except (ClientError, OSError):
            return problem(503, "the socket's API is not there; it may be starting", retry_after=1)


def _refusal(status: int) -> web.Response:
    details = {401: "sign in first", 403: "this socket is not for you"}
    if 400 <= status < 500:
        return problem(status, details.get(status, "the socket was refused"))
    return problem(502, "the socket's API failed")


async def _join(client: web.WebSocketResponse, upstream: ClientWebSocketResponse) -> None:
    """Carry frames both ways until one side ends, then end the other in the same way."""
    to_upstream_task = asyncio.create_task(_carry(client, upstream))
    to_client_task = asyncio.create_task(_carry(upstream, client))
    # What both are told if we are cancelled.
    code, reason = int(WSCloseCode.GOING_AWAY), b""
    try:
        done, _ = await asyncio.wait({to_upstream_task, to_client_task}, return_when=asyncio.FIRST_COMPLETED)
        code, reason = done.pop().result()
    finally:
        for task in (to_upstream_task, to_client_task):
            task.cancel()
        await asyncio.gather(to_upstream_task, to_client_task, return_exceptions=True)
        await asyncio.gather(_end(client, code, reason), _end(upstream, code, reason))


async def _carry(source: Side, target: Side) -> tuple[int, bytes]:
    """Carry frames one way; returns the close code and reason for the other side."""
    while True:
        message: WSMessage = await source.receive()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                if message.type is WSMsgType.TEXT:
                    await target.send_str(message.data)
                elif message.type is WSMsgType.BINARY:
                    await target.send_bytes(message.data)
                elif message.type is WSMsgType.CLOSE:
                    return _sendable(message.data), (message.extra or "").encode()
                elif message.type is WSMsgType.ERROR:
                    # Too long, or not a WebSocket frame; aiohttp knows the code.
                    return _sendable(source.close_code), b""
                else:
                    # The connection broke without a close frame.
                    return WSCloseCode.GOING_AWAY, b""
        except TimeoutError:
            logger.warning("a socket is closed: it does not take what is sent to it")
            return WSCloseCode.TRY_AGAIN_LATER, b"too slow"
        except (ConnectionError, ClientError):
            return WSCloseCode.GOING_AWAY, b""


def _sendable(code: int | None) -> int:
    """A close code that may be sent: RFC 6455, 7.4.1 reserves some for what was never sent."""
    if code is None or code in {0, 1005, 1015}:
        return WSCloseCode.OK
    return WSCloseCode.INTERNAL_ERROR if code == 1006 else code


async def _end(side: Side, code: int, reason: bytes) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS + 1):
            await side.close(code=code, message=reason)
    except (TimeoutError, ConnectionError, ClientError):
        # It is gone, or will be when its connection is.
        return
