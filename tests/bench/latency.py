"""From the 202 of one post to its frame on a socket, as a browser on this machine would see it."""

import asyncio
import random
import secrets
import time
from dataclasses import dataclass

import aiohttp

from tests.bench.browsing import Browser, signed_in, subscribed

_FRAME_SECONDS = 15.0
# Uneven, so that posts do not fall into step with the poller's windows.
_BETWEEN_SECONDS = (0.03, 0.17)
_TEXT = "Measured post {number}: the timetable is wonderful today"


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds for each post, from its 202 (or from its request) to its frame; and how many never came."""

    from_202: list[float]
    from_request: list[float]
    lost: int


class _Frames:
    """Reads one socket and remembers when each measured post came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._arrived: dict[str, asyncio.Future[float]] = {}

    def expect(self, source_id: str) -> asyncio.Future[float]:
        return self._arrived.setdefault(source_id, asyncio.get_running_loop().create_future())

    async def read(self) -> None:
        async for message in self._socket:
            at = time.perf_counter()
            frame = message.json()
            for post in frame.get("posts", []):
                waiting = self._arrived.pop(post["source_id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(at)


async def measure(url: str, key: str, count: int) -> Latencies:
    """Send ``count`` posts one at a time and time each one's frame.

    Raises:
        RuntimeError: sign-in or the socket's hello went wrong.
    """
    async with signed_in(url, key) as browser, subscribed(browser) as socket:
        frames = _Frames(socket)
        reading = asyncio.create_task(frames.read())
        try:
            return await _posts(browser, frames, count)
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _posts(browser: Browser, frames: _Frames, count: int) -> Latencies:
    found = Latencies([], [], 0)
    run, lost = secrets.token_hex(4), 0
    for number in range(count):
        source_id = f"{run}-{number}"
        arrival = frames.expect(source_id)
        post = {"text": _TEXT.format(number=number), "source": "bench", "source_id": source_id}
        began = time.perf_counter()
        async with browser.session.post("/api/posts", json={"posts": [post]}, headers=browser.cookie) as answer:
            answered = time.perf_counter()
            if answer.status != 202:
                raise RuntimeError(f"POST /api/posts: {answer.status} {await answer.text()}")
        try:
            at = await asyncio.wait_for(arrival, _FRAME_SECONDS)
        except TimeoutError:
            lost += 1
        else:
            # A frame may overtake the last byte of its own 202; then nobody waited.
            found.from_202.append(max(0.0, at - answered))
            found.from_request.append(at - began)
        await asyncio.sleep(random.uniform(*_BETWEEN_SECONDS))  # noqa: S311 (a pause, not a secret)
    return Latencies(found.from_202, found.from_request, lost)
