"""How the labels of any checkpoint are read; no model is needed for it."""

from collections.abc import Sequence
from math import log

import pytest

from barometer.analyzers.hub_labels import Reading, emotions, sentiments
from barometer.errors import SettingsError
from barometer.scores import EMOTIONS, SENTIMENTS
from tests.checkpoints import GOEMOTIONS, HARTMANN, STARS


def mood(labels: Sequence[str], *, multi_label: bool = False, below: float = 0.9) -> Reading:
    return sentiments(dict(enumerate(labels)), multi_label=multi_label, neutral_below=below, checkpoint="CHECKPOINT")


def feeling(labels: Sequence[str], *, multi_label: bool = False) -> Reading:
    return emotions(dict(enumerate(labels)), multi_label=multi_label, checkpoint="CHECKPOINT")


def read_as(reading: Reading, width: int) -> list[str]:
    """What each output says when it alone is high."""
    return [reading.of([9.0 if at == column else -9.0 for at in range(width)]).label for column in range(width)]


@pytest.mark.parametrize(
    ("labels", "meanings"),
    [(("NEGATIVE", "POSITIVE"), "- +"), (("POS", "NEG", "NEU"), "+ - 0"), (("LABEL_0", "LABEL_1", "LABEL_2"), "- 0 +"),
     (("LABEL_0", "LABEL_1"), "- +"), (("0", "1"), "- +"), (STARS, "- - 0 + +"), (tuple(reversed(STARS)), "+ + 0 - -"),
     (("Very Positive", "very_negative", "Neutral", "negative", " positive "), "+ - 0 - +"),
     ([f"LABEL_{at}" for at in range(5)], "- - 0 + +")],
)  # fmt: skip
def test_the_ways_to_write_a_sentiment(labels: Sequence[str], meanings: str):
    signs = {"positive": "+", "neutral": "0", "negative": "-"}
    assert [signs[label] for label in read_as(mood(labels), len(labels))] == meanings.split()


def test_the_emotions_of_the_default_and_of_goemotions():
    assert read_as(feeling(HARTMANN), 7) == list(EMOTIONS)
    said = dict(zip(GOEMOTIONS, read_as(feeling(GOEMOTIONS, multi_label=True), 28), strict=True))
    assert {name for name, emotion in said.items() if emotion == "anger"} == {"anger", "annoyance", "disapproval"}
    assert {name for name, emotion in said.items() if emotion == "fear"} == {"fear", "nervousness"}
    sad = {"sadness", "disappointment", "embarrassment", "grief", "remorse"}
    assert {name for name, emotion in said.items() if emotion == "sadness"} == sad
    surprised = {"surprise", "realization", "confusion", "curiosity"}
    assert {name for name, emotion in said.items() if emotion == "surprise"} == surprised
    assert (said["disgust"], said["neutral"]) == ("disgust", "neutral")
    assert sum(emotion == "joy" for emotion in said.values()) == 12


def test_an_emotion_that_a_checkpoint_does_not_know_has_no_share():
    reading = feeling(("sadness", "joy", "love", "anger", "fear", "surprise"))
    shares = dict(zip(EMOTIONS, reading.of([0.0, 1.0, 1.0, 0.0, 0.0, 0.0]).shares, strict=True))
    assert (shares["disgust"], shares["neutral"]) == (0, 0)
    assert shares["joy"] > 5_500  # joy and love together: 2e/(2e + 4)


def test_outputs_of_one_meaning_are_added_in_a_softmax_and_the_surest_counts_among_yes_and_no():
    # Of a softmax three shares of joy make it the likeliest; as yes or no, anger is surer than any joy.
    labels, logits = ("joy", "love", "optimism", "anger"), [log(0.2), log(0.2), log(0.2), log(0.4)]
    assert feeling(labels).of(logits).shares[EMOTIONS.index("joy")] == 6_000
    assert feeling(labels, multi_label=True).of(logits).label == "anger"


def test_a_softmax_is_read_in_its_own_shares():
    assert mood(("negative", "neutral", "positive")).of([log(0.1), log(0.2), log(0.7)]).shares == (7_000, 2_000, 1_000)
    assert mood(("negative", "neutral", "positive")).of([-900.0, 900.0, 0.0]).shares == (0, 10_000, 0)


@pytest.mark.parametrize("below", [0.5, 0.75, 0.9, 0.99])
def test_two_classes_are_neutral_exactly_where_the_surer_is_below_the_bound(below: float):
    reading = mood(("NEGATIVE", "POSITIVE"), below=below)
    for positive in (0.001, 0.02, 0.2, 0.3, 0.45, 0.55, 0.7, 0.8, 0.95, 0.995):
        surer = "positive" if positive > 0.5 else "negative"
        told = reading.of([log(1 - positive), log(positive)])
        assert told.label == ("neutral" if max(positive, 1 - positive) < below else surer), positive


def test_the_neutral_share_grows_as_the_two_draw_level_and_leaves_their_odds():
    reading = mood(("NEGATIVE", "POSITIVE"))
    told = [reading.of([log(1 - positive), log(positive)]).shares for positive in (0.5, 0.6, 0.8, 0.95, 0.999999)]
    neutral = [shares[1] for shares in told]
    assert neutral == sorted(neutral, reverse=True)
    assert neutral[-1] < 50
    positive, _, negative = told[2]
    assert positive / negative == pytest.approx(4, rel=0.01)


def test_a_model_that_knows_neutral_gets_no_band():
    assert mood(("negative", "neutral", "positive"), below=0.99).of([0.0, 0.0, 0.3]).label == "positive"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [(("NEGATIVE", "SPAM"), "CHECKPOINT has the label 'spam', which is no sentiment known here; .*: NEGATIVE, SPAM"),
     (("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"), "'label 0'"), (("LABEL_1", "LABEL_2"), "'label 1'"),
     (("positive", "neutral"), "CHECKPOINT has no negative label; it has: positive, neutral"), (HARTMANN, "'anger'")],
)  # fmt: skip
def test_a_label_that_nobody_knows_is_refused_by_its_name(labels: Sequence[str], reason: str):
    with pytest.raises(SettingsError, match=reason):
        mood(labels)


def test_an_emotion_that_is_none_of_ours_is_refused_by_its_name():
    with pytest.raises(SettingsError, match="CHECKPOINT has the label 'trust', which is no emotion known here"):
        feeling(("joy", "trust"))
    with pytest.raises(SettingsError, match="'label 0'"):
        feeling(("LABEL_0", "LABEL_1"))


def test_labels_are_the_three_and_the_seven():
    assert mood(STARS).labels == SENTIMENTS
    assert feeling(HARTMANN).labels == EMOTIONS
