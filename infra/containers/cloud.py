"""``python -m infra.containers.cloud``: the emulated AWS with ``template.yaml`` deployed, each time it starts.

ministack remembers nothing here; what is deployed follows from the template and this container's settings alone. Until
that is done, and wherever it runs behind the front door, the APIs answer 503, not the 404 that a client would take for
final. A deployment that fails ends the process with one sentence, and the engine starts it again.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Final

from pydantic import Field

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.local.deploy import Deployer
from infra.local.emulator import cloud_environment
from infra.local.guard import APIS, Application, Receive, Scope, Send, closed_to_pages
from infra.local.parameters import parameters
from infra.local.template import read_template

READY_PATH: Final = "/_barometer/ready"
_LISTENS_SECONDS: Final = 30.0
_TRY_AGAIN_SECONDS: Final = 0.1


class CloudSettings(Settings):
    """Where others find what runs here, and where it finds the runner."""

    cloud_endpoint: str = Field(default="http://cloud:4566", description="endpoint under which others reach it")
    cloud_port: int = Field(default=4566, ge=1, le=65535, description="port to listen on")
    runner_endpoint: str = Field(default="http://runner:9001", description="endpoint of the runner")


class Gate:
    """An ASGI application in front of ministack that lets nobody to the APIs before they are there.

    Args:
        application: what stands behind it.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._deployed = threading.Event()

    def open(self) -> None:
        """The template is deployed."""
        self._deployed.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
        elif scope["path"] == READY_PATH:
            await _answer(scope, send, 200 if self._deployed.is_set() else 503)
        elif scope["path"].startswith(APIS) and not self._deployed.is_set():
            await _answer(scope, send, 503)
        else:
            await self._application(scope, receive, send)


async def _answer(scope: Scope, send: Send, status: int) -> None:
    # A socket is refused in its handshake, with the same answer as a request (ASGI's "WebSocket Denial Response").
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    headers = [(b"content-type", b"application/problem+json"), (b"retry-after", b"1"), (b"cache-control", b"no-store")]
    detail = "deployed" if status == 200 else "the API is not there; it may be starting"
    body = b'{"type":"about:blank","title":"%s","status":%d,"detail":"%s"}' % (
        b"OK" if status == 200 else b"Service Unavailable",
        status,
        detail.encode(),
    )
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def deploy(settings: CloudSettings) -> None:
    """Deploy the template to the ministack of this process, which may still be starting.

    Raises:
        BarometerError: it does not listen in time, or does not take the template.
    """
    template = read_template()
    endpoint = f"http://127.0.0.1:{settings.cloud_port}"
    deployer = Deployer(endpoint)
    deadline = time.monotonic() + _LISTENS_SECONDS
    while not deployer.answers():
        if time.monotonic() > deadline:
            raise BarometerError(f"nothing answers at {endpoint} after {_LISTENS_SECONDS:.0f} s")
        time.sleep(_TRY_AGAIN_SECONDS)  # between two looks, of which the deadline above bounds the number
    deployer.deploy(template, given(settings))


def given(settings: CloudSettings) -> Mapping[str, str]:
    """The template's parameters, by this container's settings."""
    return {
        **parameters(
            settings,
            database_url=settings.database_url.get_secret_value(),
            redis_url=settings.redis_url.get_secret_value(),
            public_origin=settings.public_origin,
            endpoint=settings.cloud_endpoint,
        ),
        "LogLevel": os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"),
    }


def _deploy_and_open(settings: CloudSettings, gate: Gate) -> None:
    started = time.monotonic()
    fault = ""
    try:
        deploy(settings)
    except BarometerError as error:
        fault = str(error)
    except Exception:  # noqa: BLE001 (whatever it is, it must not leave an empty cloud that looks as if it were starting)
        fault = traceback.format_exc()
    if fault:
        sys.stderr.write(f"cloud: {fault}\n")
        sys.stderr.flush()
        # From this thread nothing else ends ministack.
        os._exit(1)
    gate.open()
    # Not by the logger: ministack has made a handler of its own for every logger's lines, and they would come twice.
    sys.stdout.write(f"cloud: template.yaml is deployed, after {time.monotonic() - started:.1f} s\n")
    sys.stdout.flush()


def main() -> int:
    """Serve until SIGTERM; 1 with one sentence if the settings are wrong."""
    try:
        settings = load(CloudSettings)
    except BarometerError as error:
        sys.stderr.write(f"cloud: {error}\n")
        return 1
    listening = {"BIND_HOST": "0.0.0.0", "GATEWAY_PORT": str(settings.cloud_port), "PERSIST_STATE": "0"}
    os.environ.update(cloud_environment(settings.runner_endpoint), **listening)
    # It reads its variables when it is imported.
    from ministack import app as ministack  # type: ignore[import-untyped]  # noqa: PLC0415 (it has no types)

    gate = Gate(closed_to_pages(ministack.app))
    ministack.app = gate
    threading.Thread(target=_deploy_and_open, args=(settings, gate), daemon=True).start()
    ministack.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
