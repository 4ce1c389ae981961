from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import InvalidInputError
from barometer.rollups import (
    ALL_TOPICS,
    Counts,
    RollupKey,
    Span,
    Subject,
    Summary,
    check_buckets,
    deltas,
    floor,
    trend,
    values,
)
from tests.scored import NOON, post, score

MINUTE = NOON.replace(second=0)


def test_a_post_adds_to_the_rollup_of_each_of_its_topics_and_of_all():
    scored = post("negative", "anger", topics=["tea", "rain"])
    added = deltas([(scored, NOON)])
    assert set(added) == {RollupKey(topic, MINUTE, "test") for topic in ("*", "tea", "rain")}
    assert set(added.values()) == {Counts(posts=1, negative=1, score_sum=1_000 - 8_000, anger=1)}


def test_a_topic_named_twice_counts_a_post_once():
    added = deltas([(post(topics=["tea", "tea"]), NOON)])
    assert added[RollupKey("tea", MINUTE, "test")].posts == 1


def test_posts_of_one_minute_topic_and_source_add_up_and_others_stay_apart():
    added = deltas(
        [
            (post("positive"), NOON),
            (post("negative"), NOON + timedelta(seconds=29)),
            (post("positive"), NOON + timedelta(seconds=30)),
            (post("positive", source="other"), NOON),
        ]
    )
    assert {(key.minute, key.source): counts.posts for key, counts in added.items()} == {
        (MINUTE, "test"): 2,
        (MINUTE + timedelta(minutes=1), "test"): 1,
        (MINUTE, "other"): 1,
    }
    assert added[RollupKey(ALL_TOPICS, MINUTE, "test")].score_sum == 0


def test_an_unscored_post_is_counted_and_not_guessed():
    counts = Counts.of(score(None))
    assert counts == Counts(posts=1, unscored=1)
    assert counts.scored == 0
    assert counts.score is None


def test_neutral_emotion_and_neutral_sentiment_are_counted_apart():
    counts = Counts.of(score("positive", "neutral"))
    assert counts.as_sentiments() == {"positive": 1, "neutral": 0, "negative": 0}
    assert counts.as_emotions()["neutral"] == 1


def test_the_score_is_the_mean_over_scored_posts_only():
    counts = Counts.total([Counts.of(score("positive")), Counts.of(score("neutral")), Counts.of(score(None))])
    assert counts.score == pytest.approx((0.7 + 0.0) / 2)


@given(
    st.lists(st.tuples(st.sampled_from(["positive", "neutral", "negative", None]), st.integers(0, 300)), max_size=40)
)
def test_in_whatever_batches_posts_come_the_sums_are_the_same(moods: list[tuple[str | None, int]]):
    posts = [(post(mood), NOON + timedelta(seconds=offset)) for mood, offset in moods]
    at_once = deltas(posts)
    one_by_one: dict[RollupKey, Counts] = {}
    for single in reversed(posts):
        for key, counts in deltas([single]).items():
            one_by_one[key] = Counts.total([one_by_one.get(key, Counts()), counts])
    assert at_once == one_by_one
    assert sum(counts.posts for counts in at_once.values()) == len(posts)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("5m", 300), ("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("31d", 2_678_400)]
)
def test_a_span_reads_minutes_hours_and_days(text: str, seconds: int):
    span = Span.parse(text, "window")
    assert (span.seconds, span.text) == (seconds, text)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0m", "-5m", "5s", "5 m", "5m\n", "1.5h", "\u0665m", "32d", "99999h", "1h30m"]
)
def test_what_is_no_span_names_its_field(text: str):
    with pytest.raises(InvalidInputError) as refused:
        Span.parse(text, "window")
    assert refused.value.field == "window"


def test_a_window_ends_with_the_running_minute():
    assert Span("5m", 300).ending(NOON) == (MINUTE - timedelta(minutes=4), MINUTE + timedelta(minutes=1))


def test_a_window_that_ends_on_the_minute_begins_the_next():
    assert Span("5m", 300).ending(MINUTE) == Span("5m", 300).ending(NOON)


@given(st.integers(-(10**15), 4 * 10**15), st.sampled_from([60, 3600, 86400]))
def test_floor_is_the_last_step_not_after(microseconds: int, step: int):
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    floored = floor(at, step)
    assert timedelta(0) <= at - floored < timedelta(seconds=step)
    assert floored.timestamp() % step == 0


def test_a_trend_has_every_bucket_in_order_and_ends_with_the_running_one():
    counted = {MINUTE - timedelta(minutes=10): Counts(posts=3)}
    laid_out = trend(Subject(), Span("30m", 1800), Span("10m", 600), NOON, counted)
    assert laid_out.points == [
        (MINUTE - timedelta(minutes=20), Counts()),
        (MINUTE - timedelta(minutes=10), Counts(posts=3)),
        (MINUTE, Counts()),
    ]
    shown = laid_out.as_public()
    assert shown["bucket_seconds"] == 600
    assert [point["posts"] for point in shown["points"]] == [0, 3, 0]
    assert shown["points"][0]["score"] is None


@pytest.mark.parametrize(("window", "bucket"), [("1h", "7m"), ("5m", "1h"), ("31d", "1m"), ("8d", "5m")])
def test_buckets_that_do_not_fit_the_window_are_refused(window: str, bucket: str):
    with pytest.raises(InvalidInputError) as refused:
        check_buckets(Span.parse(window, "window"), Span.parse(bucket, "bucket"))
    assert refused.value.field == "bucket"


def test_a_week_of_five_minutes_is_not_too_much():
    check_buckets(Span.parse("7d", "window"), Span.parse("5m", "bucket"))


def test_a_summary_shows_its_window_and_the_one_before():
    since, until = Span("1h", 3600).ending(NOON)
    counts = Counts.total([Counts.of(score("negative", "fear")), Counts.of(score(None))])
    shown = Summary(Subject("tea", "test"), Span("1h", 3600), since, until, counts, Counts()).as_public()
    assert shown["topic"] == "tea"
    assert shown["source"] == "test"
    assert shown["window"] == "1h"
    assert shown["since"] == "2026-03-04T11:01:00+00:00"
    assert shown["until"] == "2026-03-04T12:01:00+00:00"
    assert shown["posts"] == 2
    assert shown["unscored"] == 1
    assert shown["sentiment"] == {"positive": 0, "neutral": 0, "negative": 1}
    assert shown["score"] == -0.7
    assert shown["emotions"]["fear"] == 1
    assert shown["previous"]["posts"] == 0
    assert shown["previous"]["score"] is None


def test_the_columns_and_the_values_of_counts_have_one_order():
    assert values(Counts(posts=1, unscored=2, surprise=13)) == (1, 2, *[0] * 10, 13)
