"""The one door to Redis (7.0 or later) or Valkey: connections with timeouts.

Synchronous for functions, asynchronous for daemons; both read and write bytes, and say what went wrong by redis-py's
own errors. ``needed`` is for those who cannot go on without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
import redis.asyncio
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from barometer.errors import UnavailableError

TIMEOUT_SECONDS = 5.0


@cache
def connect(url: str) -> "redis.Redis":
    """A pooled client, one a process for each URL."""
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
        retry_on_error=[redis.ConnectionError],
    )


def connect_async(url: str, *, max_connections: int = 64) -> "redis.asyncio.Redis":
    """A pooled asyncio client; the caller closes it. Blocking reads must block for less than the timeout."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
        max_connections=max_connections,
    )


@contextmanager
def needed() -> Iterator[None]:
    """A Redis that cannot be had inside this block is ``UnavailableError``, nobody's fault."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise UnavailableError("Redis does not answer", str(error)) from error
