"""What a run left behind, read from Postgres and Redis as anybody could read it.

Nothing of ``barometer``, ``functions`` or ``infra`` is used: names of tables, keys and fields are written out here once
more, from the migrations and ``ARCHITECTURE.md``, so that a mistake in the house's own reading is not repeated.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
import redis

# The columns of ``rollups`` that count something.
COLUMNS = (
    "posts", "unscored", "positive", "neutral", "negative", "score_sum",
    "anger", "disgust", "fear", "joy", "emotion_neutral", "sadness", "surprise",
)  # fmt: skip
DEAD = "dead"
# The pipes that carry posts, in the order of the way.
POST_PIPES = ("ingest", "infer", "aggregate")

RollupKey = tuple[str, datetime, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``posts``; ``planned`` is the identity that it was sent with."""

    id: str
    planned: str | None
    source: str
    source_id: str | None
    author: str | None
    created_at: datetime
    text: str
    topics: tuple[str, ...]
    sentiment: str | None
    sentiment_shares: tuple[int, ...] | None
    emotion: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """An entry of ``dead``; ``text`` is that of the post in it, which must be whole to be sent again."""

    id: str
    planned: str | None
    text: str | None
    pipe: str
    kind: str
    reason: str
    error_type: str
    attempts: int
    dead_at: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of ``rules``."""

    id: str
    topic: str
    threshold: float
    window_seconds: int
    minimum_posts: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of ``alerts``."""

    id: str
    rule_id: str
    value: float
    posts: int
    fired_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of ``notifications``."""

    id: int
    alert_id: str
    transition: str
    delivered: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of one partition, and what the consumers of its groups hold."""

    key: str
    length: int
    pending: Mapping[str, int]

    @property
    def name(self) -> str:
        """Without partition."""
        return self.key.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that the checker looks at; ``counters`` are summed over the partitions."""

    rows: Sequence[Row]
    keys: int
    removed: int
    rollups: Mapping[RollupKey, tuple[int, ...]]
    rules: Mapping[str, Rule]
    alerts: Sequence[Alert]
    notifications: Sequence[Notification]
    letters: Sequence[Letter]
    counters: Counter[str]
    streams: Sequence[Stream]


def observe(database_url: str, redis_url: str) -> Observed:
    """Read it all; nothing should be moving any more."""
    with redis.Redis.from_url(redis_url, socket_timeout=30) as client:
        streams, letters = _streams(client)
        counters = _counters(client)
    with psycopg.connect(database_url, connect_timeout=30) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        rules = {row[0]: Rule(*row) for row in connection.execute(_RULES)}
        return Observed(
            rows=[_row(row) for row in connection.execute(_ROWS)],
            keys=_number(connection, "SELECT count(*) FROM post_keys"),
            removed=_number(connection, "SELECT coalesce(sum(posts), 0)::bigint FROM removed_posts"),
            rollups={tuple(row[:3]): tuple(row[3:]) for row in connection.execute(_ROLLUPS)},
            rules=rules,
            alerts=[Alert(*row) for row in connection.execute(_ALERTS)],
            notifications=[Notification(*row) for row in connection.execute(_NOTIFICATIONS)],
            letters=letters,
            counters=counters,
            streams=streams,
        )


def streams_of(redis_url: str) -> list[Stream]:
    """The streams as they are now: for whoever waits until they are empty."""
    with redis.Redis.from_url(redis_url, socket_timeout=10) as client:
        return [_stream(client, key) for key in _keys(client, "stream")]


_ROWS = (
    "SELECT id::text, metadata->>'planned', source, source_id, author, created_at, text, topics,"
    " sentiment, sentiment_shares, emotion FROM posts ORDER BY id"
)
_ROLLUPS = f"SELECT topic, minute, source, {', '.join(COLUMNS)} FROM rollups"  # noqa: S608 (names from this file)
_RULES = "SELECT id::text, topic, threshold, window_seconds, minimum_posts FROM rules"
_ALERTS = "SELECT id::text, rule_id::text, value, posts, fired_at, resolved_at FROM alerts ORDER BY fired_at, id"

_NOTIFICATIONS = "SELECT id, alert_id::text, transition, delivered_at IS NOT NULL FROM notifications ORDER BY id"


def _row(row: tuple[Any, ...]) -> Row:
    *said, topics, sentiment, shares, emotion = row
    mood = (sentiment, None if shares is None else tuple(shares), emotion)
    return Row(*said, tuple(topics), *mood)  # type: ignore[call-arg]  # mypy cannot count a slice of Any


def _number(connection: psycopg.Connection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return 0 if found is None else int(found[0])


def _streams(client: redis.Redis) -> tuple[list[Stream], list[Letter]]:
    streams, letters = [], []
    for key in _keys(client, "stream"):
        stream = _stream(client, key)
        streams.append(stream)
        if stream.name == DEAD:
            entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(key))
            letters += [_letter(name, fields) for name, fields in entries]
    return streams, letters


def _stream(client: redis.Redis, key: bytes) -> Stream:
    pending = {}
    for group in client.xinfo_groups(key):
        for consumer in client.xinfo_consumers(key, group["name"]):
            if consumer["pending"]:
                pending[f"{group['name'].decode()}/{consumer['name'].decode()}"] = int(consumer["pending"])
    return Stream(key.decode(), client.xlen(key), pending)


def _keys(client: redis.Redis, kind: str) -> list[bytes]:
    return sorted(client.scan_iter(match="barometer:{*}:*", count=1_000, _type=kind))


def _counters(client: redis.Redis) -> Counter[str]:
    total: Counter[str] = Counter()
    for key in _keys(client, "hash"):
        if key.endswith(b":counters"):
            fields = cast("dict[bytes, bytes]", client.hgetall(key))
            total.update({name.decode(): int(value) for name, value in fields.items()})
    return total


def _letter(name: bytes, fields: Mapping[bytes, bytes]) -> Letter:
    said = {field.decode(): value for field, value in fields.items()}
    planned, text = _post_of(said.get("body", b""))
    return Letter(
        id=name.decode(),
        planned=planned,
        text=text,
        pipe=said["pipe"].decode(),
        kind=said["kind"].decode(),
        reason=said["reason"].decode(errors="replace"),
        error_type=said["error_type"].decode(),
        attempts=int(said["attempts"]),
        dead_at=int(said["dead_at"]) / 1_000,
    )


def _post_of(body: bytes) -> tuple[str | None, str | None]:
    """Identity and text of a post as it lay in any of its streams: bare, or inside of ``post``."""
    try:
        said = json.loads(body)
        post = said.get("post", said)
        return str(post["metadata"]["planned"]), str(post["text"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None
