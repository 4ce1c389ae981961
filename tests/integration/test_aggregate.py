"""The step ``aggregate`` on a real Postgres: once each, whatever is repeated, copied, raced or broken."""

import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import psycopg
import pytest

from barometer.errors import UnavailableError
from barometer.events import BatchResult
from barometer.posts import ScoredPost
from barometer.rollups import Span, Subject
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution, Score
from barometer.steps.aggregate import MOST_EVENT_BYTES, aggregate
from barometer.stores import postgres, rollups
from functions.aggregate import app
from infra.local.audit import _read_rows
from tests.scored import NOON, batch, event, no_cache, post


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    postgres.pool(postgres_url).close()


def run(url: str, posts: list[Any]) -> BatchResult:
    return aggregate(batch(posts), url, no_cache())


def outcomes(result: BatchResult) -> list[str]:
    """What became of the records that ended, in the order of the batch."""
    ends = {int(end["itemIdentifier"].partition("-")[2]): end["as"] for end in result.finished}
    return [ends[n] for n in sorted(ends)]


def posts_in(url: str) -> int:
    """How many rows there are, having checked that the rollups say the same."""
    rows = _read_rows(url)
    assert rows.differences == []
    return rows.posts


def make_topics(url: str, *names: str) -> None:
    with psycopg.connect(url) as connection:
        for name in names:
            connection.execute("INSERT INTO topics (name, query) VALUES (%s, %s)", (name, name))


def test_posts_and_rollups_are_stored_and_told_downstream(url: str):
    make_topics(url, "tea")
    first, second = post("positive", "joy", topics=["tea"]), post(None, at=NOON + timedelta(minutes=2))
    result = run(url, [first, second])
    assert outcomes(result) == ["stored", "stored"]
    assert posts_in(url) == 2
    assert [(record["to"], record["body"]) for record in result.records] == [
        ("stored", {"topics": ["*", "tea"], "minutes": ["2026-03-04T12:00:00+00:00", "2026-03-04T12:02:00+00:00"]}),
        ("events", {"posts": [first.as_public(), second.as_public()]}),
        ("metrics", {"topics": ["*", "tea"]}),
    ]


def test_every_field_of_a_post_is_kept(url: str):
    said = post(
        "negative",
        "anger",
        source_id="7",
        author="ann",
        url="https://example.org/7",
        metadata={"nested": [1, {"ß": None}]},
        text="Quotes \" ' \\ and {braces}, tabs\tand 🌧️",
    )
    run(url, [said])
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT source_id, author, url, metadata, text, lang, sentiment, sentiment_shares, emotion, emotion_shares,"
            " model, corrected FROM posts"
        ).fetchone()
    sentiment, emotion = said.score.sentiment, said.score.emotion
    assert sentiment is not None
    assert emotion is not None
    assert row == (
        *("7", "ann", "https://example.org/7", {"nested": [1, {"ß": None}]}, said.post.text, "en"),
        *("negative", list(sentiment.shares), "anger", list(emotion.shares), "test", False),
    )


def test_a_batch_repeated_after_a_crash_changes_nothing_and_reports_the_same(url: str):
    posts = [post("positive"), post("negative"), post(None)]
    first = run(url, posts)
    assert run(url, posts) == first
    assert posts_in(url) == 3


def test_posts_whose_rollups_cannot_be_written_are_not_stored_either(url: str, monkeypatch: pytest.MonkeyPatch):
    """As a crash between the two would leave it."""
    from barometer.steps import aggregate as step

    def broken(*_: object) -> None:
        raise psycopg.errors.QueryCanceled

    posts = [post("positive"), post("negative")]
    with monkeypatch.context() as crash:
        crash.setattr(step.rollups, "apply", broken)
        with pytest.raises(psycopg.errors.QueryCanceled):
            run(url, posts)
    assert posts_in(url) == 0
    assert outcomes(run(url, posts)) == ["stored", "stored"]
    assert posts_in(url) == 2


def test_a_second_copy_of_a_post_is_a_duplicate_and_told_to_nobody(url: str):
    original = post("positive")
    run(url, [original])
    copy = post("positive", id=original.post.id)
    result = run(url, [copy])
    assert outcomes(result) == ["duplicates"]
    assert result.records == []
    assert posts_in(url) == 1


def test_of_copies_within_a_batch_the_first_is_stored(url: str):
    original = post("positive")
    copies = [original, post("negative", id=original.post.id), post("neutral"), post(id=original.post.id)]
    assert outcomes(run(url, copies)) == ["stored", "duplicates", "stored", "duplicates"]
    assert outcomes(run(url, copies[1:])) == ["duplicates", "stored", "duplicates"]
    assert posts_in(url) == 2


def test_a_post_that_postgres_refuses_is_rejected_alone(url: str):
    posts = [post() for _ in range(7)]
    posts[3] = post(text="a NUL \x00 inside")
    posts[5] = post(metadata={"nul": "\x00"})
    result = run(url, posts)
    assert [rejection["itemIdentifier"] for rejection in result.rejections] == ["1700000000000-3", "1700000000000-5"]
    assert all(rejection["reason"].startswith("cannot be stored: ") for rejection in result.rejections)
    assert outcomes(result) == ["stored"] * 5
    assert posts_in(url) == 5


def test_topics_that_no_longer_exist_are_dropped(url: str):
    make_topics(url, "tea")
    result = run(url, [post(topics=["gone", "tea"]), post(topics=["gone"])])
    assert result.records[0]["body"]["topics"] == ["*", "tea"]
    assert [shown["topics"] for shown in result.records[1]["body"]["posts"]] == [["tea"], []]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT DISTINCT topic FROM rollups ORDER BY 1").fetchall() == [("*",), ("tea",)]
        assert sorted(connection.execute("SELECT topics FROM posts").fetchall()) == [([],), (["tea"],)]


def test_a_topic_cannot_be_deleted_under_a_batch_that_counts_it(url: str):
    """The deletion waits for the batch, and then finds its rollups."""
    make_topics(url, "tea")
    with postgres.transaction(url) as connection, psycopg.connect(url, autocommit=True) as other:
        from barometer.stores import posts

        assert posts.existing_topics(connection, {"tea", "gone"}) == {"tea"}
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("DELETE FROM topics WHERE name = 'tea'")


def test_posts_of_many_days_make_their_partitions(url: str):
    days = [post(at=NOON - timedelta(days=n)) for n in range(5)]
    assert outcomes(run(url, days)) == ["stored"] * 5
    assert posts_in(url) == 5
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute("SELECT relname FROM pg_inherits JOIN pg_class"
                 " ON oid = inhrelid WHERE inhparent = 'posts'::regclass ORDER BY 1")]  # fmt: skip
    assert names == [f"posts_202603{day:02}" if day > 0 else "posts_20260228" for day in range(5)]


def test_a_post_at_the_turn_of_a_day_lies_in_the_day_of_utc(url: str):
    last = datetime(2026, 3, 4, 23, 59, 59, 999_999, tzinfo=UTC)
    run(url, [post(at=last), post(at=last + timedelta(microseconds=1))])
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM posts_20260304").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM posts_20260305").fetchone() == (1,)


def test_times_are_read_in_whatever_zone_they_were_written(url: str):
    run(url, [post(created_at="2026-03-05T01:00:30+02:00")])
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT minute AT TIME ZONE 'UTC' FROM rollups").fetchone() == (
            datetime(2026, 3, 4, 23, 0),  # noqa: DTZ001 (what Postgres gives for AT TIME ZONE)
        )


def test_two_batches_with_the_same_posts_at_once_store_each_once(url: str):
    rounds, at_once = 8, 4
    for _ in range(rounds):
        shared = [post(random.choice(SENTIMENTS)) for _ in range(30)]  # noqa: S311 (a test's dice)

        def copies(seed: int, shared: list[ScoredPost] = shared) -> list[ScoredPost]:
            again = [post(item.score.sentiment.label, id=item.post.id) for item in shared if item.score.sentiment]
            random.Random(seed).shuffle(again)  # noqa: S311 (a test's dice)
            return again

        with ThreadPoolExecutor(at_once) as executor:
            results = list(executor.map(lambda seed: run(url, copies(seed)), range(at_once)))
        ended = [outcome for result in results for outcome in outcomes(result)]
        assert ended.count("stored") == 30
        assert ended.count("duplicates") == 30 * (at_once - 1)
        assert all(not result.failures and not result.rejections for result in results)
    assert posts_in(url) == rounds * 30


def test_batches_at_once_on_a_new_day_make_its_partition_once(url: str):
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(lambda _: run(url, [post() for _ in range(5)]), range(4)))
    assert [outcomes(result) for result in results] == [["stored"] * 5] * 4
    assert posts_in(url) == 20


def test_after_random_batches_the_rollups_equal_a_recount(url: str):
    dice = random.Random(20260304)  # noqa: S311 (a test's dice)
    topics = ["tea", "rain", "war"]
    make_topics(url, *topics)

    def distribution(labels: tuple[str, ...]) -> Distribution:
        return Distribution.of(labels, [dice.random() for _ in labels])

    def said() -> ScoredPost:
        scored = post(
            at=NOON + timedelta(seconds=dice.randint(-90_000, 90_000)),
            source=dice.choice(["one", "two"]),
            topics=dice.sample([*topics, "gone"], dice.randint(0, 4)),
        )
        sentiment = distribution(SENTIMENTS) if dice.random() < 0.9 else None
        emotion = distribution(EMOTIONS) if sentiment and dice.random() < 0.7 else None
        return ScoredPost(scored.post, Score(sentiment, emotion, "test" if sentiment else None))

    everything = [said() for _ in range(400)]
    batches = [everything[start:end] for start, end in pairwise(range(0, 401, 40))]
    repeated = dice.choices(batches, k=5)
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda some: run(url, some), [*batches, *repeated]))
    assert posts_in(url) == 400
    with postgres.transaction(url) as connection:
        whole = rollups.summary(connection, Subject(), Span.parse("5d", "window"), NOON + timedelta(days=2))
    assert whole.counts.posts == 400
    assert whole.counts.score_sum == sum(
        scored.score.sentiment.shares[0] - scored.score.sentiment.shares[2]
        for scored in everything
        if scored.score.sentiment
    )


def test_large_posts_are_told_in_parts_that_fit(url: str):
    posts = [post(text="ü" * 9_000) for _ in range(40)]
    result = run(url, posts)
    parts = [record["body"]["posts"] for record in result.records if record["to"] == "events"]
    assert [shown["id"] for part in parts for shown in part] == [said.post.id for said in posts]
    assert len(parts) > 1
    assert all(len(orjson.dumps(part)) <= MOST_EVENT_BYTES for part in parts)


def test_the_handler_stores_what_the_example_event_says(url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch):
    from tests.scored import Context, example

    monkeypatch.setenv("BAROMETER_DATABASE_URL", url)
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_url)
    response = app.handler(example("aggregate"), Context())
    assert [end["as"] for end in response["finished"]] == ["stored", "stored"]
    assert response["batchItemFailures"] == response["rejections"] == []
    assert posts_in(url) == 2


def test_a_database_that_is_away_fails_the_whole_batch(tmp_path: Any):
    url = f"postgresql:///none?host={tmp_path}&connect_timeout=1"
    with pytest.raises(UnavailableError):
        aggregate(batch([post()]), url, no_cache())
    postgres.pool(url).close()


def test_ids_that_vanish_meanwhile_are_tried_again(url: str, monkeypatch: pytest.MonkeyPatch):
    """Retention may take a key between the insert that met it and the look at whose it is."""
    from barometer.steps import aggregate as step
    from barometer.stores.posts import Inserted

    monkeypatch.setattr(step.posts, "insert_batch", lambda *_: Inserted(frozenset(), {}))
    result = aggregate(batch([post(id=str(uuid.uuid4()))]), url, no_cache())
    assert result.failures == [{"itemIdentifier": event([""])["Records"][0]["messageId"]}]
