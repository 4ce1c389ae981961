"""The one door to Postgres (15 or later): a small pool a process, timeouts on everything, UTC everywhere.

A database that cannot be had is ``UnavailableError``, whoever asks. What it says of what it was asked stays psycopg's
own error, a lost deadlock and a statement that took too long among it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from barometer.errors import UnavailableError

STATEMENT_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_SECONDS = 5
# SQLSTATE classes of a server that is not to be had: connection exception, insufficient resources (connections, memory,
# disk), and of operator intervention the shutdowns, but not 57014, a statement that took too long.
AWAY = ("08", "53", "57P")


@cache
def pool(url: str) -> ConnectionPool[Connection[TupleRow]]:
    """The process's pool: one connection kept (a function handles one event at a time), four at most.

    A connection is checked before it is lent, so that a restarted Postgres costs one round trip, not an error. Attempts
    to connect end soon, and who asks next begins anew: the pool would go on with longer and longer pauses, and notice
    minutes late that Postgres is back.
    """
    return ConnectionPool(
        url,
        min_size=0,
        max_size=4,
        timeout=CONNECT_TIMEOUT_SECONDS,
        reconnect_timeout=CONNECT_TIMEOUT_SECONDS,
        max_idle=300,
        check=ConnectionPool.check_connection,
        kwargs={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "barometer",
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC",
        },
        open=True,
    )


@contextmanager
def transaction(url: str) -> Iterator[Connection[TupleRow]]:
    """A connection inside one transaction: committed when the block ends, rolled back when it raises.

    Raises:
        UnavailableError: the database cannot be had, or went away meanwhile; in the moment of a commit, nobody knows
            whether it was done.
    """
    try:
        with pool(url).connection() as connection:
            yield connection
    except OperationalError as error:
        if not _is_away(error):
            raise
        raise UnavailableError("the database does not answer", str(error)) from error


def _is_away(error: OperationalError) -> bool:
    """Whether it tells of the server or the way to it; the pool's and libpq's own errors come without an SQLSTATE."""
    return error.sqlstate is None or error.sqlstate.startswith(AWAY)
