"""The door to the topics, and the matcher that ingest keeps of them.

The functions that take a connection work in their caller's transaction, or in one of their own where there is none. A
topic's name never changes. Its query may, and then decides for posts to come: those stored keep the topics they were
stored with.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from barometer.errors import ConflictError, NotFoundError, UnavailableError
from barometer.observability import logger
from barometer.stores.postgres import transaction
from barometer.topics import InvalidQueryError, Topic, TopicMatcher, check, parse

MAX_TOPICS: Final = 1_000
# A new topic is matched this soon; a query of all topics this often costs nothing.
FRESH_SECONDS: Final = 3.0
# With Postgres away, ingest goes on with the topics it knew for this long, then waits: nothing could be stored anyway.
STALE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """A topic as it lies in the database."""

    name: str
    query: str
    created_at: datetime
    updated_at: datetime


def list_topics(connection: Connection[TupleRow]) -> list[StoredTopic]:
    """Every topic (``MAX_TOPICS`` at most), newest first."""
    with connection.cursor(row_factory=class_row(StoredTopic)) as cursor:
        cursor.execute("SELECT name, query, created_at, updated_at FROM topics ORDER BY created_at DESC, name DESC")
        return cursor.fetchall()


def get_topic(connection: Connection[TupleRow], name: str) -> StoredTopic:
    """One topic.

    Raises:
        NotFoundError: there is none of that name.
    """
    with connection.cursor(row_factory=class_row(StoredTopic)) as cursor:
        cursor.execute("SELECT name, query, created_at, updated_at FROM topics WHERE name = %s", (name,))
        return _found(cursor.fetchone(), name)


def create_topic(connection: Connection[TupleRow], name: str, query: str) -> StoredTopic:
    """Make a topic; posts are matched with it within ``FRESH_SECONDS``.

    Raises:
        InvalidInputError: the name or (``InvalidQueryError``) the query is none.
        ConflictError: there is a topic of that name, or there are ``MAX_TOPICS`` already.
    """
    check(name, query)
    with connection.transaction(), connection.cursor(row_factory=class_row(StoredTopic)) as cursor:
        # One writer at a time, so that two cannot both be the last one allowed.
        cursor.execute("LOCK TABLE topics IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            "INSERT INTO topics (name, query) SELECT %s, %s WHERE (SELECT count(*) FROM topics) < %s"
            " ON CONFLICT DO NOTHING RETURNING name, query, created_at, updated_at",
            (name, query, MAX_TOPICS),
        )
        created = cursor.fetchone()
        if created is not None:
            return created
        cursor.execute("SELECT FROM topics WHERE name = %s", (name,))
        taken = cursor.rowcount == 1
    raise ConflictError(
        f"there is a topic named {name!r} already" if taken else f"there are {MAX_TOPICS:,} topics, which is the most"
    )


def update_topic(connection: Connection[TupleRow], name: str, query: str) -> StoredTopic:
    """Give a topic another query, for posts to come.

    Raises:
        InvalidQueryError: the query cannot be read.
        NotFoundError: there is no topic of that name.
    """
    parse(query)
    with connection.cursor(row_factory=class_row(StoredTopic)) as cursor:
        cursor.execute(
            "UPDATE topics SET query = %s, updated_at = now() WHERE name = %s"
            " RETURNING name, query, created_at, updated_at",
            (query, name),
        )
        return _found(cursor.fetchone(), name)


def delete_topic(connection: Connection[TupleRow], name: str) -> None:
    """Delete a topic, and what was counted and noted under its name with it: all in one transaction, or nothing.

    Batches that store posts of this topic hold its row (``FOR KEY SHARE``): the first statement waits for them, and
    those that come later do not find it. Posts come before rollups, the order of every other writer.

    Raises:
        NotFoundError: there is no topic of that name.
    """
    with connection.transaction():
        if connection.execute("DELETE FROM topics WHERE name = %s", (name,)).rowcount == 0:
            raise _unknown(name)
        connection.execute(
            "UPDATE posts SET topics = array_remove(topics, %(name)s) WHERE topics @> ARRAY[%(name)s::text]",
            {"name": name},
        )
        connection.execute("DELETE FROM rollups WHERE topic = %s", (name,))


def compiled_topics(url: str) -> TopicMatcher:
    """The matcher of all topics, at most ``FRESH_SECONDS`` old; without a ``url``, of none.

    Raises:
        UnavailableError: the database cannot be had, and what is known is older than ``STALE_SECONDS``, or nothing is.
    """
    return _known(url).current(time.monotonic()) if url else TopicMatcher(())


class _Known:
    """What this process knows of the topics of one database. Times are seconds of the monotonic clock."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._topics: list[Topic] | None = None
        self._matcher = TopicMatcher(())
        self._asked_at = self._read_at = float("-inf")

    def current(self, now: float) -> TopicMatcher:
        if now - self._asked_at < FRESH_SECONDS:
            return self._matcher
        try:
            topics = self._read()
        except (UnavailableError, psycopg.OperationalError) as error:  # away, or there and too slow
            if now - self._read_at > STALE_SECONDS:
                raise
            logger.warning("topics cannot be read; going on with those known", extra={"error": str(error)})
            # After the wait, not before it: a database that hangs must not cost every call its timeout.
            self._asked_at = time.monotonic()
            return self._matcher
        if topics != self._topics:
            self._matcher, self._topics = TopicMatcher(_readable(topics)), topics
        self._asked_at = self._read_at = now
        return self._matcher

    def _read(self) -> list[Topic]:
        with transaction(self._url) as connection:
            rows = connection.execute("SELECT name, query FROM topics ORDER BY name").fetchall()
        return [Topic(name, query) for name, query in rows]


@cache
def _known(url: str) -> _Known:
    return _Known(url)


def _readable(topics: list[Topic]) -> list[Topic]:
    """Those whose query this version can read; one that it cannot must not stop the others."""
    readable = []
    for topic in topics:
        try:
            parse(topic.query)
        except InvalidQueryError as error:
            logger.error(
                "a topic's query cannot be read; it matches nothing", extra={"topic": topic.name, "error": str(error)}
            )
        else:
            readable.append(topic)
    return readable


def _found(topic: StoredTopic | None, name: str) -> StoredTopic:
    if topic is None:
        raise _unknown(name)
    return topic


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"there is no topic {name!r}")
