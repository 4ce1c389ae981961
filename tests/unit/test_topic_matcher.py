"""Many topics at once, and the words they look for."""

import time
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from barometer.topics import InvalidQueryError, Topic, TopicMatcher, parse
from barometer.words import Words, fold, words


def test_a_text_gets_the_names_of_all_its_topics_sorted():
    matcher = TopicMatcher(
        [Topic("rust", "rust -game"), Topic("cargo", "cargo OR crate"), Topic("both", "+rust +cargo")]
    )
    assert matcher.match("Cargo, the package manager of Rust") == ["both", "cargo", "rust"]
    assert matcher.match("Rust, the game") == []


def test_without_topics_nothing_matches():
    assert TopicMatcher([]).match("anything") == []


def test_a_topic_whose_query_cannot_be_read_is_refused():
    with pytest.raises(InvalidQueryError):
        TopicMatcher([Topic("bad", "a AND")])


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b -c", '"a b"', "+b +d", "#a", "a AND NOT (b OR c)", "c OR d"]), max_size=7),
    st.text("abcd #"),
)
def test_the_matcher_says_what_each_query_says_alone(queries: list[str], text: str):
    topics = [Topic(f"t{number}", query) for number, query in enumerate(queries)]
    alone = sorted(topic.name for topic in topics if parse(topic.query).matches(Words(text)))
    assert TopicMatcher(topics).match(text) == alone


@settings(deadline=None)
@given(st.text(max_size=80))
def test_case_and_composition_never_change_the_words(text: str):
    expected = words(fold(text))
    assert words(fold(unicodedata.normalize("NFD", text))) == expected
    assert words(fold(unicodedata.normalize("NFC", text))) == expected
    assert words(fold(fold(text))) == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_text_in_quotes_finds_itself(text: str):
    assume(not any(quote in text for quote in '"\u201c\u201d\u201e\x00'))
    assume(words(fold(text)))
    assert parse(f'"{text}"').matches(Words(f"before {text} after"))


def test_a_hundred_topics_cost_a_second_of_posts_less_than_a_second():
    topics = [Topic(f"t{number}", f"+subject{number} other{number} -noise") for number in range(100)]
    matcher = TopicMatcher(topics)
    posts = [
        f"post {number} about subject{number % 300} and the usual noise of the day, with a #tag"
        for number in range(5_000)
    ]
    began = time.process_time()
    for post in posts:
        matcher.match(post)
    # Some 0.1 s on one core of 2023; the bound is the promise of 5,000 posts a second.
    assert time.process_time() - began < 1.0
