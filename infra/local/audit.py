"""The audit: do the counters agree with each other and with the rows, and the rollups with a recount of the rows?

Promise 2, checked from outside: nothing here shares code with what moved the numbers. It may run while posts are on
their way. The books are exact at any moment; rows are compared with the counters read before and after, between which
they must lie, so at rest they must be equal; rollups and rows are read in one snapshot.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from psycopg import IsolationLevel, sql

from barometer.rollups import COLUMNS, Counts, RollupKey
from barometer.scores import EMOTIONS, SENTIMENTS
from barometer.stores import redis
from barometer.stores.postgres import connect
from barometer.stores.streams import Books, books
from barometer.streams import BOOKS

# Every row is read once: minutes for a large database, never for ever.
STATEMENT_TIMEOUT_MS: Final = 600_000
# Enough to see a pattern; the number of all is told beside them.
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class RollupDifference:
    """A rollup that is not what a recount of its rows gives."""

    key: RollupKey
    rollup: Counts
    recount: Counts

    def __str__(self) -> str:
        where = f"{self.key.topic} {self.key.minute.isoformat()} {self.key.source}"
        unequal = (
            f"{name} {getattr(self.rollup, name):,}, recounted {getattr(self.recount, name):,}"
            for name in COLUMNS
            if getattr(self.rollup, name) != getattr(self.recount, name)
        )
        return f"rollup {where}: {'; '.join(unequal)}"


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database holds: posts, posts that were removed again, and the rollups that differ (the first few)."""

    posts: int
    removed: int
    differing: int
    differences: Sequence[RollupDifference]

    @property
    def stored(self) -> int:
        """Posts that were ever stored."""
        return self.posts + self.removed


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The books and the rows, and each way in which they disagree, as a sentence."""

    books: Books
    rows: Rows
    findings: Sequence[str]

    @property
    def balanced(self) -> bool:
        """Whether nothing disagrees."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        counters = {name: getattr(self.books, name) for name in BOOKS}
        return {
            "balanced": self.balanced,
            "books": counters | {"in_flight": self.books.in_flight, "missing": self.books.missing},
            "rows": {"posts": self.rows.posts, "removed": self.rows.removed},
            "rollups": {
                "differing": self.rows.differing,
                "differences": [
                    {
                        "topic": difference.key.topic,
                        "minute": difference.key.minute.isoformat(),
                        "source": difference.key.source,
                        "rollup": asdict(difference.rollup),
                        "recount": asdict(difference.recount),
                    }
                    for difference in self.rows.differences
                ],
            },
            "findings": list(self.findings),
        }


def audit(database_url: str, redis_url: str, partitions: int) -> AuditReport:
    """Compare everything with everything.

    Raises:
        psycopg.Error: the database cannot be read.
        redis.RedisError: the counters cannot be read.
    """
    client = redis.connect(redis_url)
    before = books(client, partitions)
    rows = _read_rows(database_url)
    after = books(client, partitions)
    return AuditReport(
        after, rows, [*_book_findings(after), *_row_findings(before, rows, after), *_rollup_findings(rows)]
    )


def _book_findings(after: Books) -> list[str]:
    if after.missing > 0:
        return [f"{after.missing:,} accepted posts are neither stored nor otherwise accounted for"]
    if after.missing < 0:
        return [f"{-after.missing:,} posts are accounted for that were never accepted"]
    return []


def _row_findings(before: Books, rows: Rows, after: Books) -> list[str]:
    """A post is a row before it is counted, and in flight until then."""
    if rows.stored < before.stored:
        return [f"{before.stored - rows.stored:,} posts are counted as stored that the database does not have"]
    if rows.stored > after.stored + after.in_flight:
        return [f"{rows.stored - after.stored - after.in_flight:,} posts are in the database that nobody counted"]
    return []


def _rollup_findings(rows: Rows) -> list[str]:
    shown = [str(difference) for difference in rows.differences]
    if rows.differing > len(shown):
        shown.append(f"{rows.differing - len(shown):,} more rollups differ")
    return shown


def _read_rows(database_url: str) -> Rows:
    with connect(database_url, "barometer-audit", statement_timeout_ms=STATEMENT_TIMEOUT_MS) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        posts, removed = connection.execute(_TOTALS).fetchone() or (0, 0)
        found = connection.execute(_DIFFERENCES, (MOST_SHOWN,)).fetchall()
    return Rows(posts, removed, found[0][0] if found else 0, [_difference(row[1:]) for row in found])


def _difference(row: tuple[Any, ...]) -> RollupDifference:
    middle = 3 + len(COLUMNS)
    return RollupDifference(RollupKey(*row[:3]), Counts(*row[3:middle]), Counts(*row[middle:]))


def _recounted() -> sql.Composed:
    """For each column of the rollups, how the rows tell it."""
    expressions = {
        "posts": sql.SQL("count(*)"),
        "unscored": sql.SQL("count(*) FILTER (WHERE sentiment IS NULL)"),
        "score_sum": sql.SQL("coalesce(sum(sentiment_shares[1] - sentiment_shares[3]), 0)"),
        **{label: sql.SQL("count(*) FILTER (WHERE sentiment = {})").format(label) for label in SENTIMENTS},
        **{
            label: sql.SQL("count(*) FILTER (WHERE emotion = {})").format(label)
            for label in EMOTIONS
            if label != "neutral"
        },
        "emotion_neutral": sql.SQL("count(*) FILTER (WHERE emotion = 'neutral')"),
    }
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(expressions[name], sql.Identifier(name)) for name in COLUMNS)


def _numbers(table: str) -> sql.Composed:
    """A side of the comparison; a row that is absent counts nothing, as one of zeros does."""
    return sql.SQL(", ").join(
        sql.SQL("coalesce({}.{}, 0)::bigint").format(sql.Identifier(table), sql.Identifier(name)) for name in COLUMNS
    )


_TOTALS: Final = "SELECT (SELECT count(*) FROM posts), (SELECT coalesce(sum(posts), 0)::bigint FROM removed_posts)"
_DIFFERENCES: Final = sql.SQL(
    "WITH recount AS ("
    "  SELECT topic, date_trunc('minute', created_at, 'UTC') AS minute, source, {recounted}"
    "  FROM posts CROSS JOIN LATERAL unnest(topics || '*'::text) AS topic GROUP BY 1, 2, 3"
    ")"
    " SELECT count(*) OVER (), topic, minute, source, {left}, {right}"
    " FROM rollups FULL JOIN recount USING (topic, minute, source)"
    " WHERE ({left}) IS DISTINCT FROM ({right})"
    " ORDER BY minute, topic, source LIMIT %s"
).format(recounted=_recounted(), left=_numbers("rollups"), right=_numbers("recount"))
