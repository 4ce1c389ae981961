"""The front door before the dashboard: a single-page application, safe in a browser, and nothing beside it."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.emulator import Emulator
from tests.integration.front_door.door import front_door


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
