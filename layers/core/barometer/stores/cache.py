"""Answers kept in Redis for at most a minute, and dropped when the rollups behind them change.

Every topic has a version, and the version is part of the key under which an answer lies: a new version makes the old
answers unreachable, and they expire. An answer that was made from older rollups than the new version's is kept under
the old one, so it is never given out. A Redis that is down means no cache, never an error.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, cast

import redis

from barometer.observability import logger

if TYPE_CHECKING:
    from barometer.stores.redis import Client

_PREFIX: Final = "barometer:cache"
# After an error the cache rests, so that a Redis that hangs costs one timeout and not one for every request.
REST_SECONDS: Final = 5.0


class Cache:
    """A cache of JSON answers, each of which depends on the rollups of some topics.

    Args:
        client: Redis.
        seconds: how long an answer is kept; 0 keeps none.
    """

    def __init__(self, client: "Client", seconds: int) -> None:
        self._client = client
        self._seconds = seconds
        self._rests_until = 0.0

    def get_or_make(self, name: str, topics: Sequence[str], make: Callable[[], bytes]) -> bytes:
        """The answer called ``name``, from the cache or else made now.

        Args:
            name: tells this answer from every other: what was asked, with every parameter.
            topics: whose rollups it depends on.
            make: makes the answer; whatever it raises is raised.
        """
        key = self._key(name, topics)
        if key is None:
            return make()
        kept = self._try(lambda: self._client.get(key))
        if kept is not None:
            return cast("bytes", kept)
        made = make()
        self._try(lambda: self._client.set(key, made, ex=self._seconds))
        return made

    def forget(self, topics: Iterable[str]) -> None:
        """Drop every answer that depends on one of these topics. Call it after the change has been committed."""
        if not self._seconds:
            return
        with self._client.pipeline(transaction=False) as pipeline:
            for topic in topics:
                # A version outlives the answers under any version before it, so that its own end brings none back.
                pipeline.set(_version_key(topic), secrets.token_hex(8), ex=2 * self._seconds)
            self._try(pipeline.execute)

    def _key(self, name: str, topics: Sequence[str]) -> str | None:
        if not self._seconds:
            return None
        with self._client.pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.get(_version_key(topic))
            versions = self._try(pipeline.execute)
        if versions is None:
            return None
        texts = (b"" if version is None else version for version in cast("list[bytes | None]", versions))
        return f"{_PREFIX}:answer:{name}:{b'.'.join(texts).decode()}"

    def _try(self, command: Callable[[], object]) -> object:
        """What ``command`` gives, or ``None`` while Redis cannot be had."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            return command()
        except redis.RedisError as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("no cache for %.0f s: %s", REST_SECONDS, error)
            return None


def _version_key(topic: str) -> str:
    return f"{_PREFIX}:version:{topic}"
