"""Posts by pages, rollups by windows, answers by the cache: what the API reads."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
import redis as redis_py

from barometer.cursors import Cursor
from barometer.errors import InvalidInputError, NotFoundError
from barometer.posts import ScoredPost
from barometer.rollups import Counts, Span, Subject
from barometer.steps.aggregate import aggregate
from barometer.stores import postgres, rollups
from barometer.stores import posts as store
from barometer.stores import redis as door
from barometer.stores.cache import Cache
from barometer.stores.posts import PostFilter
from tests.cluster import keys
from tests.scored import NOON, batch, no_cache, post

MINUTE = timedelta(minutes=1)


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO topics (name, query) VALUES ('tea', 'tea'), ('rain', 'rain')")
    yield postgres_url
    postgres.pool(postgres_url).close()


def write(url: str, *posts: ScoredPost) -> None:
    assert len(aggregate(batch(posts), url, no_cache()).finished) == len(posts)


def found(url: str, **wanted: object) -> list[str]:
    with postgres.transaction(url) as connection:
        page = store.select(connection, PostFilter(**wanted), limit=50)  # type: ignore[arg-type]  # as a test says it
    return [item.text for item in page.items]


def test_a_post_is_shown_as_it_was_when_it_was_told_downstream(url: str):
    said = post("negative", "fear", topics=["tea"], author="ann", url="https://example.org/", source_id="9")
    write(url, said)
    with postgres.transaction(url) as connection:
        [item] = store.select(connection, PostFilter(), limit=1).items
        assert item.as_public() == said.as_public()
        assert store.get(connection, uuid.UUID(said.post.id)) == item
        with pytest.raises(NotFoundError):
            store.get(connection, uuid.uuid4())


def test_pages_show_every_post_once_newest_first_while_others_arrive(url: str):
    # three of each second: the id decides among them
    posts = [post(at=NOON - timedelta(seconds=n // 3, days=n // 20)) for n in range(60)]
    write(url, *posts)
    expected = [p.post.id for p in sorted(posts, key=lambda p: (p.post.created_at, uuid.UUID(p.post.id)), reverse=True)]
    seen: list[str] = []
    cursor = None
    for _ in range(20):
        with postgres.transaction(url) as connection:
            page = store.select(connection, PostFilter(), limit=7, cursor=cursor)
        seen += [str(item.id) for item in page.items]
        if page.next_cursor is None:
            break
        cursor = Cursor.decode(page.next_cursor.encode())
        write(url, post(at=NOON + MINUTE))
    assert seen == expected


def test_a_page_that_is_just_full_has_no_next(url: str):
    write(url, *(post(at=NOON + n * MINUTE) for n in range(3)))
    with postgres.transaction(url) as connection:
        assert store.select(connection, PostFilter(), limit=3).next_cursor is None
        assert store.select(connection, PostFilter(topic="none"), limit=3).items == []


def test_each_filter_finds_its_posts_and_all_of_them_together_theirs(url: str):
    write(
        url,
        post("positive", "joy", text="green tea", topics=["tea"], author="ann", source="one", lang="en"),
        post("negative", "anger", text="rain and tea", topics=["tea", "rain"], author="bob", source="two", lang="de"),
        post(None, text="no mood", at=NOON + MINUTE),
    )
    assert found(url) == ["no mood", *found(url, topic="tea")]
    assert set(found(url, topic="tea")) == {"green tea", "rain and tea"}
    for wanted in (
        {"topic": "rain"},
        {"sentiment": "negative"},
        {"emotion": "anger"},
        {"author": "bob"},
        {"source": "two"},
        {"lang": "de"},
        {"q": "RAIN"},
        {"topic": "tea", "sentiment": "negative", "source": "two", "q": "tea -green", "until": NOON + MINUTE},
    ):
        assert found(url, **wanted) == ["rain and tea"]
    assert found(url, since=NOON + MINUTE) == ["no mood"]
    assert len(found(url, until=NOON + MINUTE)) == 2
    assert found(url, topic="tea", source="three") == []


@pytest.mark.parametrize("words", ["", "''", '"', "!!! & | (", "-", "or or", "%s {} \\", "🌧️"])
def test_no_words_break_the_search(url: str, words: str):
    write(url, post())
    assert found(url, q=words) == []


def test_a_page_far_back_does_not_read_the_days_after_it(url: str):
    write(url, *(post(at=NOON - timedelta(days=n)) for n in range(4)))
    with postgres.transaction(url) as connection:
        plan = connection.execute(
            "EXPLAIN SELECT id FROM posts WHERE created_at <= %(at)s AND (created_at, id) < (%(at)s, %(id)s)"
            " ORDER BY created_at DESC, id DESC LIMIT 2",
            {"at": NOON - timedelta(days=2), "id": uuid.uuid4()},
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "posts_20260301" in text
    assert "posts_20260303" not in text
    assert "posts_20260304" not in text


def test_a_summary_counts_its_window_and_the_one_before_and_nothing_else(url: str):
    write(
        url,
        post("positive", at=NOON + 5 * MINUTE),  # ahead: counted when its minute comes
        post("positive", "joy", topics=["tea"]),
        post("negative", at=NOON - 4 * MINUTE, source="other"),
        post("negative", at=NOON - 5 * MINUTE, topics=["tea"]),
        post(None, at=NOON - 9 * MINUTE),
        post("neutral", at=NOON - 10 * MINUTE),
    )
    window = Span.parse("5m", "window")
    with postgres.transaction(url) as connection:
        every = rollups.summary(connection, Subject(), window, NOON)
        tea = rollups.summary(connection, Subject("tea"), window, NOON)
        other = rollups.summary(connection, Subject(source="other"), window, NOON)
        nobody = rollups.summary(connection, Subject("nobody"), window, NOON)
    assert (every.counts.posts, every.counts.positive, every.counts.negative, every.counts.joy) == (2, 1, 1, 1)
    assert (every.previous.posts, every.previous.unscored, every.previous.negative) == (2, 1, 1)
    assert every.counts.score == 0.0
    assert (tea.counts.posts, tea.previous.posts) == (1, 1)
    assert (other.counts.negative, other.previous.posts) == (1, 0)
    assert (nobody.counts, nobody.previous) == (Counts(), Counts())


def test_a_trend_has_no_gaps_and_adds_up_to_the_summary(url: str):
    write(url, *(post("positive", at=NOON - n * 7 * MINUTE) for n in range(12)))
    window, bucket = Span.parse("1h", "window"), Span.parse("10m", "bucket")
    with postgres.transaction(url) as connection:
        shown = rollups.trend(connection, Subject(), window, bucket, NOON)
        minutes = rollups.trend(connection, Subject(), window, Span.parse("1m", "bucket"), NOON)
        summary = rollups.summary(connection, Subject(), window, NOON)
        with pytest.raises(InvalidInputError):
            rollups.trend(connection, Subject(), window, Span.parse("7m", "bucket"), NOON)
    assert [at.minute for at, _ in shown.points] == [10, 20, 30, 40, 50, 0]
    assert [counts.posts for _, counts in shown.points] == [2, 1, 2, 1, 1, 1]
    assert len(minutes.points) == 60
    assert sum(counts.posts for _, counts in minutes.points) == summary.counts.posts == 9


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


def test_an_answer_is_kept_until_one_of_its_topics_changes(redis_url: str):
    with door.client(redis_url) as client:
        cache = Cache(client, 60)
        made: list[bytes] = []

        def make() -> bytes:
            made.append(b"%d" % len(made))
            return made[-1]

        def ask(*topics: str) -> bytes:
            return cache.get_or_make("compare:1h", topics, make)

        assert [ask("tea", "rain"), ask("tea", "rain")] == [b"0", b"0"]
        cache.forget(["other"])
        assert ask("tea", "rain") == b"0"
        cache.forget(["rain"])
        assert ask("tea", "rain") == b"1"
        cache.forget(["tea", "*"])
        assert [ask("tea", "rain"), ask("tea", "rain")] == [b"2", b"2"]
        assert all(0 < client.ttl(key) <= 120 for key in keys(redis_url, "barometer:cache:*"))


def test_an_answer_made_from_older_rollups_is_not_kept_for_the_newer(redis_url: str):
    """A reader reads the rollups; a batch commits and says so; then the reader stores what it read."""
    with door.client(redis_url) as client:
        cache = Cache(client, 60)

        def overtaken() -> bytes:
            cache.forget(["tea"])
            return b"old"

        assert cache.get_or_make("summary", ["tea"], overtaken) == b"old"
        assert cache.get_or_make("summary", ["tea"], lambda: b"new") == b"new"


def test_a_redis_that_is_down_means_no_cache_and_is_not_asked_every_time():
    client = redis_py.Redis(unix_socket_path="/nowhere/redis.sock", socket_timeout=1)
    cache = Cache(client, 60)
    cache.forget(["tea"])
    assert cache.get_or_make("summary", ["tea"], lambda: b"made") == b"made"
    assert cache._rests_until > 0


def test_a_cache_of_no_seconds_keeps_nothing(redis_url: str):
    with door.client(redis_url) as client:
        cache = Cache(client, 0)
        cache.forget(["tea"])
        assert cache.get_or_make("summary", ["tea"], lambda: b"made") == b"made"
        assert keys(redis_url, "*") == []


def test_aggregate_makes_kept_answers_stale(url: str, redis_url: str):
    with door.client(redis_url) as client:
        cache = Cache(client, 60)
        answers = [cache.get_or_make("summary", [topic], lambda: b"old") for topic in ("*", "tea", "rain")]
        assert answers == [b"old"] * 3
        aggregate(batch([post(topics=["tea"])]), url, cache)
        answers = [cache.get_or_make("summary", [topic], lambda: b"new") for topic in ("*", "tea", "rain")]
        assert answers == [b"new", b"new", b"old"]
