"""The simulator: the same seed writes the same posts, and a lexicon can tell the mood that made them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from barometer.topics import Topic, TopicMatcher
from infra.feeds.simulate import Simulator, rhythm, starter_topics
from infra.feeds.simulate.grammar import Grammar
from infra.feeds.simulate.moods import STRONG
from infra.feeds.simulate.simulator import REPEAT_ONE_IN
from infra.feeds.simulate.storms import StormPlan
from infra.feeds.source import raw_post

NOW = datetime(2025, 11, 22, 12, tzinfo=UTC)


def simulated(seed: int, count: int) -> list[dict[str, Any]]:
    simulator = Simulator(seed)
    return [simulator.next(NOW).post for _ in range(count)]


@pytest.fixture(scope="module")
def posts() -> list[dict[str, Any]]:
    return simulated(1, 6_000)


def truth(post: dict[str, Any]) -> dict[str, Any]:
    return post["metadata"]["truth"]


def test_the_same_seed_writes_the_same_posts_at_any_time():
    early, late = Simulator(7), Simulator(7)
    for _ in range(1_000):
        one = early.next(NOW).post
        other = late.next(NOW + timedelta(hours=7)).post
        assert {**one, "created_at": ""} == {**other, "created_at": ""}


def test_another_seed_writes_other_posts():
    assert {post["text"] for post in simulated(1, 200)}.isdisjoint(post["text"] for post in simulated(2, 200))


def test_a_simulator_started_again_does_not_repeat_ids():
    first, second = Simulator(7, run="a"), Simulator(7, run="b")
    assert first.next(NOW).post["source_id"] != second.next(NOW).post["source_id"]


def test_every_post_is_one_that_the_pipeline_takes(posts: list[dict[str, Any]]):
    for post in posts:
        raw_post(post, NOW, timedelta(days=30))


def test_texts_vary(posts: list[dict[str, Any]]):
    originals = {post["source_id"]: post["text"] for post in posts}
    assert len(set(originals.values())) > 0.95 * len(originals)


def test_a_lexicon_agrees_with_the_mood_of_strong_posts(posts: list[dict[str, Any]]):
    polarity = SentimentIntensityAnalyzer().polarity_scores
    agreed: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for post in posts:
        mood = truth(post)
        if mood["lang"] == "en" and mood["intensity"] >= STRONG:
            compound = polarity(post["text"])["compound"]
            said = "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"
            asked[mood["sentiment"]] += 1
            agreed[mood["sentiment"]] += said == mood["sentiment"]
    assert agreed.total() > 0.9 * asked.total()
    for sentiment in ("positive", "neutral", "negative"):
        assert agreed[sentiment] > 0.8 * asked[sentiment]


def test_starter_topics_find_exactly_their_posts(posts: list[dict[str, Any]]):
    matcher = TopicMatcher([Topic(name, query) for name, query in starter_topics().items()])
    for post in posts:
        topic = post["metadata"]["topic"]
        assert matcher.match(post["text"]) == ([topic] if topic else []), post["text"]


def test_a_few_posts_are_sent_twice_with_the_same_id(posts: list[dict[str, Any]]):
    repeats = [count for count in Counter(post["source_id"] for post in posts).values() if count > 1]
    assert 0.5 < len(repeats) * REPEAT_ONE_IN / len(posts) < 2


def test_a_few_percent_are_in_other_languages(posts: list[dict[str, Any]]):
    langs = Counter(truth(post)["lang"] for post in posts)
    assert set(langs) == {"en", "de", "es", "fr", "pt"}
    assert 0.02 < 1 - langs["en"] / len(posts) < 0.06


def test_posts_look_typed(posts: list[dict[str, Any]]):
    texts = [post["text"] for post in posts]
    for mark in ("#", "@", "https://", "!"):
        assert 0.03 < sum(mark in text for text in texts) / len(texts) < 0.8
    assert any(not text.isascii() for text in texts)
    assert any(text == text.lower() for text in texts)


def test_few_authors_say_much_and_many_say_little(posts: list[dict[str, Any]]):
    said = [count for _, count in Counter(post["author"] for post in posts).most_common()]
    assert len(said) > 500
    assert sum(said[: len(said) // 10]) > 0.35 * len(posts)


def test_a_storm_turns_the_mood_of_its_topic_alone():
    storm = StormPlan(1, list(starter_topics())).at(0)
    simulator = Simulator(1)
    moods: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    height = (storm.begin + 0.1 * (storm.end - storm.begin), storm.begin + 0.4 * (storm.end - storm.begin))
    for number in range(int(height[1] * 5)):
        post = simulator.next(NOW).post
        if number / 5 > height[0]:
            moods[post["metadata"]["topic"] == storm.topic][truth(post)["sentiment"]] += 1
    struck, spared = moods[True], moods[False]
    assert struck["negative"] > 0.7 * struck.total()
    assert spared["negative"] < 0.4 * spared.total()
    assert struck.total() > 0.3 * (struck.total() + spared.total())


def test_storms_come_one_after_another_and_never_twice_to_one_topic_in_a_row():
    plan = StormPlan(5, ["a", "b", "c"])
    storm = plan.at(0)
    for _ in range(50):
        assert storm.severity(storm.begin) == storm.severity(storm.end) == 0
        following = plan.at(storm.end)
        assert following.begin > storm.end
        assert following.topic != storm.topic
        storm = following


def test_the_day_has_a_rhythm_of_mean_one():
    hours = [rhythm(NOW.replace(hour=hour)) for hour in range(24)]
    assert sum(hours) / 24 == pytest.approx(1)
    assert min(hours) == hours[4] == pytest.approx(0.4)
    assert max(hours) == hours[16] == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ({"a": ("{b}",)}, "rule 'b', named by a, has no choices"),
        ({"a": ("{b}",), "b": ("x {a}",)}, "rule 'a' leads back to itself"),
    ],
)
def test_a_grammar_that_could_fail_while_composing_is_refused_when_made(rules: dict[str, tuple[str, ...]], fault: str):
    with pytest.raises(ValueError, match=fault):
        Grammar(rules)
