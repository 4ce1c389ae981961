"""Probabilities as whole ten-thousandths."""

from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.scores import EMOTIONS, SCALE, SENTIMENTS, UNSCORED, Distribution

probabilities = st.lists(st.floats(1e-6, 1), min_size=7, max_size=7)


@settings(deadline=None)
@given(probabilities)
def test_shares_always_sum_to_the_scale(values: list[float]):
    distribution = Distribution.of(EMOTIONS, values)
    assert sum(distribution.shares) == SCALE
    assert all(0 <= share <= SCALE for share in distribution.shares)


@settings(deadline=None)
@given(probabilities)
def test_no_share_is_further_than_one_from_what_was_said(values: list[float]):
    total = sum(values)
    for share, value in zip(Distribution.of(EMOTIONS, values).shares, values, strict=True):
        assert abs(share - value / total * SCALE) < 1


@settings(deadline=None)
@given(probabilities)
def test_the_label_is_a_likeliest_one(values: list[float]):
    distribution = Distribution.of(EMOTIONS, values)
    assert max(distribution.shares) - distribution.shares[EMOTIONS.index(distribution.label)] <= 1


def test_thirds_are_rounded_by_the_largest_remainder():
    assert Distribution.of(SENTIMENTS, [1, 1, 1]) == Distribution("positive", (3_334, 3_333, 3_333))


def test_unscored_says_nothing():
    assert (UNSCORED.sentiment, UNSCORED.emotion, UNSCORED.model) == (None, None, None)
