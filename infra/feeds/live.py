"""Runs a live feed: takes its posts as they come and writes them at once, or gathered for a tick when they come fast.

SIGTERM and SIGINT stop the taking; what was taken is written, and the run returns. A feed that ends does the same.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from barometer.errors import BarometerError, InvalidInputError
from barometer.observability import logger
from barometer.posts import RawPost
from infra.feeds.pace import Pace
from infra.feeds.source import Feed, raw_post
from infra.feeds.writer import MOST_AT_ONCE, PATIENCE_SECONDS, Raw, Writer

# A post waits at most this long for company: too short to notice, and at 1,000 posts/s a batch of 50.
_GATHER_SECONDS = 0.05
# What a stopped feed may take to write what it holds; supervisors kill after ten seconds.
GRACE_SECONDS = 5.0
_REFUSALS_TOLD = 10


@dataclass(slots=True)
class Tally:
    """What became of a feed's posts so far; ``left`` were taken, but not accepted before the grace of a stop ended."""

    accepted: int = 0
    rejected: int = 0
    left: int = 0


@contextlib.contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """While inside, SIGTERM and SIGINT set ``stop`` instead of ending the process."""
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)
    for number in caught:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def run_until_stopped(
    feed: Feed, raw: Raw, *, most: float | None, waiting: Callable[[str], None], patience: float = PATIENCE_SECONDS
) -> Tally:
    """Write the posts of ``feed`` to ``raw`` until it ends or a signal stops it; see ``run`` and ``Writer``."""
    stop = asyncio.Event()
    writer = Writer(raw, stop, patience=patience, grace=GRACE_SECONDS, waiting=waiting)
    with stopped_by_signals(stop):
        return await run(feed, writer, stop, retention=raw.retention, most=most)


async def run(feed: Feed, writer: Writer, stop: asyncio.Event, *, retention: timedelta, most: float | None) -> Tally:
    """Write the posts of ``feed`` until it ends or ``stop`` is set, at most ``most`` a second.

    Raises:
        BarometerError: the writer gave up, though nobody said ``stop``; the posts it held were not accepted.
    """
    queue: asyncio.Queue[RawPost | None] = asyncio.Queue(MOST_AT_ONCE)
    tally = Tally()
    taking = asyncio.create_task(_take(feed, queue, tally, retention))
    halting = asyncio.create_task(_halt(taking, stop))
    pace = Pace(most)
    try:
        while batch := await _gather(queue, pace.batch_size(MOST_AT_ONCE)):
            await pace.turn(len(batch), stop)
            try:
                await writer.write(batch)
            except BarometerError:
                if not stop.is_set():
                    raise
                tally.left = len(batch) + queue.qsize()
                return tally
            tally.accepted += len(batch)
        with contextlib.suppress(asyncio.CancelledError):
            await taking  # the feed's own failure, if that is why it ended
    finally:
        taking.cancel()
        halting.cancel()
        await asyncio.gather(taking, halting, return_exceptions=True)
    return tally


async def _halt(taking: asyncio.Task[None], stop: asyncio.Event) -> None:
    await stop.wait()
    taking.cancel()


async def _take(feed: Feed, queue: asyncio.Queue[RawPost | None], tally: Tally, retention: timedelta) -> None:
    try:
        async with contextlib.aclosing(_checked(feed, tally, retention)) as posts:
            async for post in posts:
                await queue.put(post)
    finally:
        # Room for the end is made only by the writer, which is also who gives up when it cannot write.
        await queue.put(None)


async def _checked(feed: Feed, tally: Tally, retention: timedelta) -> AsyncGenerator[RawPost, None]:
    async with contextlib.aclosing(feed.posts()) as items:
        async for item in items:
            try:
                if isinstance(item, InvalidInputError):
                    raise item
                post = raw_post(item, datetime.now(UTC), retention)
            except InvalidInputError as error:
                tally.rejected += 1
                if tally.rejected <= _REFUSALS_TOLD:
                    told = {"feed": feed.name, "field": error.field, "reason": error.reason}
                    logger.warning("post refused", extra=told)
            else:
                yield post


async def _gather(queue: asyncio.Queue[RawPost | None], most: int) -> list[RawPost]:
    """One post and those that come within the tick, ``most`` in all; nothing when the feed has ended."""
    batch: list[RawPost] = []
    first = await queue.get()
    if first is None:
        return batch
    batch.append(first)
    await asyncio.sleep(_GATHER_SECONDS)
    while not queue.empty() and len(batch) < most:
        post = queue.get_nowait()
        if post is None:
            queue.put_nowait(None)
            break
        batch.append(post)
    return batch
