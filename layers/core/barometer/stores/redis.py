"""The one door to Redis (7.0 or later) or Valkey, one server or a cluster: connections with timeouts.

Synchronous for functions, asynchronous for daemons; both read and write bytes, and say what went wrong by redis-py's
own errors. ``needed`` is for those who cannot go on without it.

A server that was demoted to a replica is left at its first refusal to write: the connection is closed, and the next
goes to whoever the URL's name leads to by then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeAlias, cast
from urllib.parse import quote

import redis
import redis.asyncio
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from barometer.errors import SettingsError, UnavailableError
from barometer.stores.cluster import SUFFIX, Address, AsyncCluster, Cluster

TIMEOUT_SECONDS = 5.0

# What the house calls a client. A cluster stands behind the same methods.
Client: TypeAlias = redis.Redis
AsyncClient: TypeAlias = redis.asyncio.Redis

# What passes by itself: a server that is down, starting, demoted, or without the rest of its cluster.
AWAY: Final = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterError,
    redis.exceptions.TryAgainError,
)


@cache
def connect(url: str) -> Client:
    """A pooled client, one a process for each URL. Raises ``SettingsError`` as ``client`` does."""
    return client(url)


def client(url: str) -> Client:
    """A pooled client; the caller closes it.

    Raises:
        SettingsError: ``url`` is none of a Redis.
    """
    with _named():
        if is_cluster(url):
            timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
            return cast("Client", Cluster(Address.of(url), **timeouts))
        return redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            health_check_interval=30,
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
            retry_on_error=[redis.ConnectionError, redis.exceptions.ReadOnlyError],
        )


def connect_async(url: str, *, max_connections: int = 64) -> AsyncClient:
    """A pooled asyncio client; the caller closes it. Blocking reads must block for less than the timeout.

    Args:
        url: of a Redis or a cluster.
        max_connections: to the server, or to each of a cluster's nodes.

    Raises:
        SettingsError: ``url`` is none of a Redis.
    """
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "health_check_interval": 30,
        "max_connections": max_connections,
    }
    with _named():
        if is_cluster(url):
            return cast("AsyncClient", AsyncCluster(Address.of(url), **options))
        return redis.asyncio.Redis.from_url(url, retry_on_error=[redis.exceptions.ReadOnlyError], **options)


@contextmanager
def needed() -> Iterator[None]:
    """A Redis that cannot be had inside this block is ``UnavailableError``, nobody's fault."""
    try:
        yield
    except AWAY as error:
        raise UnavailableError("Redis does not answer", str(error)) from error


def is_cluster(url: str) -> bool:
    """Whether ``url`` names a cluster."""
    return url.startswith((f"redis{SUFFIX}://", f"rediss{SUFFIX}://"))


def with_password(url: str, password: str) -> str:
    """``url``, of one Redis or a cluster, with a password that lies elsewhere.

    Raises:
        SettingsError: it has one already.
    """
    scheme, separator, rest = url.partition("://")
    place, slash, more = rest.partition("/")
    user, _, hosts = place.rpartition("@")
    if ":" in user or not separator or scheme == "unix":
        raise SettingsError("BAROMETER_REDIS_URL: with BAROMETER_REDIS_SECRET it names a host and has no password")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{slash}{more}"


@contextmanager
def _named() -> Iterator[None]:
    """Name the variable of a URL that is none, and quote nothing that may be a part of its password."""
    try:
        yield
    except (ValueError, TypeError) as error:
        known = ("schemes", "database", "host is missing")
        reason = f": {error}" if any(word in str(error) for word in known) else ""
        raise SettingsError(
            f"BAROMETER_REDIS_URL is no URL of a Redis{reason} (redis+cluster://host:port,host:port for a cluster; a "
            "password with / # or ? in it must be percent-encoded)"
        ) from None
