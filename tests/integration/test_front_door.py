"""The front door before a real ministack and the real runner: what is sent arrives, and what comes back is whole."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from infra.local.front_door.app import application
from infra.local.front_door.http_api import REQUEST_BYTES
from infra.local.front_door.settings import FrontDoorSettings
from infra.local.programs import any_free_port
from tests.integration.emulator import Emulator, emulator, program, wait_for
from tests.integration.lambdas import eventually

GOOD = {"Authorization": "Bearer good"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("front-door")) as running:
        yield running


@asynccontextmanager
async def front_door(
    http_api: str, socket_api: str = "http://127.0.0.1:9", **settings: object
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a front door on a port of its own."""
    values = FrontDoorSettings.model_validate({"http_api_url": http_api, "socket_api_url": socket_api, **settings})
    server = web.AppRunner(await application(values), shutdown_timeout=0.5)
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        session = aiohttp.ClientSession(url_of(server), cookie_jar=aiohttp.DummyCookieJar())
        try:
            yield session
        finally:
            # The door first: its clients hear that it closes.
            await server.cleanup()
            await session.close()
    finally:
        await server.cleanup()


def url_of(server: web.AppRunner) -> str:
    return f"http://127.0.0.1:{server.addresses[0][1]}"


@asynccontextmanager
async def socket_server(serve: Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]) -> AsyncIterator[str]:
    """The address of a WebSocket server that does what ministack cannot be made to do."""

    async def handshake(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, protocols=["barometer.v2"])
        await socket.prepare(request)
        await serve(socket, request)
        return socket

    app = web.Application()
    app.router.add_get("/live", handshake)
    server = web.AppRunner(app, shutdown_timeout=0.5)
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        yield url_of(server) + "/live"
    finally:
        await server.cleanup()


@pytest.fixture
async def door(stack: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    apis = f"{stack.cloud_url}/_aws/execute-api"
    async with front_door(f"{apis}/{stack.http_api}", f"{apis}/{stack.socket_api}/live") as session:
        yield session


async def test_a_request_arrives_as_the_client_wrote_it(door: aiohttp.ClientSession):
    headers = {"Cookie": "barometer_session=s; other=1", "Authorization": "Bearer k", "X-Forwarded-For": "6.6.6.6",
               "Content-Type": "application/json", "Connection": "X-Private", "X-Private": "hop"}  # fmt: skip
    body = '{"text": "grüße"}'.encode()
    url = URL(f"{door._base_url}/api/event?q=a%2Fb&since=%2B1", encoded=True)
    async with door.post(url, data=body, headers=headers) as answer:
        event = await answer.json()
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["rawQueryString"] == "q=a%2Fb&since=%2B1"
    assert json.loads(event["body"]) == {"text": "grüße"}
    seen = event["headers"]
    assert seen["cookie"] == "barometer_session=s; other=1"
    assert seen["authorization"] == "Bearer k"
    assert seen["x-forwarded-for"] == "127.0.0.1", "nobody before the door says who the client is"
    assert seen["x-forwarded-host"].startswith("127.0.0.1:")
    assert "x-private" not in seen


async def test_an_api_that_is_not_deployed_yet_is_a_503_and_not_a_404_that_a_client_takes_for_final(stack: Emulator):
    nothing = f"{stack.cloud_url}/_aws/execute-api/0123abcdef"
    async with front_door(nothing) as door, door.post("/api/posts", data=b"{}") as answer:
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert answer.headers["Retry-After"] == "1"


async def test_cookies_errors_and_binary_come_back_as_they_were(door: aiohttp.ClientSession):
    async with door.get("/api/cookies") as answer:
        assert answer.headers.getall("Set-Cookie") == ["a=1; HttpOnly; SameSite=Strict", "b=2; Path=/"]
    async with door.get("/api/one-cookie") as answer:
        assert answer.headers.getall("Set-Cookie") == ["a=1; HttpOnly"]
    async with door.get("/api/problem") as answer:
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        assert (await answer.json(content_type=None))["field"] == "grüße"
    async with door.get("/api/binary") as answer:
        assert await answer.read() == bytes(range(256))
    async with door.delete("/api/nothing") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with door.get("/api/large") as answer:
        assert len(await answer.read()) == 5_000_000
    async with door.head("/api/large") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with door.get("/api/crash") as answer:
        assert (answer.status, await answer.json()) == (500, {"message": "Internal Server Error"})


async def test_binary_arrives_and_what_is_too_long_is_413(door: aiohttp.ClientSession):
    headers = {"Content-Type": "application/octet-stream"}

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 65536):
            yield b"\xff" * 65536

    async with door.post("/api/length", data=b"\xff\x00\n" * 1000, headers=headers) as answer:
        assert await answer.json() == {"length": 3000}
    async with door.post("/api/length", data=chunks(1_048_576), headers=headers) as answer:
        assert await answer.json() == {"length": 1_048_576}
    async with door.post("/api/length", data=b"x" * (REQUEST_BYTES + 1), headers=headers) as answer:
        assert (answer.status, answer.content_type) == (413, "application/problem+json")
    async with door.post("/api/length", data=chunks(REQUEST_BYTES + 1_000_000), headers=headers) as answer:
        assert answer.status == 413
    # Fits API Gateway's limit but not Lambda's.
    async with door.post("/api/length", data=b"x" * 7_000_000, headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    "path", ["/api/../event", "/api/%2e%2e/%2e%2e/_ministack/reset", "/api/a%2F..%2Fb", "http://x/api/a"]
)
async def test_no_path_climbs_out_of_the_api(door: aiohttp.ClientSession, path: str):
    url = door._base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    status = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    assert status.split()[1] in {b"400", b"404"}


async def test_an_api_that_is_down_breaks_off_or_hangs_is_a_problem(tmp_path: Path):
    async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    broken = await asyncio.start_server(break_off, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{broken.sockets[0].getsockname()[1]}"
    async with broken, front_door(url) as door, door.post("/api/posts", data=b"{}") as answer:
        assert (answer.status, answer.content_type) == (502, "application/problem+json")
    async with front_door(f"http://127.0.0.1:{any_free_port()}", dashboard_dir=tmp_path) as door:
        async with door.get("/api/health") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert (await answer.json(content_type=None))["title"] == "Service Unavailable"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await door.ws_connect("/socket")
        assert refused.value.status == 503
        async with door.get("/") as answer:
            assert answer.status == 503
            assert "not built" in (await answer.json(content_type=None))["detail"]


async def test_half_an_answer_does_not_look_whole():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server, front_door(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as door:
        with pytest.raises(aiohttp.ClientError):
            async with door.get("/api/posts") as answer:
                await answer.read()


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


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Barometer</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-B4d5e6.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("not for the web")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


async def test_the_dashboard_is_served_as_a_single_page_application(dist: Path):
    async with front_door("http://127.0.0.1:9", dashboard_dir=dist) as door:
        for path in ("/", "/topics", "/alerts/7?x=1"):
            async with door.get(path) as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")
                assert answer.headers["Cache-Control"] == "no-cache"
        async with door.get("/assets/index-B4d5e6.js") as answer:
            assert answer.content_type in {"text/javascript", "application/javascript"}
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            tag = answer.headers["ETag"]
        async with door.get("/assets/index-B4d5e6.js", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        async with door.get("/favicon.svg") as answer:
            assert (answer.content_type, answer.headers["Cache-Control"]) == ("image/svg+xml", "no-cache")
        async with door.get("/assets/index-older.js") as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")
        async with door.head("/") as answer:
            assert answer.status == 200
        async with door.post("/") as answer:
            assert answer.status == 405


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/link.txt", "/%00.txt"])
async def test_nothing_outside_the_dashboard_is_served(dist: Path, path: str):
    async with front_door("http://127.0.0.1:9", dashboard_dir=dist) as door:
        url = door._base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert b"not for the web" not in answer
        assert answer.split()[1] in {b"400", b"404"}


async def test_every_response_keeps_the_browser_safe(dist: Path, stack: Emulator):
    async with front_door(f"{stack.cloud_url}/_aws/execute-api/{stack.http_api}", dashboard_dir=dist) as door:
        for path in ("/", "/assets/index-B4d5e6.js", "/none.txt", "/api/problem", "/socket"):
            async with door.get(path) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                assert "unsafe" not in answer.headers["Content-Security-Policy"]
                assert "aiohttp" not in answer.headers.get("Server", "")


def test_the_program_starts_and_ends_cleanly_and_names_a_missing_setting(tmp_path: Path):
    port = any_free_port()
    settings = {"BAROMETER_FRONT_DOOR_PORT": str(port), "BAROMETER_HTTP_API_URL": "http://127.0.0.1:9",
                "BAROMETER_SOCKET_API_URL": "ws://127.0.0.1:9/live"}  # fmt: skip
    with program(["infra.local.front_door"], tmp_path / "log", settings) as process:
        wait_for(f"http://127.0.0.1:{port}/", process)
        with program(["infra.local.front_door"], tmp_path / "second", settings) as second:
            assert second.wait(15) == 1
        process.terminate()
        assert process.wait(10) == 0
    assert f"cannot listen on 127.0.0.1:{port}" in (tmp_path / "second").read_text()
    with program(["infra.local.front_door"], tmp_path / "third", {}) as third:
        assert third.wait(15) == 1
    assert "BAROMETER_HTTP_API_URL" in (tmp_path / "third").read_text()


async def test_who_comes_by_another_name_of_this_machine_is_sent_to_the_public_origin(tmp_path: Path):
    (tmp_path / "index.html").write_text("the dashboard")
    settings = {"dashboard_dir": tmp_path, "public_origin": "http://127.0.0.1:8000"}

    async def ask(host: str) -> tuple[int, str]:
        async with door.get("/topics?window=1h", headers={"Host": host}, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")

    async with front_door("http://127.0.0.1:9", **settings) as door:
        assert await ask("localhost:8000") == (307, "http://127.0.0.1:8000/topics?window=1h")
        assert await ask("127.0.0.1:8000") == (200, "")
        # A proxy before the door may call it anything: sent on, the browser would come back for ever.
        assert await ask("barometer.example") == (200, "")
        assert await ask("localhost:9000") == (200, "")
        assert await ask("]") == (200, "")


@pytest.mark.parametrize("path", ["/api/@connections/abc", "/api/%40connections/abc"])
async def test_nobody_speaks_to_sockets_in_the_apis_name(door: aiohttp.ClientSession, path: str):
    async with door.post(URL(path, encoded=True), data=b"forged") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example:4566"}]
)
async def test_a_web_page_reaches_the_emulated_aws_through_the_door_alone(
    stack: Emulator, door: aiohttp.ClientSession, headers: dict[str, str]
):
    apis = f"{stack.cloud_url}/_aws/execute-api"
    async with aiohttp.ClientSession() as page:
        for url in (f"{stack.cloud_url}/2015-03-31/functions", f"{apis}/{stack.http_api}/api/event"):
            async with page.get(url, headers=headers) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-forwarded-host"}
        async with page.options(f"{apis}/{stack.http_api}/api/event", headers=headers | asked) as answer:
            assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await page.ws_connect(f"{apis}/{stack.socket_api}/live", headers=headers | GOOD)
    async with door.get("/api/event", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("DELETE", "/socket")])
async def test_what_the_door_refuses_by_itself_is_a_problem_too(door: aiohttp.ClientSession, method: str, path: str):
    async with door.request(method, path) as answer:
        assert (answer.status, answer.content_type) == (405, "application/problem+json")
        assert (await answer.json(content_type=None))["status"] == 405
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/api/", "/api/a%0Ab", "/api/%0a"])
async def test_a_path_that_no_route_can_have_is_not_found_for_good(door: aiohttp.ClientSession, path: str):
    async with door.get(URL(path, encoded=True)) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_compressed_body_arrives_as_it_was_sent(door: aiohttp.ClientSession):
    packed = gzip.compress(b"x" * 10_000)
    async with door.post("/api/length", data=packed, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 200
        assert await answer.json(content_type=None) == {"length": len(packed)}
