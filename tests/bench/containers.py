"""Posts a second in containers beside embedded, in turns: ``python -m tests.bench.containers``.

Both get the same posts by the same sender, straight into ``raw``, and each is the only one that runs while it is
measured: from the first accepted to the last stored, and from one post's 202 to its frame on a socket. The images are
built first if they are not. (The sender reaches Valkey by its container's address, which needs an engine on this very
machine.)
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from rich.console import Console
from rich.table import Table

from barometer.stores.redis import connect
from infra.feeds.settled import settled
from infra.feeds.writer import MOST_AT_ONCE, Raw, Writer
from infra.local.admin import read_admin_key
from infra.local.home import Home
from infra.local.state import read_state
from tests.bench import latency
from tests.bench.homes import make_topics, temporary_home
from tests.bench.throughput import composed as composed_posts
from tests.containers.compose import composed

_WARM_UP_POSTS = 10 * MOST_AT_ONCE
_FRAMES = 100
_SEED = 1


@dataclass(frozen=True, slots=True)
class Running:
    """One Barometer: where its posts go, its door and its key."""

    raw: Raw
    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Posts a second, and the median of milliseconds from 202 to frame."""

    posts_per_second: float
    frame_ms: float


@contextlib.contextmanager
def embedded() -> Iterator[Running]:
    """Barometer as processes, in a temporary home."""
    with temporary_home() as path:
        home = Home.at(path)
        state = read_state(home)
        yield Running(_raw(state.redis_url), state.url, read_admin_key(home))


@contextlib.contextmanager
def containers() -> Iterator[Running]:
    """Barometer in containers, without a feed."""
    with composed("--scale", "feed=0") as compose:
        (valkey,) = compose.containers("valkey")
        (network,) = valkey["NetworkSettings"]["Networks"].values()
        kept = compose.secret("valkey_password")
        yield Running(_raw(f"redis://:{kept}@{network['IPAddress']}:6379/0"), compose.urls[0], compose.key)


def _raw(url: str) -> Raw:
    """As ``template.yaml`` declares it."""
    return Raw(connect(url), 1, 50_000, timedelta(days=30))


async def _measure(running: Running, posts: int) -> Figures:
    writer = Writer(running.raw, asyncio.Event())
    for seed, count in ((_SEED, _WARM_UP_POSTS), (_SEED + 1, posts)):
        sent = composed_posts(seed, count, running.raw)
        before = await settled(running.raw)
        began = time.perf_counter()
        for first in range(0, count, MOST_AT_ONCE):
            await writer.write(sent[first : first + MOST_AT_ONCE])
        after = await settled(running.raw)
        seconds = time.perf_counter() - began
    ended = after.stored + after.duplicates - before.stored - before.duplicates
    if after.missing or ended != posts:
        raise RuntimeError(f"{posts} posts were sent, {ended} came to an end, {after.missing} are missing")
    frames = await latency.measure(running.url, running.key, _FRAMES)
    return Figures(posts / seconds, 1e3 * median(frames.from_202))


def main() -> None:
    """Measure in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--posts", type=int, default=20_000, help="posts of each round")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each")
    given = parser.parse_args()
    seen: dict[str, list[Figures]] = {"embedded": [], "containers": []}
    for _ in range(given.rounds):
        for name, start in (("embedded", embedded), ("containers", containers)):
            with start() as running:
                make_topics(running.url, running.key)
                seen[name].append(asyncio.run(_measure(running, given.posts)))
    table = Table("", "posts/s", "each round", "202 to frame, p50", title=f"{given.posts:,} posts, our own model")
    for name, figures in seen.items():
        rates = [one.posts_per_second for one in figures]
        frames = median(one.frame_ms for one in figures)
        table.add_row(name, f"{median(rates):,.0f}", ", ".join(f"{rate:,.0f}" for rate in rates), f"{frames:.0f} ms")
    Console().print(table)
    ratio = median(one.posts_per_second for one in seen["containers"]) / median(
        one.posts_per_second for one in seen["embedded"]
    )
    Console().print(f"containers carry {ratio:.2f} times what embedded does")


if __name__ == "__main__":
    main()
