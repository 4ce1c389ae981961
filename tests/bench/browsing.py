"""What a browser does: signs in, keeps the cookie, and subscribes to the socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

_HELLO_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Browser:
    """One signed-in browser; ``cookie`` goes with every request."""

    session: aiohttp.ClientSession
    cookie: dict[str, str]


@contextlib.asynccontextmanager
async def signed_in(url: str, key: str) -> AsyncIterator[Browser]:
    """A browser that shows the dashboard at ``url``.

    Raises:
        RuntimeError: the key opens nothing.
    """
    async with aiohttp.ClientSession(base_url=url, headers={"Origin": url}) as session:
        async with session.post("/api/session", json={"key": key}) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"sign-in: {answer.status} {await answer.text()}")
        # aiohttp keeps no cookies of addresses by default; a browser does.
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in answer.cookies.items())
        yield Browser(session, {"Cookie": cookie})


@contextlib.asynccontextmanager
async def subscribed(browser: Browser) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket that is told of every topic and every post.

    Raises:
        RuntimeError: it was not greeted.
    """
    async with browser.session.ws_connect("/socket", headers=browser.cookie) as socket:
        await socket.send_json({"action": "subscribe", "topics": ["*"], "posts": True})
        hello = await asyncio.wait_for(socket.receive_json(), _HELLO_SECONDS)
        if hello["type"] != "hello":
            raise RuntimeError(f"the socket said {hello} instead of hello")
        yield socket
