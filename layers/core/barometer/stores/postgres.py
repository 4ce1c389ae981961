"""The one door to Postgres (15 or later): a small pool a process, timeouts on everything, UTC everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

STATEMENT_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_SECONDS = 5


@cache
def pool(url: str) -> ConnectionPool[Connection[TupleRow]]:
    """The process's pool: one connection kept (a function handles one event at a time), four at most.

    A connection is checked before it is lent, so that a restarted Postgres costs one round trip, not an error.
    """
    return ConnectionPool(
        url,
        min_size=0,
        max_size=4,
        timeout=CONNECT_TIMEOUT_SECONDS,
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
    """A connection inside one transaction: committed when the block ends, rolled back when it raises."""
    with pool(url).connection() as connection:
        yield connection
