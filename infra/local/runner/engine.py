"""The Docker Engine's HTTP API, as far as the runner needs it: over its socket, every wait bounded.

Written against the Engine API reference (version 1.41, Docker 20.10, and later). Paths carry no version: the engine
then speaks its own, and what is used here has not changed since. Each engine refuses some versions, and no one version
is taken by all (29 refuses what 20.10 offers).

What the CLI of Docker reads, ``DOCKER_HOST``, says where the engine is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson

from barometer.errors import BarometerError

DEFAULT_HOST = "unix:///var/run/docker.sock"
# A frame of output: one byte of which stream, three of nothing, four of length ("Attach to a container").
_FRAME_HEADER = 8
# The engine answers in milliseconds, or in some seconds where a whole stack starts at once on a small machine.
_SECONDS = 30.0


class EngineError(BarometerError):
    """The engine is not there, refuses, or takes too long; in a sentence that says which.

    Args:
        message: what is wrong.
        status: HTTP status of a refusal; 0 where no answer came.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """A client of one engine; made inside a running event loop.

    Args:
        host: ``DOCKER_HOST``: ``unix:///path`` or ``tcp://host:port``; ``""`` for Docker's own default.

    Raises:
        EngineError: ``host`` is of another kind.
    """

    def __init__(self, host: str = "") -> None:
        self._host = host or DEFAULT_HOST
        parts = urlsplit(self._host)
        connector: aiohttp.BaseConnector
        # No limit: each container holds two connections for as long as it lives.
        if parts.scheme == "unix" and parts.path:
            connector, self._base = aiohttp.UnixConnector(parts.path, limit=0), "http://docker"
        elif parts.scheme in {"tcp", "http"} and parts.netloc:
            connector, self._base = aiohttp.TCPConnector(limit=0), f"http://{parts.netloc}"
        else:
            raise EngineError(f"DOCKER_HOST={self._host} is neither unix:///path nor tcp://host:port")
        # Nothing is bounded here: each request says how long it may take.
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(), trust_env=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        seconds: float = _SECONDS,
    ) -> Any:  # noqa: ANN401 (JSON as the engine gives it)
        """One request; its answer's JSON, or ``None`` where it has none.

        Raises:
            EngineError: refused, or not answered within ``seconds``.
        """
        content = await self._read(method, path, query, body, seconds)
        return orjson.loads(content) if content else None

    async def events(self, query: Mapping[str, str], *, seconds: float = _SECONDS) -> list[Any]:
        """Events of a span of time that ``query`` ends with ``until``.

        Raises:
            EngineError: as for ``call``.
        """
        content = await self._read("GET", "/events", query, None, seconds)
        return [orjson.loads(line) for line in content.splitlines() if line]

    @contextlib.asynccontextmanager
    async def exit_of(self, container: str) -> AsyncIterator["Exiting"]:
        """Begin to wait for the end of a container that is yet to be started; the end is then certain to be seen.

        Raises:
            EngineError: as for ``call``.
        """
        path = f"/containers/{container}/wait"
        async with self._opened("POST", path, {"condition": "next-exit"}) as answer:
            yield Exiting(answer)

    @contextlib.asynccontextmanager
    async def output_of(self, container: str) -> AsyncIterator["Output"]:
        """Attach to what a container that is yet to be started will write; nothing of it is then missed.

        Raises:
            EngineError: as for ``call``.
        """
        path = f"/containers/{container}/attach"
        # Without "Upgrade" the engine answers with the stream as an ordinary body that ends with the connection.
        async with self._opened("POST", path, {"stream": "1", "stdout": "1", "stderr": "1"}) as answer:
            yield Output(answer)

    async def _read(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, seconds: float
    ) -> bytes:
        try:
            async with asyncio.timeout(seconds), self._request(method, path, query, body) as answer:
                return await answer.read()
        except TimeoutError:
            raise EngineError(_late(method, path, seconds)) from None
        except aiohttp.ClientError as error:
            raise EngineError(f"the Docker engine broke off {method} {path}: {error}") from error

    @contextlib.asynccontextmanager
    async def _opened(self, method: str, path: str, query: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """A request whose headers come at once and whose body takes as long as a container lives."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_SECONDS):
                    answer = await stack.enter_async_context(self._request(method, path, query, None))
            except TimeoutError:
                raise EngineError(_late(method, path, _SECONDS)) from None
            except aiohttp.ClientError as error:
                raise EngineError(f"the Docker engine broke off {method} {path}: {error}") from error
            yield answer

    @contextlib.asynccontextmanager
    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        try:
            answer = await self._session.request(
                method, self._base + quote(path), params=query, data=data, headers=headers
            )
        except (aiohttp.ClientConnectorError, PermissionError, FileNotFoundError) as error:
            raise EngineError(self._away(error)) from error
        async with answer:
            if answer.status >= 400:
                raise EngineError(_reason(await answer.read()), answer.status)
            yield answer

    def _away(self, error: Exception) -> str:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        if isinstance(cause, PermissionError):
            return f"this user may not use the Docker engine at {self._host} (is it in the socket's group?)"
        if isinstance(cause, FileNotFoundError):
            return f"no Docker engine at {self._host}: there is no such socket (DOCKER_HOST)"
        return f"no Docker engine answers at {self._host} (DOCKER_HOST): {error}"


class Exiting:
    """The coming end of a container."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def code(self) -> int:
        """Its exit code, once it has ended.

        Raises:
            EngineError: the engine was lost before.
        """
        try:
            return int(orjson.loads(await self._answer.read())["StatusCode"])
        except (aiohttp.ClientError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise EngineError(f"the Docker engine was lost while a container ran: {error!r}") from error


class Output:
    """What a container writes to stdout and stderr.

    The order within each of the two is kept; between them it is what the engine makes of it. What was written and not
    yet handed over is bounded by aiohttp's buffer and the engine's own: a container that writes faster waits.
    """

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def copy_to(self, take: Callable[[bytes], None]) -> None:
        """Hand it over as it comes, until the container has ended or the engine is lost."""
        header = b""
        left = 0
        with contextlib.suppress(aiohttp.ClientError):
            async for chunk in self._answer.content.iter_any():
                place = 0
                while place < len(chunk):
                    if left:
                        part = chunk[place : place + left]
                        take(part)
                        left -= len(part)
                    else:
                        part = chunk[place : place + _FRAME_HEADER - len(header)]
                        header += part
                        if len(header) == _FRAME_HEADER:
                            left, header = int.from_bytes(header[4:], "big"), b""
                    place += len(part)


def _late(method: str, path: str, seconds: float) -> str:
    return f"the Docker engine has not answered {method} {path} for {seconds:.0f} s"


def _reason(body: bytes) -> str:
    with contextlib.suppress(orjson.JSONDecodeError):
        answer = orjson.loads(body)
        if isinstance(answer, dict) and isinstance(answer.get("message"), str):
            return str(answer["message"])
    return body.decode("utf-8", "replace").strip() or "the Docker engine refuses without a reason"
