"""The figures of an evaluation are the field's: checked by hand, by law, and against scikit-learn's."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.evaluation import calibration_error, evaluate
from barometer.scores import EMOTIONS, SENTIMENTS

Judged = list[tuple[str, str, float]]
judged = st.lists(
    st.tuples(st.sampled_from(EMOTIONS), st.sampled_from(EMOTIONS), st.floats(0, 1)), min_size=1, max_size=200
)


def figures_of(rows: Judged, labels: tuple[str, ...] = EMOTIONS) -> Any:
    return evaluate(labels, *(list(column) for column in zip(*rows, strict=True)))


def test_a_small_file_by_hand():
    rows = [
        ("positive", "positive", 0.9),
        ("positive", "neutral", 0.5),
        ("neutral", "neutral", 0.8),
        ("negative", "positive", 0.6),
    ]
    figures = figures_of(rows, SENTIMENTS)
    assert figures.confusion == ((1, 1, 0), (0, 1, 0), (1, 0, 0))
    positive, neutral, negative = figures.classes
    assert (positive.precision, positive.recall, positive.f1, positive.texts) == (0.5, 0.5, 0.5, 2)
    assert (neutral.precision, neutral.recall, neutral.texts) == (0.5, 1.0, 1)
    assert (negative.precision, negative.recall, negative.f1) == (0.0, 0.0, 0.0)
    assert figures.macro_recall == pytest.approx(0.5)
    assert figures.macro_f1 == pytest.approx((0.5 + 2 / 3) / 3)
    assert figures.accuracy == 0.5
    assert figures.expected_calibration_error == pytest.approx((0.1 + 0.5 + 0.2 + 0.6) / 4)


def test_a_class_that_does_not_occur_counts_in_no_mean():
    figures = figures_of([("positive", "positive", 1.0), ("negative", "neutral", 1.0)], SENTIMENTS)
    assert figures.macro_recall == 0.5
    assert figures.macro_f1 == 0.5


def test_a_model_that_is_as_right_as_it_is_sure_has_no_calibration_error():
    assert calibration_error([True, True, True, False], [0.75] * 4) == 0
    assert calibration_error([False], [1.0]) == 1
    assert calibration_error([], []) == 0


@settings(deadline=None)  # the first call imports scikit-learn
@given(judged)
def test_they_are_those_of_scikit_learn(rows: Judged):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = [row[0] for row in rows], [row[1] for row in rows]
    there = sorted(set(truth))
    figures = figures_of(rows)
    ours = {one.label: one for one in figures.classes}
    precision, recall, f1, texts = metrics.precision_recall_fscore_support(
        truth, said, labels=list(EMOTIONS), zero_division=0
    )
    for at, label in enumerate(EMOTIONS):
        one = ours[label]
        assert [one.precision, one.recall, one.f1] == pytest.approx([precision[at], recall[at], f1[at]])
        assert one.texts == texts[at]
    assert [list(row) for row in figures.confusion] == metrics.confusion_matrix(truth, said, labels=EMOTIONS).tolist()
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    macro = metrics.precision_recall_fscore_support(truth, said, labels=there, average="macro", zero_division=0)
    assert [figures.macro_recall, figures.macro_f1] == pytest.approx([macro[1], macro[2]])


@given(judged, st.randoms())
def test_the_order_of_the_texts_changes_nothing(rows: Judged, chance: Any):
    mixed = list(rows)
    chance.shuffle(mixed)
    one, other = figures_of(rows), figures_of(mixed)
    assert (one.classes, one.confusion) == (other.classes, other.confusion)
    assert math.isclose(one.expected_calibration_error, other.expected_calibration_error, abs_tol=1e-9)


@given(judged)
def test_every_figure_is_a_share(rows: Judged):
    figures = figures_of(rows)
    shares = [figures.macro_recall, figures.macro_f1, figures.accuracy, figures.expected_calibration_error]
    for one in figures.classes:
        shares += [one.precision, one.recall, one.f1]
    assert all(0 <= share <= 1 + 1e-9 for share in shares)
    assert sum(one.texts for one in figures.classes) == len(rows)
