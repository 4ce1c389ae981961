"""A post at the edge and on its way."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.posts import MAX_TEXT, Post, RawPost, ScoredPost
from barometer.scores import EMOTIONS, SENTIMENTS, UNSCORED, Distribution, Score

NOW = datetime(2025, 11, 22, 12, tzinfo=UTC)
RETENTION = timedelta(days=30)
POST = Post(
    id="5a173870-bb2a-576e-b055-c7631af36382",
    receipt="r",
    text="hello",
    source="test",
    source_id=None,
    author="ada",
    created_at="2025-11-22T12:00:00+00:00",
    received_at="2025-11-22T12:00:01+00:00",
    url=None,
    lang="en",
    topics=["greetings"],
    metadata={"likes": 3},
)


def raw(**fields: object) -> RawPost:
    return RawPost.model_validate({"text": "hello", "source": "test"} | fields)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n\t"}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": "x" * (MAX_TEXT + 1)}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"text": 5}, "text"),
        ({"text": None}, "text"),
        ({"source": "Not A Source"}, "source"),
        ({"source": ""}, "source"),
        ({"source_id": ""}, "source_id"),
        ({"source_id": 5}, "source_id"),
        ({"author": "a" * 201}, "author"),
        ({"author": "a\nb"}, "author"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2025-11-22T12:00:00"}, "created_at"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"lang": "English, mostly"}, "lang"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str):
    with pytest.raises(ValidationError) as refusal:
        raw(**fields)
    assert [fault["loc"][0] for fault in refusal.value.errors()] == [field]


def test_the_longest_text_is_taken():
    assert len(raw(text="x" * MAX_TEXT).text) == MAX_TEXT


@settings(deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_a_text_that_is_taken_is_composed_trimmed_and_storable(text: str):
    try:
        taken = raw(text=text).text
    except ValidationError:
        return
    assert unicodedata.is_normalized("NFC", taken)
    assert taken == taken.strip() != ""
    assert "\x00" not in taken
    assert raw(text=taken).text == taken


@pytest.mark.parametrize(
    ("created_at", "field"),
    [
        (NOW + timedelta(minutes=5), None),
        (NOW + timedelta(minutes=5, seconds=1), "created_at"),
        (NOW - RETENTION, None),
        (NOW - RETENTION - timedelta(seconds=1), "created_at"),
    ],
)
def test_a_time_must_lie_within_the_retention_and_at_most_five_minutes_ahead(created_at: datetime, field: str | None):
    fault = raw(created_at=created_at.isoformat()).fault(NOW, RETENTION)
    assert (fault and fault[0]) == field


def test_a_post_with_a_source_id_has_one_id_whatever_else_is_said():
    first = raw(source_id="7", text="hello", author="a").post_id(NOW)
    assert first == raw(source_id="7", text="edited", author="b").post_id(NOW + timedelta(days=1))
    assert first != raw(source_id="7", source="other").post_id(NOW)


def test_an_id_is_the_same_on_every_machine_for_ever():
    assert raw(source_id="7").post_id(NOW) == "2828553c-8186-5b0e-ab3a-7ca5613b391a"


def test_without_a_source_id_the_words_their_author_and_time_are_the_id():
    same = raw(created_at=NOW.isoformat()).post_id(NOW)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    assert raw(created_at=elsewhere.isoformat()).post_id(NOW + timedelta(hours=1)) == same
    assert raw(created_at=NOW.isoformat(), author="ada").post_id(NOW) != same
    assert raw(created_at=NOW.isoformat(), text="hello!").post_id(NOW) != same
    assert raw().post_id(NOW + timedelta(seconds=1)) != raw().post_id(NOW)


@pytest.mark.parametrize(
    "score",
    [
        UNSCORED,
        Score(Distribution("positive", (7_000, 2_000, 1_000)), None, "vader"),
        Score(Distribution("neutral", (1, 9_998, 1)), Distribution("joy", (0, 0, 0, 10_000, 0, 0, 0)), "model"),
    ],
)
def test_a_scored_post_comes_out_of_its_json_as_it_went_in(score: Score):
    post = ScoredPost(POST, score)
    assert ScoredPost.from_json(orjson.loads(orjson.dumps(post.as_json()))) == post


def test_what_is_no_scored_post_is_not_read_as_one():
    for body in ({}, {"post": {}, "score": {"sentiment": None, "emotion": None, "model": None}}, {"post": {"id": 1}}):
        with pytest.raises((KeyError, TypeError)):
            ScoredPost.from_json(body)


def test_the_public_post_shows_probabilities_and_keeps_receipt_and_metadata_to_itself():
    shown = ScoredPost(POST, Score(Distribution("positive", (7_000, 2_000, 1_000)), None, "vader")).as_public()
    assert shown["sentiment"] == {"label": "positive", "positive": 0.7, "neutral": 0.2, "negative": 0.1}
    assert shown["emotion"] is None
    assert (shown["model"], shown["corrected"]) == ("vader", False)
    assert not {"receipt", "metadata"} & set(shown)
    both = ScoredPost(POST, Score(None, Distribution("joy", (0, 0, 0, 10_000, 0, 0, 0)), "m")).as_public()
    assert list(both["emotion"]) == ["label", *EMOTIONS]
    assert list(shown["sentiment"]) == ["label", *SENTIMENTS]
