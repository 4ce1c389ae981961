"""Topics in a real Postgres: what a client may do with them, and what ingest sees of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from barometer.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from barometer.stores import topics
from barometer.stores.postgres import pool
from barometer.stores.topics import compiled_topics, create_topic, delete_topic, get_topic, list_topics, update_topic
from barometer.topics import InvalidQueryError

MINUTE = datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@contextmanager
def asked_from(url: str) -> Iterator[str]:
    """The database as ingest asks it: nothing known before, no pool left behind."""
    topics._known.cache_clear()
    try:
        yield url
    finally:
        topics._known.cache_clear()
        pool(url).close()
        pool.cache_clear()


@pytest.fixture
def asked_url(postgres_url: str) -> Iterator[str]:
    with asked_from(postgres_url) as url:
        yield url


def store_post(connection: Connection[TupleRow], name: str, *others: str) -> None:
    """A post of these topics and its rollups, in a partition made for the test."""
    connection.execute("CREATE TABLE IF NOT EXISTS posts_test PARTITION OF posts DEFAULT")
    connection.execute(
        "INSERT INTO posts (id, created_at, received_at, source, text, topics)"
        " VALUES (gen_random_uuid(), %s, %s, 'test', 'a post', %s)",
        (MINUTE, MINUTE, [name, *others]),
    )
    for topic in (name, *others, "*"):
        connection.execute(
            "INSERT INTO rollups (topic, source, minute, posts) VALUES (%s, 'test', %s, 1) ON CONFLICT DO NOTHING",
            (topic, MINUTE),
        )


def test_a_topic_that_is_made_can_be_had_listed_and_changed(connection: Connection[TupleRow]):
    first = create_topic(connection, "rust", "rust -game")
    second = create_topic(connection, "transit", "tram")
    assert get_topic(connection, "rust") == first
    assert list_topics(connection) == [second, first]
    changed = update_topic(connection, "rust", "+rust +crate")
    assert (changed.name, changed.query, changed.created_at) == ("rust", "+rust +crate", first.created_at)
    assert changed.updated_at > first.updated_at
    assert get_topic(connection, "rust") == changed


def test_a_bad_topic_is_refused_by_the_field_at_fault(connection: Connection[TupleRow]):
    with pytest.raises(InvalidInputError) as refusal:
        create_topic(connection, "*", "a")
    assert refusal.value.field == "name"
    with pytest.raises(InvalidQueryError) as bad_query:
        create_topic(connection, "a", "a AND")
    assert bad_query.value.position == 5
    create_topic(connection, "a", "a")
    with pytest.raises(InvalidQueryError):
        update_topic(connection, "a", "(")
    assert get_topic(connection, "a").query == "a"


def test_a_second_topic_of_one_name_is_a_conflict_and_the_transaction_goes_on(connection: Connection[TupleRow]):
    with connection.transaction():
        create_topic(connection, "rust", "rust")
        with pytest.raises(ConflictError, match="'rust' already"):
            create_topic(connection, "rust", "other")
        create_topic(connection, "cargo", "cargo")
    assert {topic.name for topic in list_topics(connection)} == {"rust", "cargo"}
    assert get_topic(connection, "rust").query == "rust"


def test_there_are_no_more_topics_than_the_most(connection: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(topics, "MAX_TOPICS", 2)
    create_topic(connection, "a", "a")
    create_topic(connection, "b", "b")
    with pytest.raises(ConflictError, match="which is the most"):
        create_topic(connection, "c", "c")
    with pytest.raises(ConflictError, match="already"):
        create_topic(connection, "a", "a")


@pytest.mark.parametrize("act", [get_topic, delete_topic, lambda c, name: update_topic(c, name, "a")])
def test_a_topic_that_is_not_there_is_not_found(connection: Connection[TupleRow], act: Callable[..., object]):
    with pytest.raises(NotFoundError, match="there is no topic 'nothing'"):
        act(connection, "nothing")


def test_deleting_a_topic_takes_its_rollups_and_its_name_off_the_posts_and_nothing_else(
    connection: Connection[TupleRow],
):
    create_topic(connection, "rust", "rust")
    create_topic(connection, "cargo", "cargo")
    store_post(connection, "rust", "cargo")
    delete_topic(connection, "rust")
    assert [topic.name for topic in list_topics(connection)] == ["cargo"]
    assert connection.execute("SELECT topics FROM posts").fetchall() == [(["cargo"],)]
    assert connection.execute("SELECT topic FROM rollups ORDER BY topic").fetchall() == [("*",), ("cargo",)]


def test_a_deletion_that_is_rolled_back_changed_nothing(connection: Connection[TupleRow]):
    create_topic(connection, "rust", "rust")
    store_post(connection, "rust")
    with connection.transaction():
        delete_topic(connection, "rust")
        raise psycopg.Rollback
    assert get_topic(connection, "rust").query == "rust"
    assert connection.execute("SELECT topics FROM posts").fetchall() == [(["rust"],)]
    assert connection.execute("SELECT count(*) FROM rollups WHERE topic = 'rust'").fetchone() == (1,)


def test_a_deletion_waits_for_the_batch_that_is_storing_posts_of_its_topic(
    connection: Connection[TupleRow], postgres_url: str
):
    create_topic(connection, "rust", "rust")
    store_post(connection, "other")
    with psycopg.connect(postgres_url) as batch:
        # As aggregate does: the topics of its posts are locked before anything is written.
        batch.execute("SELECT name FROM topics WHERE name = 'rust' FOR KEY SHARE")
        pid = connection.info.backend_pid

        def delete() -> None:
            with connection.transaction():
                delete_topic(connection, "rust")

        deletion = threading.Thread(target=delete)
        deletion.start()
        with psycopg.connect(postgres_url, autocommit=True) as watcher:
            for _ in range(500):
                waits = watcher.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,)).fetchone()
                if waits == (True,):
                    break
                watcher.execute("SELECT pg_sleep(0.01)")
            assert waits == (True,)
        store_post(batch, "rust")
        batch.commit()
        deletion.join(20)
    assert not deletion.is_alive()
    assert connection.execute("SELECT count(*) FROM rollups WHERE topic = 'rust'").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM posts WHERE topics @> '{rust}'").fetchone() == (0,)


def test_ingest_sees_a_new_topic_when_its_matcher_is_no_longer_fresh(
    connection: Connection[TupleRow], asked_url: str, monkeypatch: pytest.MonkeyPatch
):
    assert compiled_topics(asked_url).match("rust") == []
    create_topic(connection, "rust", "rust")
    assert compiled_topics(asked_url).match("rust") == []
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    assert compiled_topics(asked_url).match("rust") == ["rust"]
    assert compiled_topics(asked_url) is compiled_topics(asked_url)
    update_topic(connection, "rust", "cargo")
    assert compiled_topics(asked_url).match("rust") == []


def test_a_stored_query_that_cannot_be_read_does_not_stop_the_other_topics(
    connection: Connection[TupleRow], asked_url: str
):
    create_topic(connection, "rust", "rust")
    connection.execute("INSERT INTO topics (name, query) VALUES ('broken', 'a AND')")
    assert compiled_topics(asked_url).match("a rust") == ["rust"]


def test_without_a_database_there_are_no_topics():
    assert compiled_topics("").match("rust") == []


def test_a_database_that_went_away_leaves_the_topics_known_for_a_while(
    connection: Connection[TupleRow], asked_url: str, monkeypatch: pytest.MonkeyPatch
):
    create_topic(connection, "rust", "rust")
    known = topics._Known(asked_url)
    assert known.current(0.0).match("rust") == ["rust"]

    def gone(_: object) -> None:
        raise UnavailableError("the database does not answer", "the server closed the connection")

    monkeypatch.setattr(topics._Known, "_read", gone)
    assert known.current(topics.STALE_SECONDS).match("rust") == ["rust"]
    known._asked_at = 0.0
    with pytest.raises(UnavailableError):
        known.current(topics.STALE_SECONDS + 1)


def test_a_database_that_was_never_there_is_an_error_not_an_empty_list(tmp_path: Path):
    with asked_from(f"postgresql:///none?host={tmp_path}") as url, pytest.raises(UnavailableError):
        compiled_topics(url)
