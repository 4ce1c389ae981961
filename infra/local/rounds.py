"""One real request through every route, the way a browser comes: so that "ready" means that it works.

It also starts each function's first process, which the first user would otherwise wait for.
"""

import asyncio
from http import HTTPStatus

import aiohttp

from barometer.errors import BarometerError

_TRY_AGAIN_SECONDS = 0.2
_SECONDS = 60.0
_REQUEST_SECONDS = 35.0
_READS = ("pipeline", "posts?limit=1", "summary", "trend", "topics", "rules", "alerts", "keys")


async def make_rounds(url: str, key: str, *, dashboard: bool) -> int:
    """Ask each route of the front door at ``url`` once; give how many answered.

    Args:
        url: of the front door.
        key: an admin key.
        dashboard: whether there is one to be asked for.

    Raises:
        BarometerError: one does not answer as it should.
    """
    timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
    bearer = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(url, timeout=timeout) as client:
        # One after the other: at once they would each start a process of the same function.
        if dashboard:
            await _answers(client, "GET", "/")
        await _answers(client, "GET", "/api/health")
        await _answers(client, "POST", "/api/session", json={"key": key})
        for path in _READS:
            await _answers(client, "GET", f"/api/{path}", headers=bearer)
        await _socket_answers(client, url, bearer)
        await _answers(client, "DELETE", "/api/session", headers=bearer)
    return len(_READS) + 4 + dashboard


async def _answers(client: aiohttp.ClientSession, method: str, path: str, **options: object) -> None:
    """Ask until there is a good answer: what was started a moment ago may still be warming up."""
    fault = ""
    try:
        async with asyncio.timeout(_SECONDS):
            while True:
                try:
                    async with client.request(method, path, **options) as response:  # type: ignore[arg-type]  # (aiohttp's own)
                        body = await response.text()
                        if response.ok:
                            return
                        fault = f"{response.status} {body[:200]}"
                        if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                            raise BarometerError(f"{method} {path} answers {fault}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    fault = str(error) or type(error).__name__
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
    except TimeoutError:
        raise BarometerError(f"{method} {path} does not answer well within {_SECONDS:.0f} s: {fault}") from None


async def _socket_answers(client: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
    """Connect, subscribe, be greeted, leave."""
    fault = ""
    try:
        async with asyncio.timeout(_SECONDS):
            while True:
                try:
                    async with client.ws_connect("/socket", origin=url, headers=headers) as socket:
                        await socket.send_json({"action": "subscribe", "topics": ["*"], "posts": False})
                        frame = await socket.receive_json(timeout=_REQUEST_SECONDS)
                        if frame["type"] != "hello":
                            raise BarometerError(f"/socket greets with {str(frame)[:200]}")
                        return
                except (aiohttp.ClientError, TimeoutError, TypeError, ValueError, KeyError) as error:
                    # TypeError is how aiohttp says that the frame was no text, but the end.
                    fault = str(error) or type(error).__name__
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
    except TimeoutError:
        raise BarometerError(f"/socket does not answer well within {_SECONDS:.0f} s: {fault}") from None
