"""Retention on a real Postgres: whole days go, posts and rollups together, and the books still balance."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from barometer.alerts import RuleDraft
from barometer.steps import retention
from barometer.steps.aggregate import aggregate
from barometer.steps.alert import judge
from barometer.steps.retention import Swept, sweep
from barometer.stores import keys, notifications, partitions, postgres, rules
from infra.local.audit import _read_rows
from tests.scored import NOON, batch, no_cache, post

DAY = timedelta(days=1)


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    postgres.pool(postgres_url).close()


def write_days(url: str, ages: range) -> None:
    posts = [post("positive", at=NOON - age * DAY) for age in ages for _ in range(2)]
    assert len(aggregate(batch(posts), url, no_cache()).finished) == len(posts)


def days(url: str) -> list[date]:
    with postgres.transaction(url) as connection:
        return partitions.before(connection, date.max)


def test_what_is_older_than_the_retention_goes_with_its_rollups_and_keys(url: str):
    write_days(url, range(6))
    assert sweep(url, 3, NOON) == Swept(days=2, posts=4, keys=2, sessions=0, notifications=0)
    rows = _read_rows(url)
    assert (rows.posts, rows.removed, rows.stored, rows.differing) == (8, 4, 12, 0)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM post_keys").fetchone() == (10,)
        assert connection.execute("SELECT count(*) FROM rollups").fetchone() == (4,)
    assert sweep(url, 3, NOON) == Swept(days=0, posts=0, keys=0, sessions=0, notifications=0)
    assert sweep(url, 3, NOON + DAY) == Swept(days=1, posts=2, keys=2, sessions=0, notifications=0)


def test_the_partitions_of_today_and_tomorrow_are_made_before_they_are_needed(url: str):
    sweep(url, 30, NOON)
    assert days(url) == [NOON.date(), NOON.date() + DAY]


def test_a_tick_does_a_bounded_part_and_the_next_goes_on(url: str):
    write_days(url, range(1, 8))
    assert [sweep(url, 1, NOON).days for _ in range(3)] == [retention.MOST_DAYS, 2, 0]
    assert _read_rows(url).posts == 2


def test_keys_are_removed_in_rounds(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "KEYS_AT_ONCE", 3)
    write_days(url, range(3, 7))
    assert sweep(url, 1, NOON).keys == 8


def test_a_day_that_is_in_use_waits_for_the_next_tick(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "50ms")
    write_days(url, range(2, 3))
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM posts")
        assert sweep(url, 1, NOON).days == 0
    assert _read_rows(url).posts == 2
    assert sweep(url, 1, NOON).days == 1


def test_a_late_copy_of_a_removed_post_is_stored_and_removed_again(url: str):
    old = post("negative", at=NOON - 3 * DAY)
    aggregate(batch([old]), url, no_cache())
    sweep(url, 1, NOON)
    result = aggregate(batch([old]), url, no_cache())
    assert [end["as"] for end in result.finished] == ["stored"]
    assert sweep(url, 1, NOON).posts == 1
    rows = _read_rows(url)
    assert (rows.posts, rows.removed, rows.differing) == (0, 2, 0)


def test_a_copy_of_a_post_that_could_not_be_removed_yet_is_a_duplicate(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "50ms")
    old = post("negative", at=NOON - 3 * DAY)
    aggregate(batch([old]), url, no_cache())
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM posts")
        assert sweep(url, 1, NOON) == Swept(days=0, posts=0, keys=0, sessions=0, notifications=0)
    again, copy = old, replace(old, post=replace(old.post, receipt="another"))
    result = aggregate(batch([again, copy]), url, no_cache())
    assert [end["as"] for end in result.finished] == ["stored", "duplicates"]
    assert result.rejections == []


def test_a_batch_that_was_stored_and_removed_before_it_is_repeated_is_counted_once(url: str):
    """Its poller was killed before the commit, and its day went before another took it over."""
    old = post("negative", at=NOON - 2 * DAY)
    aggregate(batch([old]), url, no_cache())
    assert sweep(url, 1, NOON).posts == 1
    result = aggregate(batch([old]), url, no_cache())
    assert [end["as"] for end in result.finished] == ["stored"]
    assert _read_rows(url).stored == 1


def test_sessions_that_ran_out_and_notifications_that_are_settled_go(url: str):
    with postgres.transaction(url) as connection:
        key = keys.create_key(connection, "ann", ["read"])
        connection.execute("INSERT INTO sessions VALUES ('\\x01', %s, %s)", (key.id, NOON - timedelta(seconds=1)))
        connection.execute("INSERT INTO sessions VALUES ('\\x02', %s, %s)", (key.id, NOON + timedelta(seconds=1)))
        draft = {"name": "storm", "threshold": 0.5, "minimum_posts": 1, "webhook_url": "https://example.org/"}
        rules.create_rule(connection, RuleDraft.model_validate(draft))
    aggregate(batch([post("negative")]), url, no_cache())
    judge(url, NOON)
    with postgres.transaction(url) as connection:
        [claimed] = notifications.claim(connection, NOON, 1)
        notifications.delivered(connection, claimed, NOON)
    swept = sweep(url, 30, NOON)
    assert (swept.sessions, swept.notifications) == (1, 0)
    assert sweep(url, 30, NOON + 32 * DAY).notifications == 1
