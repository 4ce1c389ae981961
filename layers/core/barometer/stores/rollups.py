"""The door to the rollups: add to them, read a window of them.

Each function works in its caller's transaction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from barometer import rollups
from barometer.rollups import COLUMNS, Counts, RollupKey, Span, Subject, Summary, Trend

_SUMS = sql.SQL(", ").join(sql.SQL("sum({})::bigint").format(sql.Identifier(name)) for name in COLUMNS)
# Composed once: every batch runs it.
_APPLY = (
    sql.SQL(
        "INSERT INTO rollups AS old (topic, minute, source, {columns})"
        " SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], {arrays})"
        " ON CONFLICT (topic, minute, source) DO UPDATE SET {additions}"
    )
    .format(
        columns=sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
        arrays=sql.SQL(", ").join([sql.SQL("%s::bigint[]")] * len(COLUMNS)),
        additions=sql.SQL(", ").join(
            sql.SQL("{0} = old.{0} + excluded.{0}").format(sql.Identifier(c)) for c in COLUMNS
        ),
    )
    .as_bytes()
)
_SUMMARY = sql.SQL(
    "SELECT minute >= %(since)s, {sums} FROM rollups WHERE topic = %(topic)s AND minute >= %(before)s"
    " AND minute < %(until)s AND (%(source)s::text IS NULL OR source = %(source)s) GROUP BY 1"
).format(sums=_SUMS)
_TREND = sql.SQL(
    "SELECT date_bin(%(bucket)s, minute, 'epoch'), {sums} FROM rollups WHERE topic = %(topic)s AND minute >= %(since)s"
    " AND minute < %(until)s AND (%(source)s::text IS NULL OR source = %(source)s) GROUP BY 1"
).format(sums=_SUMS)


def apply(connection: Connection[TupleRow], deltas: Mapping[RollupKey, Counts]) -> None:
    """Add ``deltas``, in the order of their keys, so that two batches wait for each other rather than deadlock."""
    if not deltas:
        return
    keys = sorted(deltas)
    columns = zip(*(rollups.values(deltas[key]) for key in keys), strict=True)
    connection.execute(
        _APPLY,
        (
            [key.topic for key in keys],
            [key.minute for key in keys],
            [key.source for key in keys],
            *map(list, columns),
        ),
    )


def summary(connection: Connection[TupleRow], subject: Subject, window: Span, now: datetime) -> Summary:
    """The window of ``subject`` that ends with the minute of ``now``, and the window before it.

    A topic or source that does not exist counts nothing.
    """
    since, until = window.ending(now)
    before = since - (until - since)
    scope = {"topic": subject.topic, "source": subject.source, "before": before, "since": since, "until": until}
    rows = connection.execute(_SUMMARY, scope).fetchall()
    halves: dict[bool, Counts] = {row[0]: Counts(*row[1:]) for row in rows}
    return Summary(subject, window, since, until, halves.get(True, Counts()), halves.get(False, Counts()))


def trend(connection: Connection[TupleRow], subject: Subject, window: Span, bucket: Span, now: datetime) -> Trend:
    """The window of ``subject`` in buckets, of which the last holds ``now``; no gaps.

    Raises:
        InvalidInputError: the buckets do not divide the window, or are too many; the field is ``bucket``.
    """
    rollups.check_buckets(window, bucket)
    since, until = window.ending(now, bucket.seconds)
    width = timedelta(seconds=bucket.seconds)
    scope = {"topic": subject.topic, "source": subject.source, "since": since, "until": until, "bucket": width}
    rows = connection.execute(_TREND, scope).fetchall()
    counted = {row[0].astimezone(UTC): Counts(*row[1:]) for row in rows}
    return rollups.trend(subject, window, bucket, now, counted)
