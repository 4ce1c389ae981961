"""Waits until every accepted post has come to an end, and says what became of them."""

import asyncio
import time

from barometer.errors import BarometerError
from barometer.stores.redis import AWAY
from barometer.stores.streams import Books, books
from infra.feeds.writer import Raw

# Short beside a post's way through the pipeline, so that even under a live feed a moment with none in flight is seen.
_LOOK_SECONDS = 0.1
# Nothing ended for so long: retries with backoff take less, a pipeline that stands still takes for ever.
STALLED_SECONDS = 120.0


async def settled(raw: Raw, *, stalled: float = STALLED_SECONDS) -> Books:
    """The books, once no post is in flight.

    Raises:
        BarometerError: no post came to an end for ``stalled`` seconds, or Redis was away for as long.
    """
    ended, moved_at, trouble = -1, time.monotonic(), "nothing could be read"
    while time.monotonic() - moved_at < stalled:
        try:
            now = await asyncio.to_thread(books, raw.client, raw.partitions)
        except AWAY as error:
            trouble = f"Redis is not there: {error}"
        else:
            if now.in_flight == 0:
                return now
            trouble = f"{now.in_flight:,} posts are in flight, and none came to an end"
            if now.accepted - now.in_flight != ended:
                ended, moved_at = now.accepted - now.in_flight, time.monotonic()
        await asyncio.sleep(_LOOK_SECONDS)
    raise BarometerError(f"{trouble} for {stalled:.0f} s; barometer status tells more")
