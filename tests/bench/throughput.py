"""Posts a second through the whole stack, and where they wait: from the first accepted to the last stored."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families

from barometer.posts import RawPost
from barometer.stores.streams import Books, books
from barometer.streams import BOOK_STREAMS
from infra.feeds.settled import settled
from infra.feeds.simulate import Simulator
from infra.feeds.source import raw_post
from infra.feeds.writer import MOST_AT_ONCE, Raw, Writer
from infra.local.home import Home
from infra.local.state import read_state
from tests.bench.cpu import CpuMeter

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PipeWork:
    """What one pipe did: calls, records a call, seconds a call (waiting for the function included)."""

    calls: int
    records: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run.

    Attributes:
        posts: how many were sent.
        accepting, seconds: until the last was accepted, and until the last had come to an end.
        cpu: CPU seconds by part.
        waiting: mean length of each stream meanwhile.
        pipes: what each pipe did.
        before, after: the books.
    """

    posts: int
    accepting: float
    seconds: float
    cpu: Counter[str]
    waiting: dict[str, float]
    pipes: dict[str, PipeWork]
    before: Books
    after: Books


def composed(seed: int, count: int, raw: Raw) -> list[RawPost]:
    """So many simulated posts, checked beforehand: composing them is not what is measured."""
    simulator, now = Simulator(seed, run=f"bench-{time.time_ns():x}"), datetime.now(UTC)
    return [raw_post(simulator.next(now).post, now, raw.retention) for _ in range(count)]


async def measure(home: Home, raw: Raw, posts: list[RawPost]) -> Throughput:
    """Send ``posts`` as fast as the pipeline takes them, and wait until it is empty again."""
    before, pipes_before = await settled(raw), await _pipes(home)
    lengths: list[dict[str, int]] = []
    looking = asyncio.create_task(_look(raw, lengths))
    writer, began = Writer(raw, asyncio.Event()), time.perf_counter()
    try:
        async with CpuMeter(home) as cpu:
            for first in range(0, len(posts), MOST_AT_ONCE):
                await writer.write(posts[first : first + MOST_AT_ONCE])
            accepting = time.perf_counter() - began
            after = await settled(raw)
            seconds = time.perf_counter() - began
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    waiting = {name: sum(look[name] for look in lengths) / max(1, len(lengths)) for name in BOOK_STREAMS}
    work = _work(pipes_before, await _pipes(home))
    return Throughput(len(posts), accepting, seconds, cpu.seconds, waiting, work, before, after)


async def _look(raw: Raw, lengths: list[dict[str, int]]) -> None:
    while True:
        now = await asyncio.to_thread(books, raw.client, raw.partitions)
        lengths.append({name: now.streams[name].length for name in BOOK_STREAMS})
        await asyncio.sleep(_LOOK_SECONDS)


async def _pipes(home: Home) -> Counter[tuple[str, str]]:
    """The poller's own sums: (pipe, calls | seconds | batches | records)."""
    ports = read_state(home).ports
    if ports is None:
        raise RuntimeError(f"{home.root} is not running")
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        text = (await client.get(f"http://127.0.0.1:{ports.poller_metrics[0]}/metrics")).text
    wanted = {
        "barometer_poller_invoke_seconds_count": "calls",
        "barometer_poller_invoke_seconds_sum": "seconds",
        "barometer_poller_batch_records_count": "batches",
        "barometer_poller_batch_records_sum": "records",
    }
    sums: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in wanted:
                sums[sample.labels["pipe"], wanted[sample.name]] += sample.value  # type: ignore[assignment]  # seconds
    return sums


def _work(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> dict[str, PipeWork]:
    done = {key: after[key] - before[key] for key in after}
    return {
        pipe: PipeWork(
            int(calls),
            done[pipe, "records"] / max(1, done[pipe, "batches"]),
            done[pipe, "seconds"] / calls,
        )
        for (pipe, what), calls in done.items()
        if what == "calls" and calls
    }
