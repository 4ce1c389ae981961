"""The front door before the WebSocket API: frames, closes and refusals pass, and no client fills its memory."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

from tests.integration.emulator import Emulator
from tests.integration.front_door.door import GOOD, front_door, socket_server
from tests.integration.lambdas import eventually


async def test_a_socket_carries_text_both_ways_with_the_clients_headers(door: aiohttp.ClientSession):
    headers = {**GOOD, "Origin": "http://127.0.0.1:8000"}
    async with door.ws_connect("/socket?since=3", headers=headers) as socket:
        await socket.send_str("grüße")
        assert await socket.receive_str(timeout=10) == "echo grüße"
        await socket.send_str("x" * 100_000)
        assert len(await socket.receive_str(timeout=10)) == 100_005
        await socket.send_str("who")
        who = json.loads(await socket.receive_str(timeout=10))
        seen = json.loads(who["headers"])
        assert seen["origin"] == "http://127.0.0.1:8000"
        assert seen["x-forwarded-for"] == "127.0.0.1"
        assert json.loads(who["query"]) == {"since": "3"}
    async with door.ws_connect("/socket", headers={"Cookie": "barometer_session=good"}) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=10) == "echo hello"


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 403),
    ({"Authorization": "Bearer bad"}, 403),
    ({"Authorization": "Bearer broken"}, 502),
])  # fmt: skip
async def test_a_refused_handshake_keeps_its_status(door: aiohttp.ClientSession, headers: dict[str, str], status: int):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await door.ws_connect("/socket", headers=headers)
    assert refused.value.status == status
    async with door.get("/socket") as answer:
        assert answer.status == 426


async def test_a_clients_close_reaches_the_api_with_its_code(door: aiohttp.ClientSession, stack: Emulator):
    codes: list[int | None] = []

    async def serve(socket: web.WebSocketResponse, _: web.Request) -> None:
        await socket.receive()
        codes.append(socket.close_code)

    async with socket_server(serve) as url, front_door("http://127.0.0.1:9", url) as recorded:
        for code in (4001, 1000):
            socket = await recorded.ws_connect("/socket")
            await socket.close(code=code, message=b"bye")
            assert socket.close_code == code
        gone = await recorded.ws_connect("/socket")
        gone._response.connection.transport.abort()
        await eventually(lambda: codes == [4001, 1000, aiohttp.WSCloseCode.GOING_AWAY])
    before = len(stack.disconnects)
    socket = await door.ws_connect("/socket", headers=GOOD)
    await socket.close(code=4001)
    await eventually(lambda: len(stack.disconnects) > before)
    assert stack.disconnects[-1] == "1006", "ministack says so of every close"


async def test_a_message_over_128_kb_closes_its_socket(door: aiohttp.ClientSession):
    async with door.ws_connect("/socket", headers=GOOD) as socket:
        await socket.send_str("x" * (128 * 1024 + 1))
        message = await socket.receive(timeout=10)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)


async def test_an_end_of_the_api_ends_the_socket_with_its_code():
    async def serve(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.receive()
        if request.query_string == "close":
            await socket.close(code=4410, message=b"gone")
        else:
            request.transport.abort()

    async with socket_server(serve) as url, front_door("http://127.0.0.1:9", url) as door:
        for query, code in (("close", 4410), ("abort", aiohttp.WSCloseCode.GOING_AWAY)):
            socket = await door.ws_connect(f"/socket?{query}")
            await socket.send_str("go")
            message = await socket.receive(timeout=10)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, code)
            await socket.close()


async def test_binary_frames_and_subprotocols_pass():
    async def serve(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_str(request.headers.get("Sec-WebSocket-Protocol", ""))
        await socket.send_bytes(await socket.receive_bytes())

    async with socket_server(serve) as url, front_door("http://127.0.0.1:9", url) as door:
        socket = await door.ws_connect("/socket", protocols=["barometer.v1", "barometer.v2"])
        assert socket.protocol == "barometer.v2"
        assert await socket.receive_str(timeout=10) == "barometer.v1,barometer.v2"
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes(timeout=10) == b"\x00\xff"
        await socket.close()


async def test_a_client_that_does_not_read_is_closed_and_fills_no_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("infra.local.front_door.socket_api._SEND_SECONDS", 0.5)
    ended = asyncio.Event()

    async def flood(socket: web.WebSocketResponse, _: web.Request) -> None:
        try:
            for _ in range(100_000):
                await socket.send_bytes(b"x" * 65536)
        except ConnectionError:
            ended.set()

    async with socket_server(flood) as url, front_door("http://127.0.0.1:9", url) as door:
        reader, writer = await asyncio.open_connection(door._base_url.host, door._base_url.port, limit=1024)
        writer.write(
            b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b"101" in await reader.readline()
        await asyncio.wait_for(ended.wait(), 15)
        writer.close()


async def test_sockets_are_bounded_in_number_and_told_when_the_door_closes(stack: Emulator):
    apis = f"{stack.cloud_url}/_aws/execute-api"
    urls = f"{apis}/{stack.http_api}", f"{apis}/{stack.socket_api}/live"
    async with front_door(*urls, front_door_sockets=1) as door:
        socket = await door.ws_connect("/socket", headers=GOOD)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.ws_connect("/socket", headers=GOOD)
        assert refused.value.status == 503
        await socket.close()
        await eventually(lambda: len(stack.disconnects) > 0)
    async with asyncio.timeout(10), front_door(*urls) as door:
        socket = await door.ws_connect("/socket", headers=GOOD)
        farewell = asyncio.create_task(socket.receive())
    message = await farewell
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
