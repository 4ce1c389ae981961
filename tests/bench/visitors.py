"""Load as clients make it: one who sends posts at a steady rate, and one who looks at the dashboard meanwhile."""

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from infra.feeds.simulate import Simulator
from tests.bench.browsing import Browser, signed_in, subscribed

# Posts of so long go in one request.
_TOGETHER_SECONDS = 0.25
_MOST_AT_ONCE = 1_000
# The dashboard asks for everything each 5 s while it is not told by its socket; here one after the other.
_BETWEEN_QUESTIONS_SECONDS = 1.0
_QUESTIONS = (
    "/api/summary?window=1h",
    "/api/trend?window=24h&bucket=5m",
    "/api/posts?limit=50",
    "/api/topics",
    "/api/alerts?limit=50",
    "/api/pipeline",
    "/api/health",
)


@dataclass(slots=True)
class Sent:
    """What a sender was told: posts accepted, requests refused with 503 and sent again; for how long it sent."""

    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Seen:
    """What a visitor was shown: answers, errors among them, frames, and sockets that were closed and opened again."""

    answers: int = 0
    errors: int = 0
    frames: int = 0
    reconnects: int = 0


async def send(url: str, key: str, rate: float, stop: asyncio.Event, sent: Sent) -> None:
    """Post ``rate`` simulated posts a second until ``stop``; what could not be sent in its second is sent later.

    Raises:
        RuntimeError: a post was refused for another reason than a full pipeline.
    """
    simulator, began, composed = Simulator(1, run=f"soak-{time.time_ns():x}"), time.monotonic(), 0
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(base_url=url, headers=headers) as session:
        while not stop.is_set():
            await asyncio.sleep(_TOGETHER_SECONDS)
            due = min(_MOST_AT_ONCE, int(rate * (time.monotonic() - began)) - composed)
            posts = [simulator.next(datetime.now(UTC)).post for _ in range(due)]
            composed += due
            if posts:
                await _post(session, posts, sent)
            sent.seconds = time.monotonic() - began


async def _post(session: aiohttp.ClientSession, posts: list[dict[str, Any]], sent: Sent) -> None:
    while True:
        async with session.post("/api/posts", json={"posts": posts}) as answer:
            if answer.status == HTTPStatus.ACCEPTED:
                told = await answer.json()
                if told["rejected"]:
                    raise RuntimeError(f"a simulated post was refused: {told['rejected'][0]}")
                sent.accepted += told["accepted"]
                return
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise RuntimeError(f"POST /api/posts: {answer.status} {await answer.text()}")
            sent.refused += 1
            pause = float(answer.headers["Retry-After"])
        await asyncio.sleep(pause)


async def visit(url: str, key: str, stop: asyncio.Event, seen: Seen) -> None:
    """Look at the dashboard until ``stop``."""
    async with signed_in(url, key) as browser:
        listening = asyncio.create_task(_listen(browser, seen))
        try:
            for path in itertools.cycle(_QUESTIONS):
                if stop.is_set() or listening.done():  # that ends in an error only, which is raised below
                    break
                async with browser.session.get(path, headers=browser.cookie) as answer:
                    await answer.read()
                seen.answers += 1
                seen.errors += answer.status != HTTPStatus.OK
                await asyncio.sleep(_BETWEEN_QUESTIONS_SECONDS)
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


async def _listen(browser: Browser, seen: Seen) -> None:
    """Read frames; a socket that was closed is opened again, as a browser would."""
    while True:
        async with subscribed(browser) as socket:
            async for _ in socket:
                seen.frames += 1
        seen.reconnects += 1
