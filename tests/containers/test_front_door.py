"""The front door's image before an API that answers what it was asked: by which host and which path."""

import json
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.containers.compose import BUILD_SECONDS, Compose, docker
from tests.e2e.stack import wait_for

ECHO = """
import http.server, json

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"host": self.headers["Host"], "path": self.path}).encode())

http.server.ThreadingHTTPServer(("", 4566), Echo).serve_forever()
"""


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    """A network with the API in it, under the name `emulator`."""
    Compose().run("build", "--quiet", "front-door", "cloud", seconds=BUILD_SECONDS)
    name = f"barometer-door-{secrets.token_hex(3)}"
    docker("network", "create", name)
    try:
        api = docker(
            *("run", "--detach", "--rm", "--network", name, "--network-alias", "emulator", "--no-healthcheck"),
            *("barometer:cloud", "python", "-c", ECHO),
        ).strip()
        try:
            yield name
        finally:
            docker("rm", "--force", api)
    finally:
        docker("network", "rm", name)


@pytest.mark.parametrize(
    ("domain", "asked", "socket"),
    [
        (
            "",
            {"host": "emulator:4566", "path": "/_aws/execute-api/ba20e7e1/api/posts?limit=1"},
            {"host": "emulator:4566", "path": "/_aws/execute-api/ba20e7e2/live?since=1"},
        ),
        (
            "execute-api.example:4566",
            {"host": "ba20e7e1.execute-api.example:4566", "path": "/api/posts?limit=1"},
            {"host": "ba20e7e2.execute-api.example:4566", "path": "/live?since=1"},
        ),
    ],
)
def test_an_api_is_called_by_its_path_or_by_its_host(
    network: str, domain: str, asked: dict[str, str], socket: dict[str, str]
) -> None:
    door = docker(
        *("run", "--detach", "--rm", "--read-only", "--tmpfs", "/tmp", "--network", network),  # noqa: S108 (its own)
        *(
            "--publish",
            "127.0.0.1::8080",
            "--env",
            "BAROMETER_CLOUD=emulator:4566",
            "--env",
            f"BAROMETER_API_DOMAIN={domain}",
        ),
        *("--env", "BAROMETER_HTTP_API=ba20e7e1", "--env", "BAROMETER_SOCKET_API=ba20e7e2", "barometer:front-door"),
    ).strip()
    try:
        url = f"http://{docker('port', door, '8080').strip()}"

        def ask() -> httpx.Response | None:
            try:
                answer = httpx.get(f"{url}/api/posts?limit=1", timeout=5)
            except httpx.TransportError:
                return None
            return answer if answer.status_code == 200 else None

        assert json.loads(wait_for(ask, "the front door answers", 30).content) == asked
        handshake = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert httpx.get(f"{url}/socket?since=1", headers=handshake, timeout=5).json() == socket
    finally:
        docker("rm", "--force", door)
