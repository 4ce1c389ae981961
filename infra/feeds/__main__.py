"""The feed process: runs the feed that ``BAROMETER_FEED`` names until it ends or is told to stop."""

import asyncio
import secrets
import sys

from barometer.errors import BarometerError
from barometer.observability import logger
from barometer.settings import load
from infra.feeds.live import run_until_stopped
from infra.feeds.settings import FeedSettings
from infra.feeds.simulate import SimulatedFeed
from infra.feeds.source import Feed
from infra.feeds.stdin import StdinFeed
from infra.feeds.target import raw


def build(settings: FeedSettings) -> tuple[Feed, float | None]:
    """The feed, and the most posts a second it may send (``simulate`` has its own rhythm)."""
    if settings.feed == "stdin":
        return StdinFeed(), settings.feed_rate
    seed = secrets.randbelow(2**32) if settings.feed_seed is None else settings.feed_seed
    logger.info("simulating", extra={"seed": seed, "rate": settings.feed_rate})
    return SimulatedFeed(seed, rate=settings.feed_rate), None


async def feed(settings: FeedSettings) -> None:
    """Run it. Raises ``BarometerError`` when the pipeline stayed full, or Redis away, for too long."""
    source, most = build(settings)
    patience = settings.feed_patience_seconds
    tally = await run_until_stopped(source, raw(settings), most=most, waiting=_tell, patience=patience)
    logger.info(
        "feed ended",
        extra={"feed": source.name, "accepted": tally.accepted, "rejected": tally.rejected, "left": tally.left},
    )


def _tell(reason: str) -> None:
    if reason:
        logger.warning("waiting", extra={"reason": reason})
    else:
        logger.info("going on")


def main() -> int:
    """Exit 0 when the feed ended or was told to stop, 1 with one clear line otherwise."""
    try:
        asyncio.run(feed(load(FeedSettings)))
    except BarometerError as error:
        logger.error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
