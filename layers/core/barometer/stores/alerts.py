"""The door to the alerts. Each function works in its caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

from barometer.alerts import ALERT_COLUMNS, Alert, Measure, Rule, State
from barometer.cursors import Cursor
from barometer.errors import NotFoundError

_COLUMNS: Final = sql.SQL(", ").join(map(sql.Identifier, ALERT_COLUMNS))


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, newest first, and where the next page begins, if there is one."""

    items: Sequence[Alert]
    next_cursor: Cursor | None


def list_alerts(
    connection: Connection[TupleRow], state: State | None = None, *, limit: int, cursor: Cursor | None = None
) -> AlertPage:
    """A page of at most ``limit`` alerts, newest first, behind ``cursor``."""
    query = sql.SQL(
        "SELECT {} FROM alerts WHERE (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(at)s::timestamptz IS NULL OR (fired_at, id) < (%(at)s, %(id)s::uuid))"
        " ORDER BY fired_at DESC, id DESC LIMIT %(limit)s"
    ).format(_COLUMNS)
    parameters = {
        "state": state,
        "at": cursor.at if cursor else None,
        "id": cursor.id if cursor else None,
        "limit": limit + 1,
    }
    with connection.cursor(row_factory=class_row(Alert)) as rows:
        rows.execute(query, parameters)
        found = rows.fetchall()
    items = found[:limit]
    return AlertPage(items, Cursor(items[-1].fired_at, items[-1].id) if len(found) > limit else None)


def acknowledge(connection: Connection[TupleRow], alert_id: UUID, who: str, now: datetime) -> Alert:
    """Note that ``who`` has seen it; the first to do so stays noted.

    Raises:
        NotFoundError: there is none of that id.
    """
    query = sql.SQL(
        "UPDATE alerts SET acknowledged_at = coalesce(acknowledged_at, %(now)s),"
        " acknowledged_by = coalesce(acknowledged_by, %(who)s) WHERE id = %(id)s RETURNING {}"
    ).format(_COLUMNS)
    alert = _one(connection, query, {"id": alert_id, "who": who, "now": now})
    if alert is None:
        raise NotFoundError(f"there is no alert {alert_id}")
    return alert


def fire(connection: Connection[TupleRow], rule: Rule, measured: Measure, now: datetime) -> Alert | None:
    """Begin an alert; ``None`` if the rule fires already, whoever began it."""
    query = sql.SQL(
        "INSERT INTO alerts (rule_id, rule_name, topic, state, value, posts, threshold, fired_at)"
        " VALUES (%(rule)s, %(name)s, %(topic)s, 'firing', %(value)s, %(posts)s, %(threshold)s, %(now)s)"
        " ON CONFLICT (rule_id) WHERE state = 'firing' DO NOTHING RETURNING {}"
    ).format(_COLUMNS)
    parameters = {
        "rule": rule.id,
        "name": rule.name,
        "topic": rule.topic,
        "value": measured.share,
        "posts": measured.scored,
        "threshold": rule.threshold,
        "now": now,
    }
    return _one(connection, query, parameters)


def resolve(connection: Connection[TupleRow], rule: Rule, now: datetime) -> Alert | None:
    """End the rule's alert; ``None`` if it does not fire, whoever ended it."""
    query = sql.SQL(
        "UPDATE alerts SET state = 'resolved', resolved_at = %(now)s"
        " WHERE rule_id = %(rule)s AND state = 'firing' RETURNING {}"
    ).format(_COLUMNS)
    return _one(connection, query, {"rule": rule.id, "now": now})


def _one(connection: Connection[TupleRow], query: sql.Composed, parameters: dict[str, Any]) -> Alert | None:
    with connection.cursor(row_factory=class_row(Alert)) as rows:
        rows.execute(query, parameters)
        return rows.fetchone()
