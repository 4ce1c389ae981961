"""Which model scores the posts, and why not a better one: noted by ``infer``, told by the API.

Promises: what is told is at most a day old; it holds a bounded number of reasons; that it cannot be noted harms no
post. These are readings, not books: a batch that is repeated is counted again.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import orjson
import redis

from barometer.analyzers.chain import Used
from barometer.observability import logger
from barometer.stores.streams import script

if TYPE_CHECKING:
    from barometer.stores.redis import Client

HOURS: Final = 24
MOST_REASONS: Final = 64
_KEPT_SECONDS: Final = (HOURS + 1) * 3_600
_NONE: Final = "none"
_PREFIX: Final = "barometer:{models}"
# After an error nothing is noted for a while, so that a Redis that hangs costs one timeout and not one for every batch.
REST_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class InUse:
    """What scores the posts that the chosen model reads (``None``: nothing); ``because``: why it does not (``""``)."""

    model: str | None
    because: str
    since: datetime


class Notes:
    """Where a process of ``infer`` notes what it used."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._rests_until = 0.0

    def add(self, counts: Mapping[Used, int], leading: Used | None) -> None:
        """Add a batch: how many posts what scored, and what scored those that the chosen model reads. Never raises."""
        if time.monotonic() < self._rests_until:
            return
        now = time.time()
        told = [part for used, posts in counts.items() for part in (orjson.dumps([*used]), posts)]
        model, because = (leading.model or _NONE, leading.because) if leading else ("", "")
        try:
            self._client.register_script(script("model_used"))(
                keys=[_hour_key(int(now // 3_600)), f"{_PREFIX}:in_use"],
                args=[int(now * 1_000), _KEPT_SECONDS, MOST_REASONS, model, because, *told],
            )
        except redis.RedisError as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("which model is in use is not noted for %.0f s: %s", REST_SECONDS, error)


def in_use(client: "Client") -> InUse | None:
    """The model in use; ``None`` if nothing was scored for a day. Raises redis-py's errors."""
    row = cast("dict[bytes, bytes]", client.hgetall(f"{_PREFIX}:in_use"))
    if not row:
        return None
    since = datetime.fromtimestamp(int(row[b"since_ms"]) / 1_000, UTC)
    model = row[b"model"].decode()
    return InUse(None if model == _NONE else model, row[b"because"].decode(), since)


def counts(client: "Client") -> Counter[Used]:
    """What scored how many posts in the last ``HOURS`` hours, this one included. Raises redis-py's errors."""
    hour = int(time.time() // 3_600)
    with client.pipeline(transaction=False) as pipeline:
        for number in range(HOURS):
            pipeline.hgetall(_hour_key(hour - number))
        rows = cast("list[dict[bytes, bytes]]", pipeline.execute())
    total: Counter[Used] = Counter()
    for row in rows:
        for field, posts in row.items():
            total[Used(*orjson.loads(field))] += int(posts)
    return total


def _hour_key(hour: int) -> str:
    return f"{_PREFIX}:{hour}"
