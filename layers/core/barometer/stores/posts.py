"""The door to the posts: store a batch once, read pages of them.

Each function works in its caller's transaction. A day's partition is made by ``barometer.stores.partitions``; a post of
a day that has none raises ``MissingPartitionError``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg import Connection, errors, sql
from psycopg.rows import TupleRow

from barometer.cursors import Cursor
from barometer.errors import BarometerError, NotFoundError
from barometer.posts import ScoredPost, public_distribution
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution, Score


class MissingPartitionError(BarometerError):
    """A post's day has no partition yet (or no longer): make it and try again."""


@dataclass(frozen=True, slots=True)
class NewPost:
    """A scored post, ready to be a row: its id and times parsed, its topics those that exist."""

    id: UUID
    created_at: datetime
    received_at: datetime
    topics: tuple[str, ...]
    scored: ScoredPost


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of a batch: the ids stored just now, and whose receipt holds each id of the batch, new or old."""

    new: frozenset[UUID]
    receipts: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A row, as it is shown."""

    id: UUID
    text: str
    source: str
    source_id: str | None
    author: str | None
    created_at: datetime
    received_at: datetime
    url: str | None
    lang: str | None
    topics: Sequence[str]
    score: Score
    corrected: bool

    def as_public(self) -> dict[str, Any]:
        """The ``Post`` of the HTTP and socket contracts, as ``ScoredPost.as_public`` gives it."""
        return {
            "id": str(self.id),
            "text": self.text,
            "source": self.source,
            "source_id": self.source_id,
            "author": self.author,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "received_at": self.received_at.astimezone(UTC).isoformat(),
            "url": self.url,
            "lang": self.lang,
            "topics": list(self.topics),
            "sentiment": public_distribution(self.score.sentiment, SENTIMENTS),
            "emotion": public_distribution(self.score.emotion, EMOTIONS),
            "model": self.score.model,
            "corrected": self.corrected,
        }


@dataclass(frozen=True, slots=True)
class PostFilter:
    """Which posts; what is ``None`` does not matter.

    ``q`` is words as people type them into a search box ("quoted", -without, or), ``since`` is inclusive and ``until``
    exclusive.
    """

    topic: str | None = None
    sentiment: str | None = None
    emotion: str | None = None
    source: str | None = None
    lang: str | None = None
    author: str | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some posts, newest first, and where the next page begins, if there is one."""

    items: Sequence[StoredPost]
    next_cursor: Cursor | None


# One statement: a post's key and its row are new together or not at all. Keys are taken in the order of the ids, so
# that two batches with the same posts wait for each other rather than deadlock. Arrays go as binary: as text, psycopg
# would quote every element.
_INSERT: Final = """
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(
        %b::uuid[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
        %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[]
    ) AS post (
        id, created_at, received_at, receipt, source, source_id, author, text, url,
        lang, topics, metadata, sentiment, sentiment_shares, emotion, emotion_shares, model
    )
), fresh AS (
    INSERT INTO post_keys (id, created_at, receipt)
    SELECT id, created_at, receipt FROM batch ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
INSERT INTO posts (
    id, created_at, received_at, source, source_id, author, text, url, lang,
    topics, metadata, sentiment, sentiment_shares, emotion, emotion_shares, model
)
SELECT
    id, created_at, received_at, source, source_id, author, text, url, lang,
    topics::text[], metadata::jsonb, sentiment, sentiment_shares::integer[], emotion, emotion_shares::integer[], model
FROM batch JOIN fresh USING (id)
RETURNING id
"""

_COLUMNS: Final = sql.SQL(
    "id, text, source, source_id, author, created_at, received_at, url, lang, topics,"
    " sentiment, sentiment_shares, emotion, emotion_shares, model, corrected"
)


def insert_batch(connection: Connection[TupleRow], batch: Sequence[NewPost]) -> Inserted:
    """Store the posts whose ids are new; of copies within the batch, the first.

    Raises:
        MissingPartitionError: nothing was stored.
    """
    first: dict[UUID, NewPost] = {}
    for post in batch:
        first.setdefault(post.id, post)
    rows = [_row(post) for post in first.values()]
    try:
        stored = connection.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)]).fetchall()
    except errors.CheckViolation as error:
        # The same SQLSTATE as a violated constraint, but without a constraint's name.
        if error.diag.constraint_name is None:
            raise MissingPartitionError(str(error)) from error
        raise
    new = frozenset(row[0] for row in stored)
    receipts = {post_id: first[post_id].scored.post.receipt for post_id in new}
    if old := [post_id for post_id in first if post_id not in new]:
        # A statement of its own, so that it sees what another transaction committed while the insert waited for it.
        receipts |= dict(connection.execute("SELECT id, receipt FROM post_keys WHERE id = ANY (%s)", (old,)).fetchall())
    return Inserted(new, receipts)


def existing_topics(connection: Connection[TupleRow], names: set[str]) -> set[str]:
    """Those of ``names`` that are topics, and stay topics until the caller's transaction ends."""
    if not names:
        return set()
    rows = connection.execute(
        "SELECT name FROM topics WHERE name = ANY (%s) ORDER BY name FOR KEY SHARE", (sorted(names),)
    ).fetchall()
    return {row[0] for row in rows}


def select(connection: Connection[TupleRow], wanted: PostFilter, *, limit: int, cursor: Cursor | None = None) -> Page:
    """A page of at most ``limit`` posts, newest first, behind ``cursor``."""
    conditions = [sql.SQL(condition) for name, condition in _CONDITIONS.items() if getattr(wanted, name) is not None]
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _CONDITIONS}
    if cursor is not None:
        # The first condition says nothing new, but lets the planner skip the partitions of later days.
        conditions.append(sql.SQL("created_at <= %(at)s AND (created_at, id) < (%(at)s, %(id)s)"))
        values |= {"at": cursor.at, "id": cursor.id}
    query = sql.SQL("SELECT {} FROM posts WHERE {} ORDER BY created_at DESC, id DESC LIMIT %(limit)s").format(
        _COLUMNS, sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
    )
    rows = connection.execute(query, values | {"limit": limit + 1}).fetchall()
    items = [_stored(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, Cursor(items[-1].created_at, items[-1].id) if more else None)


_CONDITIONS: Final = {
    "topic": "topics @> ARRAY[%(topic)s::text]",
    "sentiment": "sentiment = %(sentiment)s",
    "emotion": "emotion = %(emotion)s",
    "source": "source = %(source)s",
    "lang": "lang = %(lang)s",
    "author": "author = %(author)s",
    "q": "to_tsvector('simple', text) @@ websearch_to_tsquery('simple', %(q)s)",
    "since": "created_at >= %(since)s",
    "until": "created_at < %(until)s",
}


def get(connection: Connection[TupleRow], post_id: UUID) -> StoredPost:
    """One post.

    Raises:
        NotFoundError: there is none of that id.
    """
    query = sql.SQL(
        "SELECT {} FROM posts WHERE id = %(id)s AND created_at = (SELECT created_at FROM post_keys WHERE id = %(id)s)"
    ).format(_COLUMNS)
    row = connection.execute(query, {"id": post_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no post {post_id}")
    return _stored(row)


def _row(new: NewPost) -> tuple[object, ...]:
    """A post's values, in the order of the statement's arrays; arrays within them as Postgres writes arrays."""
    post, score = new.scored.post, new.scored.score
    return (
        new.id,
        new.created_at,
        new.received_at,
        post.receipt,
        post.source,
        post.source_id,
        post.author,
        post.text,
        post.url,
        post.lang,
        "{" + ",".join(new.topics) + "}",  # their names need no quotes: the topics table sees to it
        None if post.metadata is None else orjson.dumps(post.metadata).decode(),
        *_distribution_columns(score.sentiment),
        *_distribution_columns(score.emotion),
        score.model,
    )


def _distribution_columns(distribution: Distribution | None) -> tuple[str | None, str | None]:
    if distribution is None:
        return None, None
    return distribution.label, "{" + ",".join(map(str, distribution.shares)) + "}"


def _stored(row: tuple[Any, ...]) -> StoredPost:
    post, (sentiment, sentiment_shares, emotion, emotion_shares, model, corrected) = row[:10], row[10:]
    score = Score(_distribution(sentiment, sentiment_shares), _distribution(emotion, emotion_shares), model)
    return StoredPost(*post, score, corrected)  # type: ignore[call-arg]  # mypy cannot count a slice of Any


def _distribution(label: str | None, shares: Sequence[int] | None) -> Distribution | None:
    return None if label is None or shares is None else Distribution(label, tuple(shares))
