"""Puts checked posts into ``raw``: the one door for feeds, and where a full pipeline slows them (promise 3).

``write`` returns when the posts lie in ``raw`` and are counted. Until then it waits: as long as a full ``raw`` says,
and with growing, jittered pauses while Redis is away. It gives up when its patience is spent or, sooner, when told to
stop; it then raises what it was waiting for, and the caller still holds the posts.

A call that Redis executed and whose answer was lost is sent again: same ids, same time of receipt, **new receipts**. So
the second copy counts as a duplicate, never as a second post.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis

from barometer.errors import BackpressureError, BarometerError
from barometer.posts import Accepted, RawPost
from barometer.stores.redis import AWAY, Client
from barometer.stores.streams import accept
from infra.feeds.pace import pause

# Small enough to be one short script run (about 5 ms), large enough that the round trip does not matter.
MOST_AT_ONCE = 500
PATIENCE_SECONDS = 600.0
# A restarted Redis is back within a second or two; one that loads a long append-only file, within minutes.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
# What passes by itself: a server that is away, or short of memory until records leave.
_PASSING = (*AWAY, redis.exceptions.OutOfMemoryError)


@dataclass(frozen=True, slots=True)
class Raw:
    """The stream ``raw`` of one deployment: where it is, its bound, and for how long its posts are kept."""

    client: Client
    partitions: int
    bound: int
    retention: timedelta


class Writer:
    """Writes to ``raw``.

    Args:
        raw: where to.
        stop: set when the process shall end.
        patience: seconds to wait for a full or vanished Redis before giving up.
        grace: seconds to go on trying once ``stop`` is set.
        waiting: told why, each time it has to wait, and ``""`` when it goes on.
    """

    def __init__(
        self,
        raw: Raw,
        stop: asyncio.Event,
        *,
        patience: float = PATIENCE_SECONDS,
        grace: float = 0.0,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._raw, self._stop = raw, stop
        self._patience, self._grace, self._waiting = patience, grace, waiting

    async def write(self, posts: Sequence[RawPost]) -> None:
        """Return when all of ``posts`` (at most ``MOST_AT_ONCE``) are accepted.

        Raises:
            BackpressureError: ``raw`` was full for as long as patience, or grace after ``stop``, lasted.
            BarometerError: Redis was away for as long, or refuses us.
        """
        received_at = datetime.now(UTC)
        deadline, delay = time.monotonic() + self._patience, _FIRST_PAUSE
        waited = stopping = False
        while True:  # bounded by the deadline
            try:
                await asyncio.to_thread(
                    accept,
                    self._raw.client,
                    self._accepted(posts, received_at),
                    partitions=self._raw.partitions,
                    bound=self._raw.bound,
                )
            except BackpressureError as error:
                refusal: BarometerError = error
                wait, delay = float(error.retry_after), _FIRST_PAUSE
                self._waiting("the pipeline is full")
            except redis.exceptions.AuthenticationError as error:
                raise BarometerError(f"Redis refuses us: {error}") from error
            except _PASSING as error:
                refusal = BarometerError(f"Redis is not there: {error}")
                wait, delay = delay, min(_LONGEST_PAUSE, delay * 2)
                self._waiting("Redis is not there")
            else:
                if waited:
                    self._waiting("")
                return
            waited = True
            if self._stop.is_set() and not stopping:
                stopping, deadline = True, min(deadline, time.monotonic() + self._grace)
            left = deadline - time.monotonic()
            if left <= 0:
                raise refusal
            # Jitter upwards only: never earlier than we were told.
            wait = min(left, wait * random.uniform(1.0, 1.25))  # noqa: S311 (a wait, not a secret)
            await (asyncio.sleep(wait) if stopping else pause(wait, self._stop))

    def _accepted(self, posts: Sequence[RawPost], received_at: datetime) -> Iterator[tuple[str, Accepted]]:
        for post in posts:
            body = post.model_dump(mode="json", exclude_none=True)
            yield post.post_id(received_at), Accepted(uuid.uuid4().hex, received_at.isoformat(), body)
