"""The lexicon behind the Analyzer interface."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from barometer.analyzers import analyzer
from barometer.analyzers.lexicon import LexiconAnalyzer
from barometer.errors import SettingsError
from barometer.scores import SCALE

VADER = SentimentIntensityAnalyzer()
MOODS = [
    "great",
    "good",
    "awful",
    "bad",
    "not",
    "very",
    "the",
    "tram",
    "but",
    "hate",
    "love",
    "ok",
    "meh",
    "!",
    "?",
    "😀",
    "😡",
]


def vaders_label(text: str) -> str:
    compound = VADER.polarity_scores(text)["compound"]
    return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"


@settings(deadline=None)
@given(st.lists(st.sampled_from(MOODS), min_size=1, max_size=12).map(" ".join))
def test_the_label_is_vaders_own(text: str):
    (score,) = analyzer("vader").analyze([text])
    assert score.sentiment is not None
    assert score.sentiment.label == vaders_label(text)
    assert sum(score.sentiment.shares) == SCALE


@pytest.mark.parametrize(
    ("compound", "label"),
    [
        (0.05, "positive"),
        (0.0499, "neutral"),
        (-0.0499, "neutral"),
        (-0.05, "negative"),
        (1, "positive"),
        (-1, "negative"),
    ],
)
def test_the_bands_begin_where_vaders_begin(compound: float, label: str):
    assert LexiconAnalyzer()._sentiment(compound).label == label


def test_scores_come_in_the_order_of_the_texts_and_say_who_gave_them():
    scores = analyzer("vader").analyze(["I love this!", "the train leaves at nine", "I hate this"])
    assert [score.sentiment.label for score in scores if score.sentiment] == ["positive", "neutral", "negative"]
    assert {score.model for score in scores} == {"vader"}


def test_emotions_are_absent_not_guessed():
    assert analyzer("vader").analyze(["I am so angry"])[0].emotion is None


def test_no_texts_have_no_scores():
    assert analyzer("vader").analyze([]) == []


def test_the_longest_post_of_emoji_is_scored_in_seconds_not_half_a_minute():
    began = time.process_time()
    (score,) = analyzer("vader").analyze(["🎉" * 10_000])
    assert time.process_time() - began < 10
    assert score.sentiment is not None
    assert score.sentiment.label == "positive"


def test_a_long_text_is_the_mean_of_its_pieces():
    model = LexiconAnalyzer()
    glad = "We had a wonderful and brilliant day at the sea, " + "and so on " * 15 + "and so forth."
    sad = "Then came the awful, horrible and disastrous journey home, " + "and so on " * 15 + "and so forth."
    alone = [model._compound(glad), model._compound(sad)]
    assert model._compound(f"{glad} {sad}") == pytest.approx(sum(alone) / 2)


def test_an_analyzer_is_loaded_once():
    assert analyzer("vader") is analyzer("vader")


def test_an_unknown_model_is_refused_by_the_name_of_its_variable():
    with pytest.raises(SettingsError, match=r"BAROMETER_MODEL: there is no analyzer 'oracle'; there is: .*vader"):
        analyzer("oracle")
