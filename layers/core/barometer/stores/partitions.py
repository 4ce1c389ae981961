"""The day partitions of ``posts``: made when a day is first needed, dropped whole when it is past the retention.

Each function works in its caller's transaction, which should do little else: making and dropping take turns by an
advisory lock that is held to the transaction's end. Making a day blocks neither readers nor writers of the others.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

_PREFIX: Final = "posts_"
_DAY_FORMAT: Final = "%Y%m%d"
# Any number that nothing else in this database takes: the letters "days".
_LOCK: Final = 0x64617973


def ensure(connection: Connection[TupleRow], days: Iterable[date]) -> list[date]:
    """Make what is missing; give the days that were made."""
    wanted = set(days)
    if wanted <= _made(connection):
        return []
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    # Another process may have made them while this one waited for the lock.
    missing = sorted(wanted - _made(connection))
    for day in missing:
        name = _name(day)
        # CREATE … PARTITION OF would lock all of posts against readers; attaching an empty table does not.
        connection.execute(
            sql.SQL("CREATE TABLE {} (LIKE posts INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(name)
        )
        connection.execute(
            sql.SQL("ALTER TABLE posts ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                name, _midnight(day), _midnight(day + timedelta(days=1))
            )
        )
    return missing


def before(connection: Connection[TupleRow], day: date) -> list[date]:
    """The days earlier than ``day`` that have a partition, oldest first."""
    return sorted(made for made in _made(connection) if made < day)


def drop(connection: Connection[TupleRow], day: date) -> int:
    """Drop one day; give how many posts went with it, 0 if it was gone already.

    Waits for whoever reads or writes posts just now, and makes others wait meanwhile: set a short ``lock_timeout``.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if day not in _made(connection):
        return 0
    # Before counting, or a post stored in between would be dropped uncounted.
    connection.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_name(day))).fetchone()
    connection.execute(sql.SQL("DROP TABLE {}").format(_name(day)))
    return row[0] if row else 0


def _made(connection: Connection[TupleRow]) -> set[date]:
    # The tables' own rows, not to_regclass: that may answer from before this transaction waited for the lock.
    rows: list[tuple[str]] = connection.execute(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = 'posts'::regclass"
    ).fetchall()
    return {datetime.strptime(name, _PREFIX + _DAY_FORMAT).replace(tzinfo=UTC).date() for (name,) in rows}


def _name(day: date) -> sql.Identifier:
    return sql.Identifier(f"{_PREFIX}{day:{_DAY_FORMAT}}")


def _midnight(day: date) -> sql.Literal:
    return sql.Literal(datetime.combine(day, time(), UTC))
