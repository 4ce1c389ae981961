"""The audit: do the counters agree with each other, the rows and the dead letters, and the rollups with a recount?

Promise 2, checked from outside: nothing here shares code with what moved the numbers. It may run while posts are on
their way. The books are exact at any moment; rows and letters are compared with the counters read before and after,
between which they must lie, so at rest they must be equal; rollups and rows are read in one snapshot.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from psycopg import IsolationLevel, sql

from barometer.rollups import COLUMNS, Counts, RollupKey
from barometer.scores import EMOTIONS, SENTIMENTS
from barometer.stores import letters, redis
from barometer.stores.postgres import connect
from barometer.stores.streams import Books, books
from barometer.streams import BOOK_STREAMS, BOOKS

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
class Letters:
    """The dead letters of posts, by kind, and how many of the dead ones died on their way into the database."""

    rejected: int
    dead: int
    dead_while_stored: int

    @classmethod
    def of(cls, counted: Counter[tuple[str, str]]) -> Self:
        """Of all letters, by stream and kind."""
        return cls(
            rejected=sum(counted[stream, "rejected"] for stream in BOOK_STREAMS),
            dead=sum(counted[stream, "dead"] for stream in BOOK_STREAMS),
            dead_while_stored=counted[BOOK_STREAMS[-1], "dead"],
        )


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The books, the rows and the dead letters, and each way in which they disagree, as a sentence."""

    books: Books
    rows: Rows
    letters: Letters
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
            "letters": {"rejected": self.letters.rejected, "dead": self.letters.dead},
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
    died = Letters.of(letters.count(client, partitions))
    after = books(client, partitions)
    findings = [
        *_book_findings(after),
        *_letter_findings(before, died, after),
        *_row_findings(before, rows, died, after),
        *_rollup_findings(rows),
    ]
    return AuditReport(after, rows, died, findings)


def _book_findings(after: Books) -> list[str]:
    if after.missing > 0:
        return [f"{after.missing:,} accepted posts are neither stored nor otherwise accounted for"]
    if after.missing < 0:
        return [f"{-after.missing:,} posts are accounted for that were never accepted"]
    return []


def _letter_findings(before: Books, died: Letters, after: Books) -> list[str]:
    """A letter is counted as it dies and as it is sent again; those sent again meanwhile may have been seen or not."""
    redriven = after.redriven - before.redriven
    found = []
    for kind in ("rejected", "dead"):
        lying = getattr(died, kind)
        least, most = getattr(before, kind) - redriven, getattr(after, kind) + redriven
        if lying < least:
            found.append(f"{least - lying:,} posts are counted as {kind} whose dead letters are gone")
        if lying > most:
            found.append(f"{lying - most:,} dead letters of kind {kind} are posts that nobody counted")
    return found


def _row_findings(before: Books, rows: Rows, died: Letters, after: Books) -> list[str]:
    """A post is a row before it is counted, and in flight until then."""
    if rows.stored < before.stored:
        return [f"{before.stored - rows.stored:,} posts are counted as stored that the database does not have"]
    unknown = rows.stored - after.stored - after.in_flight
    if unknown <= 0:
        return []
    if unknown <= died.dead_while_stored:
        # The database had committed, and no answer of the function ever came through.
        return [f"{unknown:,} posts are stored and lie in the dead letters too: barometer dead redrive settles them"]
    if after.missing == 0:
        # Whatever moves posts moves the counters with them, so both went together.
        return [f"Redis was emptied or restored from older data: {unknown:,} rows that no counter knows"]
    return [f"{unknown:,} posts are in the database that nobody counted"]


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
