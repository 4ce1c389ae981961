"""Aggregate: scored posts into the database, once each, and into the rollups, in one transaction.

Promises: a batch that is repeated changes nothing and reports what it reported; a record that cannot be stored is
rejected alone; two batches with the same posts or the same rollups wait for each other and do not deadlock, since both
take their locks in one order: topics by name, keys by id, rollups by key.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from psycopg import errors
from pydantic import TypeAdapter, ValidationError

from barometer.events import BatchResult, StreamEvent, StreamRecord
from barometer.observability import logger
from barometer.posts import ScoredPost
from barometer.rollups import ALL_TOPICS, MINUTE, deltas, floor
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution
from barometer.stores import partitions, posts, rollups
from barometer.stores.cache import Cache
from barometer.stores.postgres import transaction
from barometer.stores.posts import Inserted, MissingPartitionError, NewPost

# A lost deadlock or a partition to be made costs one attempt each; more than this and the poller waits and repeats.
ATTEMPTS: Final = 4
# Half of what Redis and the sockets take without a hitch; a post has at most some 60 KB.
MOST_EVENT_BYTES: Final = 200_000

_scored_post: Final = TypeAdapter(ScoredPost)


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of the batch and the post that it holds."""

    origin: str
    post: NewPost


def aggregate(event: StreamEvent, database_url: str, cache: Cache) -> BatchResult:
    """Store what is new, and say of every record what became of it.

    Emits for the whole batch: to ``stored`` the topics and minutes that changed, to ``events`` the posts as they are
    shown, to ``metrics`` the topics.

    Raises:
        UnavailableError: the database cannot be had; nothing of the batch is reported.
        psycopg.OperationalError: it lost too many deadlocks, or took too long; nothing of the batch is reported.
    """
    result = BatchResult()
    batch = []
    for record in event.records:
        try:
            batch.append(_Record(record.message_id, _read(record)))
        except ValueError as error:
            result.reject(record.message_id, f"not a scored post: {_in_short(error)}")
    stored = list(_store_or_isolate(batch, database_url, result))
    if stored:
        topics = sorted({ALL_TOPICS}.union(*(record.post.topics for record in stored)))
        cache.forget(topics)
        _emit(stored, topics, result)
    return result


def _read(record: StreamRecord) -> NewPost:
    """The post of a record. Raises ``ValueError``, saying which field is wrong."""
    scored = _scored_post.validate_json(record.body, strict=True)
    for name, distribution, labels in (
        ("sentiment", scored.score.sentiment, SENTIMENTS),
        ("emotion", scored.score.emotion, EMOTIONS),
    ):
        if distribution is not None and not _is_valid(distribution, labels):
            raise ValueError(f"score.{name}: is not a distribution over {', '.join(labels)}")
    return NewPost(
        id=UUID(scored.post.id),
        created_at=_time("created_at", scored.post.created_at),
        received_at=_time("received_at", scored.post.received_at),
        topics=tuple(dict.fromkeys(scored.post.topics)),
        scored=scored,
    )


def _is_valid(distribution: Distribution, labels: tuple[str, ...]) -> bool:
    return distribution.label in labels and len(distribution.shares) == len(labels)


def _time(name: str, text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"post.{name}: has no time zone")
    return at.astimezone(UTC)


def _in_short(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _store_or_isolate(batch: Sequence[_Record], database_url: str, result: BatchResult) -> Iterator[_Record]:
    """Store a batch, halving it where the database refuses one of its values; give the records that are stored."""
    if not batch:
        return
    try:
        kept, inserted = _store(batch, database_url)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if len(batch) == 1:
            result.reject(batch[0].origin, f"cannot be stored: {str(error).splitlines()[0]}")
            return
        middle = len(batch) // 2
        yield from _store_or_isolate(batch[:middle], database_url, result)
        yield from _store_or_isolate(batch[middle:], database_url, result)
        return
    for record in kept:
        holder = inserted.receipts.get(record.post.id)
        if holder is None:
            # Its key was there when it was inserted and gone when it was read: retention passed by.
            result.fail([record.origin])
        elif holder == record.post.scored.post.receipt:
            # Stored by this attempt, or by an earlier one that was not reported: one answer for both.
            result.finish(record.origin, "stored")
            yield record
        else:
            result.finish(record.origin, "duplicates")


def _store(batch: Sequence[_Record], database_url: str) -> tuple[list[_Record], Inserted]:
    """One transaction: the posts whose ids are new, and what they add to the rollups.

    Gives the batch, each post with those of its topics that still exist, and what became of it.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction(database_url) as connection:
                known = posts.existing_topics(connection, {topic for record in batch for topic in record.post.topics})
                kept = [_with_topics(record, known) for record in batch]
                inserted = posts.insert_batch(connection, [record.post for record in kept])
                new = {record.post.id: record.post for record in reversed(kept) if record.post.id in inserted.new}
                rollups.apply(connection, deltas((post.scored, post.created_at) for post in new.values()))
        except MissingPartitionError:
            with transaction(database_url) as connection:
                made = partitions.ensure(connection, {record.post.created_at.date() for record in batch})
            logger.info("made partitions", extra={"days": [day.isoformat() for day in made]})
        except (errors.DeadlockDetected, errors.SerializationFailure):
            if attempt == ATTEMPTS:
                raise
        else:
            return kept, inserted
    raise MissingPartitionError("partitions vanish as fast as they are made")


def _with_topics(record: _Record, known: set[str]) -> _Record:
    """The record without the topics that were deleted while it was on its way."""
    topics = tuple(topic for topic in record.post.topics if topic in known)
    scored = record.post.scored
    if scored.post.topics == list(topics):
        return record
    scored = dataclasses.replace(scored, post=dataclasses.replace(scored.post, topics=list(topics)))
    return _Record(record.origin, dataclasses.replace(record.post, topics=topics, scored=scored))


def _emit(stored: Sequence[_Record], topics: list[str], result: BatchResult) -> None:
    origin = stored[0].origin
    minutes = [floor(record.post.created_at, MINUTE) for record in stored]
    span = [min(minutes).isoformat(), max(minutes).isoformat()]
    result.emit(origin, "stored", {"topics": topics, "minutes": span})
    for chunk in _chunks([record.post.scored.as_public() for record in stored]):
        result.emit(origin, "events", {"posts": chunk})
    result.emit(origin, "metrics", {"topics": topics})


def _chunks(shown: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The posts in order, in parts of at most ``MOST_EVENT_BYTES`` of JSON each."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for post in shown:
        length = len(orjson.dumps(post)) + 1
        if chunk and size + length > MOST_EVENT_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(post)
        size += length
    if chunk:
        yield chunk
