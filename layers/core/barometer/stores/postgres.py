"""The one door to Postgres (15 or later): a small pool a process, or a connection a command.

Timeouts on everything, UTC everywhere; after a login by IAM (``barometer.stores.logins``) the pool's are the role's.
A database that cannot be had is ``UnavailableError`` to whoever uses the pool. What it says of what it was asked stays
psycopg's own error, a lost deadlock and a statement that took too long too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import Any

import psycopg
from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from barometer.errors import UnavailableError
from barometer.stores.logins import conninfo, is_iam

STATEMENT_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_SECONDS = 5
# SQLSTATE classes of a server that is not to be had: connection exception, insufficient resources (connections, memory,
# disk), and of operator intervention the shutdowns, but not 57014, a statement that took too long.
AWAY = ("08", "53", "57P")
# Two threads that ask first at once would each make a pool, one of which nobody would ever close.
_MAKING = Lock()


@cache
def pool(url: str) -> ConnectionPool[Connection[TupleRow]]:
    """The process's pool: one connection kept (a function handles one event at a time), four at most.

    A connection is checked before it is lent, so that a restarted Postgres costs one round trip, not an error. Attempts
    to connect end soon, and who asks next begins anew: the pool would go on with longer and longer pauses, and notice
    minutes late that Postgres is back.
    """
    return ConnectionPool(
        partial(conninfo, url),
        min_size=0,
        max_size=4,
        timeout=CONNECT_TIMEOUT_SECONDS,
        reconnect_timeout=CONNECT_TIMEOUT_SECONDS,
        max_idle=300,
        check=ConnectionPool.check_connection,
        kwargs=_startup(url, "barometer", STATEMENT_TIMEOUT_MS, LOCK_TIMEOUT_MS),
        open=True,
    )


def connect(
    url: str,
    application: str,
    *,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    autocommit: bool = False,
) -> Connection[TupleRow]:
    """A connection of its own, for a command that comes and goes; used as a context, it commits and closes.

    Args:
        url: the database.
        application: the name that Postgres shows for it.
        statement_timeout_ms: 0 for none.
        lock_timeout_ms: how long a statement may wait for others.
        autocommit: each statement is a transaction.

    Raises:
        psycopg.OperationalError: the database cannot be had.
    """
    connection = psycopg.connect(
        conninfo(url), autocommit=True, **_startup(url, application, statement_timeout_ms, lock_timeout_ms)
    )
    try:
        if is_iam(url):
            for name, value in _timeouts(statement_timeout_ms, lock_timeout_ms).items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.autocommit = autocommit
    except psycopg.Error:
        connection.close()
        raise
    return connection


def _startup(url: str, application: str, statement_timeout_ms: int, lock_timeout_ms: int) -> dict[str, Any]:
    """What a connection opens with. RDS Proxy takes no options, and gives prepared statements to one client alone."""
    settings: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": application}
    if is_iam(url):
        return {**settings, "prepare_threshold": None}
    timeouts = _timeouts(statement_timeout_ms, lock_timeout_ms)
    return {**settings, "options": " ".join(f"-c {name}={value}" for name, value in timeouts.items())}


def _timeouts(statement_timeout_ms: int, lock_timeout_ms: int) -> dict[str, str]:
    return {"statement_timeout": str(statement_timeout_ms), "lock_timeout": str(lock_timeout_ms), "timezone": "UTC"}


@contextmanager
def transaction(url: str) -> Iterator[Connection[TupleRow]]:
    """A connection inside one transaction: committed when the block ends, rolled back when it raises.

    Raises:
        UnavailableError: the database cannot be had, or went away meanwhile; in the moment of a commit, nobody knows
            whether it was done.
    """
    with _MAKING:
        lending = pool(url)
    try:
        with lending.connection() as connection:
            yield connection
    except OperationalError as error:
        if not _is_away(error):
            raise
        raise UnavailableError("the database does not answer", str(error)) from error


def _is_away(error: OperationalError) -> bool:
    """Whether it tells of the server or the way to it; the pool's and libpq's own errors come without an SQLSTATE."""
    return error.sqlstate is None or error.sqlstate.startswith(AWAY)
