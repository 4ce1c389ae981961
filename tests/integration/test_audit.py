"""The audit finds what does not add up, and nothing else."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis as redis_py
from typer.testing import CliRunner

from barometer.steps.aggregate import aggregate
from barometer.stores import letters, postgres
from barometer.streams import counters_key, stream_key
from infra.local.audit import AuditReport, audit
from infra.local.cli import app
from tests.scored import batch, no_cache, post

COMMAND = CliRunner()
Check = Callable[[], AuditReport]


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    aggregate(batch([post("positive", "joy", topics=[]), post("negative"), post(None)]), postgres_url, no_cache())
    yield postgres_url
    postgres.pool(postgres_url).close()


def count(redis_url: str, partition: int = 0, **counters: int) -> None:
    with redis_py.Redis.from_url(redis_url) as client:
        client.hset(counters_key(partition), mapping=dict(counters.items()))


def die(redis_url: str, kind: str, *, stream: str = "posts", partition: int = 0) -> None:
    with redis_py.Redis.from_url(redis_url) as client:
        client.xadd(stream_key("dead", partition), {"body": "{}", "stream": stream, "kind": kind, "pipe": "some"})


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
    die(redis_url, "rejected")
    die(redis_url, "dead")
    die(redis_url, "dead", stream="stored")

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
        "letters": {"rejected": 1, "dead": 1},
        "rows": {"posts": 3, "removed": 0},
        "rollups": {"differing": 0, "differences": []},
        "findings": [],
    }  # fmt: skip


def test_the_command_shows_it_all_and_fails_when_something_differs(
    check: Check, url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_DATABASE_URL", url)
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_url)
    monkeypatch.setenv("BAROMETER_PARTITIONS", "2")
    assert check().balanced
    good = COMMAND.invoke(app, ["audit"])
    assert good.exit_code == 0, good.output
    assert good.stdout.splitlines()[-1] == "the books balance"
    assert "letters  1 rejected, 1 dead" in good.stdout
    die(redis_url, "rejected")
    bad = COMMAND.invoke(app, ["audit"])
    assert bad.exit_code == 1
    assert "FAULT    1 dead letters of kind rejected are posts that nobody counted" in bad.stdout


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
    assert len(check().findings) == 1


def test_an_emptied_redis_is_named_as_the_cause_of_rows_that_no_counter_knows(check: Check, redis_url: str):
    with redis_py.Redis.from_url(redis_url) as client:
        client.flushall()
    cause = "Redis was emptied or restored from older data: {} rows that no counter knows"
    assert check().findings == [cause.format(3)]
    count(redis_url, accepted=2, stored=2)
    assert check().findings == [cause.format(1)], "it goes on from nothing, and the books balance again"


def test_rows_that_nobody_counted_beside_books_that_do_not_balance_are_no_fault_of_redis(check: Check, redis_url: str):
    count(redis_url, stored=0)
    count(redis_url, 1, stored=0)
    assert check().findings == [
        "3 accepted posts are neither stored nor otherwise accounted for",
        "1 posts are in the database that nobody counted",
    ]


def test_a_letter_that_is_gone_is_found(check: Check, redis_url: str):
    with redis_py.Redis.from_url(redis_url) as client:
        client.delete(stream_key("dead", 0))
    assert check().findings == [
        "1 posts are counted as rejected whose dead letters are gone",
        "1 posts are counted as dead whose dead letters are gone",
    ]


def test_a_letter_that_nobody_counted_is_found_in_whichever_partition(check: Check, redis_url: str):
    die(redis_url, "dead", stream="raw", partition=1)
    assert check().findings == ["1 dead letters of kind dead are posts that nobody counted"]


def test_letters_that_are_sent_again_while_they_are_counted_are_no_finding(
    check: Check, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    """The counters are read, then the letters go back and one more dies, then the letters are counted."""
    really_count = letters.count

    def redrive_first(client: redis_py.Redis, partitions: int) -> Counter[tuple[str, str]]:
        client.delete(stream_key("dead", 0))
        client.hset(counters_key(0), mapping={"accepted": 8, "rejected": 0, "dead": 1, "some.redriven": 2})
        client.xadd(stream_key("posts", 0), {"body": "{}"})
        client.xadd(stream_key("posts", 0), {"body": "{}"})
        die(redis_url, "dead")
        return really_count(client, partitions)

    monkeypatch.setattr(letters, "count", redrive_first)
    assert check().balanced


def test_a_post_that_is_stored_although_it_died_is_told_and_how_to_settle_it(check: Check, url: str, redis_url: str):
    """The database took it, but aggregate's answer never came through, until its attempts were spent."""
    aggregate(batch([post(), post(), post()]), url, no_cache())
    count(redis_url, accepted=8, dead=2)
    die(redis_url, "dead", stream="scored")
    assert check().findings == [
        "1 posts are stored and lie in the dead letters too: barometer dead redrive settles them"
    ]


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
