"""The front door before the HTTP API: what is sent arrives, and what comes back is whole."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from infra.local.front_door.http_api import REQUEST_BYTES
from infra.local.programs import any_free_port
from tests.integration.emulator import Emulator, program, wait_for
from tests.integration.front_door.door import GOOD, front_door


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
