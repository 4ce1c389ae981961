"""The door to the alert rules. Each function works in its caller's transaction."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection, errors, sql
from psycopg.rows import TupleRow, class_row

from barometer.alerts import RULE_COLUMNS, Measure, Rule, RuleDraft, RulePatch
from barometer.errors import ConflictError, NotFoundError
from barometer.rollups import Span

_COLUMNS: Final = sql.SQL(", ").join(map(sql.Identifier, RULE_COLUMNS))


def list_rules(connection: Connection[TupleRow]) -> list[Rule]:
    """Every rule, newest first."""
    with connection.cursor(row_factory=class_row(Rule)) as cursor:
        cursor.execute(sql.SQL("SELECT {} FROM rules ORDER BY created_at DESC, id DESC").format(_COLUMNS))
        return cursor.fetchall()


def get_rule(connection: Connection[TupleRow], rule_id: UUID) -> Rule:
    """One rule.

    Raises:
        NotFoundError: there is none of that id.
    """
    with connection.cursor(row_factory=class_row(Rule)) as cursor:
        cursor.execute(sql.SQL("SELECT {} FROM rules WHERE id = %s").format(_COLUMNS), (rule_id,))
        return _found(cursor.fetchone(), rule_id)


def create_rule(connection: Connection[TupleRow], draft: RuleDraft) -> Rule:
    """Make a rule; it is judged from the next change of its topic or the next tick of the clock on.

    Raises:
        ConflictError: there is one of that name. The transaction cannot go on.
    """
    fields = draft.model_dump()
    query = sql.SQL("INSERT INTO rules ({}) VALUES ({}) RETURNING {}").format(
        sql.SQL(", ").join(map(sql.Identifier, fields)), sql.SQL(", ").join(map(sql.Placeholder, fields)), _COLUMNS
    )
    with connection.cursor(row_factory=class_row(Rule)) as cursor:
        try:
            cursor.execute(query, fields)
        except errors.UniqueViolation:
            raise _taken(draft.name) from None
        rule = cursor.fetchone()
    assert rule is not None  # noqa: S101 (INSERT … RETURNING gives one row)
    return rule


def update_rule(connection: Connection[TupleRow], rule_id: UUID, patch: RulePatch) -> Rule:
    """Change what ``patch`` names. An alert that fires stays what it was until the changed rule is judged.

    Raises:
        NotFoundError: there is none of that id.
        ConflictError: there is another of the new name. The transaction cannot go on.
    """
    fields = patch.model_dump(include=patch.model_fields_set)
    query = sql.SQL("UPDATE rules SET {}, updated_at = now() WHERE id = %(rule_id)s RETURNING {}").format(
        sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(f), sql.Placeholder(f)) for f in fields), _COLUMNS
    )
    with connection.cursor(row_factory=class_row(Rule)) as cursor:
        try:
            cursor.execute(query, fields | {"rule_id": rule_id})
        except errors.UniqueViolation:
            raise _taken(patch.name) from None
        return _found(cursor.fetchone(), rule_id)


def delete_rule(connection: Connection[TupleRow], rule_id: UUID) -> None:
    """Delete a rule, and its alerts with it.

    Raises:
        NotFoundError: there is none of that id.
    """
    if connection.execute("DELETE FROM rules WHERE id = %s", (rule_id,)).rowcount == 0:
        raise _unknown(rule_id)


def lock_for_judging(connection: Connection[TupleRow], topics: Collection[str] | None) -> list[Rule]:
    """The rules to judge: of these topics, or all; those enabled, and those that fire although they no longer are.

    They stay locked until the transaction ends, in the order of their ids: whoever else would judge or change them
    waits, so that nobody concludes from numbers that are older than the last verdict.
    """
    query = sql.SQL(
        "SELECT {} FROM rules WHERE (%(topics)s::text[] IS NULL OR topic = ANY (%(topics)s))"
        " AND (enabled OR EXISTS (SELECT FROM alerts WHERE rule_id = rules.id AND state = 'firing'))"
        " ORDER BY id FOR NO KEY UPDATE OF rules"
    ).format(_COLUMNS)
    with connection.cursor(row_factory=class_row(Rule)) as cursor:
        cursor.execute(query, {"topics": None if topics is None else sorted(topics)})
        return cursor.fetchall()


def measure(
    connection: Connection[TupleRow], rules: Collection[Rule], now: datetime
) -> dict[UUID, tuple[Measure, bool]]:
    """What the rollups of each rule's window say at ``now``, and whether the rule fires already."""
    if not rules:
        return {}
    windows = [(rule.id, rule.topic, *Span.ending(rule.window, now)) for rule in rules]
    ids, topics, since, until = (list(column) for column in zip(*windows, strict=True))
    rows = connection.execute(
        "SELECT judged.id, coalesce(counted.scored, 0), coalesce(counted.negative, 0),"
        " EXISTS (SELECT FROM alerts WHERE rule_id = judged.id AND state = 'firing')"
        " FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[])"
        " AS judged (id, topic, since, until) CROSS JOIN LATERAL ("
        "  SELECT sum(posts - unscored)::bigint AS scored, sum(negative)::bigint AS negative FROM rollups"
        "  WHERE rollups.topic = judged.topic AND minute >= judged.since AND minute < judged.until"
        " ) AS counted",
        (ids, topics, since, until),
    ).fetchall()
    return {rule_id: (Measure(scored, negative), firing) for rule_id, scored, negative, firing in rows}


def _found(rule: Rule | None, rule_id: UUID) -> Rule:
    if rule is None:
        raise _unknown(rule_id)
    return rule


def _unknown(rule_id: UUID) -> NotFoundError:
    return NotFoundError(f"there is no rule {rule_id}")


def _taken(name: str) -> ConflictError:
    return ConflictError(f"there is a rule named {name!r} already")
