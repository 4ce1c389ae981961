"""Retention: what is past its days goes, a whole UTC day at a time, and tomorrow's partition is there before tomorrow.

A day's posts and rollups go in one transaction, so that they agree at every moment; what was removed is counted, so
that the books still balance. Keys follow a day later, never before their posts: as long as they are there, a late copy
is only called a duplicate, and a repeated batch reports what it reported. A tick does a bounded part of the work, and
the next goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from psycopg import Connection, errors
from psycopg.rows import TupleRow

from barometer.observability import logger
from barometer.stores import notifications, partitions
from barometer.stores.postgres import transaction

# More than two a tick only after a long pause or a shorter retention.
MOST_DAYS: Final = 4
# As long as a record may wait in its stream: its post may be stored, by a poller that died before it could say so.
KEYS_OUTLIVE_POSTS: Final = timedelta(days=1)
KEYS_AT_ONCE: Final = 20_000
MOST_ROUNDS: Final = 25
# Dropping a day makes readers wait that come after it: rather than wait long itself, it leaves it to the next tick.
LOCK_TIMEOUT: Final = "2s"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one tick removed."""

    days: int
    posts: int
    keys: int
    sessions: int
    notifications: int


def sweep(database_url: str, retention_days: int, now: datetime) -> Swept:
    """Remove what is older than ``retention_days`` whole days before ``now``.

    Raises:
        UnavailableError: the database cannot be had; what was removed is removed.
    """
    today = now.astimezone(UTC).date()
    cut = today - timedelta(days=retention_days)
    with transaction(database_url) as connection:
        partitions.ensure(connection, [today, today + timedelta(days=1)])
        expired = partitions.before(connection, cut)[:MOST_DAYS]
    removed = [_remove_day(database_url, day) for day in expired]
    at_cut = _midnight(cut)
    keys = 0
    for _ in range(MOST_ROUNDS):
        some = _in_transaction(database_url, lambda connection: _remove_keys(connection, at_cut - KEYS_OUTLIVE_POSTS))
        keys += some
        if some < KEYS_AT_ONCE:
            break
    return Swept(
        days=sum(posts is not None for posts in removed),
        posts=sum(posts or 0 for posts in removed),
        keys=keys,
        sessions=_in_transaction(database_url, lambda connection: _remove_sessions(connection, now)),
        notifications=_in_transaction(database_url, lambda connection: notifications.forget_before(connection, at_cut)),
    )


def _remove_day(database_url: str, day: date) -> int | None:
    """Drop a day's posts and rollups; give how many posts, or ``None`` if others kept them locked."""
    try:
        with transaction(database_url) as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            # Posts before rollups, as ``aggregate`` takes them.
            posts = partitions.drop(connection, day)
            connection.execute(
                "DELETE FROM rollups WHERE minute >= %s AND minute < %s",
                (_midnight(day), _midnight(day + timedelta(days=1))),
            )
            connection.execute(
                "INSERT INTO removed_posts AS old (reason, posts) VALUES ('retention', %s)"
                " ON CONFLICT (reason) DO UPDATE SET posts = old.posts + excluded.posts",
                (posts,),
            )
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        logger.info("an expired day is in use; the next tick drops it", extra={"day": day.isoformat()})
        return None
    return posts


def _remove_keys(connection: Connection[TupleRow], cut: datetime) -> int:
    """Remove keys older than ``cut``, but not of posts that are still there: of a day in use, or that came late."""
    return connection.execute(
        "DELETE FROM post_keys WHERE id = ANY (ARRAY("
        " SELECT id FROM post_keys AS key WHERE created_at < %(cut)s AND NOT EXISTS ("
        "  SELECT FROM posts WHERE created_at < %(cut)s AND (created_at, id) = (key.created_at, key.id)"
        " ) LIMIT %(most)s))",
        {"cut": cut, "most": KEYS_AT_ONCE},
    ).rowcount


def _remove_sessions(connection: Connection[TupleRow], now: datetime) -> int:
    return connection.execute("DELETE FROM sessions WHERE expires_at <= %s", (now,)).rowcount


def _in_transaction(database_url: str, work: Callable[[Connection[TupleRow]], int]) -> int:
    with transaction(database_url) as connection:
        return work(connection)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
