"""The door to the outbox of notifications: written with the alert's transition, delivered after it.

At least once, and in order for one alert: a notification is claimed by pushing its next attempt into the future, so
that a process that dies while it sends only delays it. Each function works in its caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

Transition = Literal["fired", "resolved"]

# 15 s, 30 s, 1 min … 16 min between attempts: half an hour in all, which outlasts a restart of the receiver.
MOST_ATTEMPTS: Final = 8
# The first wait is longer than a delivery may take, so that nobody else sends what is being sent.
FIRST_WAIT: Final = timedelta(seconds=15)
_LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Notification:
    """One delivery to make; ``attempts`` counts this one."""

    id: int
    url: str
    body: dict[str, Any]
    attempts: int


def enqueue(
    connection: Connection[TupleRow], alert_id: UUID, transition: Transition, url: str, body: dict[str, Any]
) -> None:
    """Have ``body`` sent to ``url``, from now on."""
    connection.execute(
        "INSERT INTO notifications (alert_id, transition, url, body, next_at) VALUES (%s, %s, %s, %s, '-infinity')",
        (alert_id, transition, url, Jsonb(body, dumps=orjson.dumps)),
    )


def claim(connection: Connection[TupleRow], now: datetime, limit: int) -> list[Notification]:
    """At most ``limit`` that are due, oldest first; of one alert only the oldest that is not settled."""
    connection.execute(
        "UPDATE notifications SET failed_at = %s WHERE attempts >= %s AND next_at <= %s"
        " AND delivered_at IS NULL AND failed_at IS NULL",
        (now, MOST_ATTEMPTS, now),
    )
    with connection.cursor(row_factory=class_row(Notification)) as rows:
        rows.execute(
            "UPDATE notifications SET attempts = attempts + 1, next_at = %(now)s + %(wait)s * 2 ^ attempts"
            " WHERE id IN ("
            "  SELECT id FROM notifications AS due"
            "  WHERE next_at <= %(now)s AND delivered_at IS NULL AND failed_at IS NULL AND NOT EXISTS ("
            "   SELECT FROM notifications AS earlier WHERE earlier.alert_id = due.alert_id AND earlier.id < due.id"
            "   AND earlier.delivered_at IS NULL AND earlier.failed_at IS NULL)"
            "  ORDER BY next_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)"
            " RETURNING id, url, body, attempts",
            {"now": now, "wait": FIRST_WAIT, "limit": limit},
        )
        return sorted(rows.fetchall(), key=lambda notification: notification.id)


def delivered(connection: Connection[TupleRow], notification: Notification, now: datetime) -> None:
    """The receiver took it."""
    connection.execute(
        "UPDATE notifications SET delivered_at = %s, last_error = NULL WHERE id = %s", (now, notification.id)
    )


def failed(connection: Connection[TupleRow], notification: Notification, error: str, now: datetime) -> None:
    """The receiver did not take it: it is sent again when its wait is over, or given up after the last attempt."""
    connection.execute(
        "UPDATE notifications SET last_error = %s, failed_at = CASE WHEN attempts >= %s THEN %s::timestamptz END"
        " WHERE id = %s AND delivered_at IS NULL",
        (error[:_LONGEST_ERROR], MOST_ATTEMPTS, now, notification.id),
    )


def forget_before(connection: Connection[TupleRow], cut: datetime) -> int:
    """Delete what was settled before ``cut``; give how many."""
    return connection.execute("DELETE FROM notifications WHERE coalesce(delivered_at, failed_at) < %s", (cut,)).rowcount
