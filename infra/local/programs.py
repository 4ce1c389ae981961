"""What an embedded Barometer consists of: each program, its environment, and how to know that it is ready.

A child gets the environment of ``up`` without anything that speaks to the real AWS, and with the mark that lets the
next ``up`` find it (``infra.local.leftovers``).
"""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from itertools import zip_longest

import psutil
import psycopg
import redis

from barometer.errors import BarometerError
from infra.local.emulator import cloud_environment
from infra.local.home import Home
from infra.local.leftovers import MARK
from infra.local.names import CREDENTIALS, REGION, STACK
from infra.local.program import REPOSITORY, NotReadyError, Program
from infra.local.services import Service
from infra.local.state import Ports

# Those that run beside the rest for as long as it runs; the others are commands (barometer feed, barometer replay).
FEEDS = ("simulate", "none")
HOST = "127.0.0.1"
DASHBOARD = REPOSITORY / "frontend" / "dist" / "index.html"
_PROBE_SECONDS = 2.0
# Below those that are given to whoever asks for any: from 32768 on Linux, from 49152 on macOS.
_OURS = range(20_000, 32_768)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one embedded Barometer is.

    Args:
        home: its folder.
        ports: its ports.
        database_url: its Postgres.
        redis_url: its Redis.
    """

    home: Home
    ports: Ports
    database_url: str
    redis_url: str

    @property
    def cloud_url(self) -> str:
        """Endpoint of every AWS API."""
        return f"http://{HOST}:{self.ports.cloud}"

    @property
    def runner_url(self) -> str:
        """Endpoint of the Lambda API that runs functions."""
        return f"http://{HOST}:{self.ports.runner}"

    @property
    def url(self) -> str:
        """The front door."""
        return f"http://{HOST}:{self.ports.front_door}"


def poller_names(count: int) -> list[str]:
    """What so many pollers are called: ``poller``, ``poller-2`` and so on."""
    return ["poller", *(f"poller-{number}" for number in range(2, count + 1))]


def order(poller_count: int) -> list[str]:
    """Names in the order of starting; stopping goes backwards: whoever feeds stops before whoever is fed."""
    return ["postgres", "redis", "cloud", "runner", "front-door", *poller_names(poller_count), "feed"]


def store(service: Service, home: Home) -> Program:
    """The program of a Redis or a Postgres."""

    async def probe() -> None:
        try:
            await asyncio.to_thread(service.probe)
        except (OSError, redis.RedisError, psycopg.Error) as error:
            raise NotReadyError(str(error)) from None

    return Program(
        name=service.name,
        command=service.command,
        probe=probe,
        environment=_environment(home),
        user=service.user,
        # Recovery after a crash replays the log first.
        ready_seconds=120,
        # To Postgres SIGTERM means: once every client has gone. SIGINT means now, but properly.
        stop_signal=signal.SIGINT if service.name == "postgres" else signal.SIGTERM,
        stop_seconds=20,
    )


def cloud(place: Place) -> Program:
    """The emulated AWS: CloudFormation, API Gateway, SSM, EventBridge."""
    settings = {
        **cloud_environment(place.runner_url),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(place.ports.cloud),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(place.home.cloud),
        "TMPDIR": str(place.home.run),
    }
    return _python("cloud", "infra.local.cloud", place, _listens(place.ports.cloud), settings)


def runner(place: Place) -> Program:
    """The Lambda service that runs the functions."""
    settings = {
        "BAROMETER_RUNNER_PORT": str(place.ports.runner),
        "BAROMETER_CLOUD_ENDPOINT": place.cloud_url,
        "BAROMETER_CLOUD_REGION": REGION,
    }
    return _python("runner", "infra.local.runner", place, _listens(place.ports.runner), settings)


def front_door(place: Place, public_origin: str, http_api: str, socket_api: str) -> Program:
    """The one origin that a browser sees.

    Args:
        place: where.
        public_origin: what browsers call it.
        http_api: id of the HTTP API.
        socket_api: id of the WebSocket API.
    """
    settings = {
        "BAROMETER_FRONT_DOOR_PORT": str(place.ports.front_door),
        "BAROMETER_PUBLIC_ORIGIN": public_origin,
        "BAROMETER_HTTP_API_URL": f"{place.cloud_url}/_aws/execute-api/{http_api}",
        "BAROMETER_SOCKET_API_URL": f"{place.cloud_url}/_aws/execute-api/{socket_api}/live",
    }
    return _python("front-door", "infra.local.front_door", place, _listens(place.ports.front_door), settings)


def pollers(place: Place) -> list[Program]:
    """What moves records from streams to functions: as many as there are ports for their metrics."""
    return [
        _python(
            name,
            "infra.poller",
            place,
            _listens(port),
            {"BAROMETER_LAMBDA_ENDPOINT": place.runner_url, "BAROMETER_METRICS_PORT": str(port)},
            # It drains for 25 s at most when it is told to stop.
            stop_seconds=30,
        )
        for name, port in zip(poller_names(len(place.ports.poller_metrics)), place.ports.poller_metrics, strict=True)
    ]


def feed(place: Place, name: str) -> Program:
    """Where posts come from."""

    async def at_once() -> None:
        """A feed serves nobody; what it cannot do, its log says, and its end is noticed."""

    return _python("feed", "infra.feeds", place, at_once, {"BAROMETER_FEED": name})


def free_ports(front_door: int, last: Ports | None, poller_count: int = 1) -> Ports:
    """Ports to use: ``front_door`` (0: any) and others that are free now, those of the last time where possible.

    The same ports again leave the deployment as it was, which saves its update.

    Raises:
        BarometerError: the front door's port is taken.
    """
    if front_door and not _is_free(front_door):
        raise BarometerError(f"port {front_door} is taken{_by_whom(front_door)}; choose another with --port")
    taken = {front_door}

    def choose(remembered: int | None) -> int:
        port = remembered if remembered and remembered not in taken and _is_free(remembered) else any_free_port(taken)
        taken.add(port)
        return port

    return Ports(
        front_door=front_door or choose(last.front_door if last else None),
        cloud=choose(last.cloud if last else None),
        runner=choose(last.runner if last else None),
        poller_metrics=tuple(
            choose(remembered)
            for remembered, _ in zip_longest(last.poller_metrics[:poller_count] if last else (), range(poller_count))
        ),
    )


def _python(
    name: str,
    module: str,
    place: Place,
    probe: Callable[[], Awaitable[None]],
    settings: Mapping[str, str],
    *,
    stop_seconds: float = 10,
) -> Program:
    environment = {
        **_environment(place.home),
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": place.cloud_url,
        "BAROMETER_DATABASE_URL": place.database_url,
        "BAROMETER_REDIS_URL": place.redis_url,
        "BAROMETER_PIPES_PARAMETER": f"/{STACK}/pipes",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    return Program(name, [sys.executable, "-m", module], probe, environment, stop_seconds=stop_seconds)


def _environment(home: Home) -> dict[str, str]:
    """Ours, without credentials, profiles and endpoints of AWS, and with this machine never behind a proxy.

    The names of secrets stay behind too: what they name was read by ``up``, and nobody else could read it.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name not in ("BAROMETER_REDIS_SECRET", "LLM_API_KEY_SECRET")
    }
    no_proxy = ",".join(filter(None, (environment.get("NO_PROXY") or environment.get("no_proxy"), f"{HOST},localhost")))
    return environment | {"NO_PROXY": no_proxy, "no_proxy": no_proxy, MARK: str(home.root)}


def _listens(port: int) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                _, writer = await asyncio.open_connection(HOST, port)
        except (OSError, TimeoutError) as error:
            raise NotReadyError(f"nothing listens on port {port}") from error
        writer.close()

    return probe


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that connections that are only waiting out their end do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def any_free_port(taken: Container[int] = ()) -> int:
    """A port that is free, is none of ``taken``, and is given to nobody else before it is used.

    So none of those that a kernel gives to whoever asks for any: a function's Runtime API or a connection would get it.

    Raises:
        BarometerError: there is none.
    """
    for _ in range(1_000):
        port = secrets.choice(_OURS)
        if port not in taken and _is_free(port):
            return port
    raise BarometerError("no free port on this machine")


def _by_whom(port: int) -> str:
    """Who has a port, if this machine tells us."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                name = psutil.Process(connection.pid).name()
                return f" by {name} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
