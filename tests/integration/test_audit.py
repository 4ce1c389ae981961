"""The audit finds what does not add up, and nothing else."""

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis as redis_py

from barometer.steps.aggregate import aggregate
from barometer.stores import postgres
from barometer.streams import counters_key, stream_key
from infra.local.audit import AuditReport, audit
from tests.scored import batch, no_cache, post

Check = Callable[[], AuditReport]


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    aggregate(batch([post("positive", "joy", topics=[]), post("negative"), post(None)]), postgres_url, no_cache())
    yield postgres_url
    postgres.pool(postgres_url).close()


def count(redis_url: str, partition: int = 0, **counters: int) -> None:
    with redis_py.Redis.from_url(redis_url) as client:
        client.hset(counters_key(partition), mapping=dict(counters.items()))


def change(url: str, statement: bytes) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


@pytest.fixture
def check(url: str, redis_url: str) -> Check:
    count(redis_url, accepted=7, stored=2, duplicates=1, rejected=1, dead=1)
    count(redis_url, 1, accepted=1, stored=1)
    with redis_py.Redis.from_url(redis_url) as client:
        client.xadd(stream_key("posts", 0), {"body": "{}"})
        client.xadd(stream_key("raw", 0), {"body": "{}"})

    def run() -> AuditReport:
        report = audit(url, redis_url, 2)
        assert json.loads(json.dumps(report.as_json()))["findings"] == report.findings
        return report

    return run


def test_books_that_balance_over_all_partitions_have_no_findings(check: Check):
    report = check()
    assert report.balanced
    assert report.as_json() == {
        "balanced": True,
        "books": {
            "accepted": 8, "stored": 3, "duplicates": 1, "rejected": 1, "dead": 1, "in_flight": 2, "missing": 0,
        },
        "rows": {"posts": 3, "removed": 0},
        "rollups": {"differing": 0, "differences": []},
        "findings": [],
    }  # fmt: skip


def test_a_lost_post_is_found(check: Check, redis_url: str):
    count(redis_url, accepted=8)
    assert check().findings == ["1 accepted posts are neither stored nor otherwise accounted for"]


def test_a_post_counted_twice_is_found(check: Check, redis_url: str):
    count(redis_url, duplicates=3)
    assert check().findings == ["2 posts are accounted for that were never accepted"]


def test_a_row_that_is_gone_is_found_in_the_books_and_in_the_rollups(check: Check, url: str):
    change(url, b"DELETE FROM posts WHERE sentiment = 'negative'")
    report = check()
    assert not report.balanced
    assert report.findings[0] == "1 posts are counted as stored that the database does not have"
    assert report.findings[1].startswith("rollup * 2026-03-04T12:00:00+00:00 test: posts 3, recounted 2; negative 1,")


def test_a_post_that_retention_removed_is_no_finding(check: Check, url: str):
    change(url, b"TRUNCATE posts, rollups")
    change(url, b"INSERT INTO removed_posts VALUES ('retention', 3)")
    assert check().balanced


def test_a_row_that_is_stored_but_not_yet_counted_is_in_flight(check: Check, url: str):
    """The database commits before the counters move; only more rows than are in flight are too many."""
    aggregate(batch([post(), post()]), url, no_cache())
    assert check().balanced
    aggregate(batch([post()]), url, no_cache())
    assert check().findings == ["1 posts are in the database that nobody counted"]


def test_a_rollup_without_rows_and_rows_without_a_rollup_are_found(check: Check, url: str):
    change(url, b"INSERT INTO rollups (topic, source, minute, posts) VALUES ('gone', 'test', '2026-03-04Z', 5)")
    change(url, b"UPDATE posts SET topics = '{new}' WHERE sentiment = 'positive'")
    report = check()
    assert report.rows.differing == 2
    assert [difference.key.topic for difference in report.rows.differences] == ["gone", "new"]
    assert report.rows.differences[1].recount.joy == 1


def test_a_rollup_of_zeros_equals_none(check: Check, url: str):
    change(url, b"INSERT INTO rollups (topic, source, minute) VALUES ('gone', 'test', '2026-03-04Z')")
    assert check().balanced


def test_a_sum_that_is_off_by_one_ten_thousandth_is_found(check: Check, url: str):
    change(url, b"UPDATE rollups SET score_sum = score_sum + 1")
    assert "score_sum" in check().findings[0]


def test_many_differences_are_counted_and_the_first_shown(check: Check, url: str):
    change(
        url,
        b"INSERT INTO rollups (topic, source, minute, posts)"
        b" SELECT 'gone', 'test', '2026-03-04Z'::timestamptz + n * interval '1 minute', 1"
        b" FROM generate_series(1, 50) AS n",
    )
    report = check()
    assert report.rows.differing == 50
    assert report.findings[-1] == "30 more rollups differ"
