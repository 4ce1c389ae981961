"""``barometer audit``: finds the database and the Redis of a home, and puts the audit's answer into words."""

import psycopg
import redis

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.local.audit import AuditReport, audit
from infra.local.home import Home
from infra.local.state import read_state


def run(home: Home) -> AuditReport:
    """Audit what runs in ``home``, or what ``BAROMETER_DATABASE_URL`` and ``BAROMETER_REDIS_URL`` name.

    Raises:
        BarometerError: nothing runs there, or a store does not answer.
    """
    settings, state = load(Settings), read_state(home)
    database_url, redis_url = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    partitions = settings.partitions
    if not (database_url and redis_url):
        if not home.is_held():
            raise BarometerError(f"nothing runs in {home.root}: start it with barometer up, or name its --home")
        database_url, redis_url, partitions = state.database_url, state.redis_url, state.partitions
    try:
        return audit(database_url, redis_url, partitions)
    except (psycopg.Error, redis.RedisError) as error:
        raise BarometerError(f"cannot audit: {error}") from error


def as_text(report: AuditReport) -> str:
    """For a person."""
    books = report.books
    ends = " + ".join(f"{getattr(books, name):,} {name}" for name in ("stored", "duplicates", "rejected", "dead"))
    lines = [
        f"accepted {books.accepted:,} = {ends} + {books.in_flight:,} in flight" + _missing(books.missing),
        *([f"oldest   {books.oldest_ms / 1_000:,.1f} s in flight"] if books.in_flight else []),
        f"letters  {report.letters.rejected:,} rejected, {report.letters.dead:,} dead",
        f"rows     {report.rows.posts:,} posts, {report.rows.removed:,} removed since",
        f"rollups  {report.rows.differing:,} differ from a recount",
        *(f"FAULT    {finding}" for finding in report.findings),
    ]
    return "\n".join([*lines, "the books balance" if report.balanced else "the books do not balance"])


def _missing(missing: int) -> str:
    return f" + {missing:,} missing" if missing else ""
