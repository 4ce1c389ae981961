"""Evaluation: how right a model is on texts whose label people have told.

Every figure is over single labels; a class counts as much as any other, however rare it is (macro means).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Of one class: precision, recall and F1 (0 to 1; 0 where nothing was said or nothing was there), and its texts."""

    label: str
    precision: float
    recall: float
    f1: float
    texts: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one model on one file. ``confusion[i][j]``: texts of class ``i`` that it called ``j``."""

    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    expected_calibration_error: float

    @property
    def macro_recall(self) -> float:
        """Mean recall of the classes that occur."""
        return _mean([figures.recall for figures in self.classes if figures.texts])

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur."""
        return _mean([figures.f1 for figures in self.classes if figures.texts])

    @property
    def accuracy(self) -> float:
        """Share of the texts that were called what they are."""
        total = sum(map(sum, self.confusion))
        return sum(self.confusion[i][i] for i in range(len(self.classes))) / total


def evaluate(labels: Sequence[str], truth: Sequence[str], said: Sequence[str], sure: Sequence[float]) -> Evaluation:
    """Hold what was ``said``, with the probability it was said with, against the ``truth``; one entry a text."""
    place = {label: at for at, label in enumerate(labels)}
    confusion = [[0] * len(labels) for _ in labels]
    for true, guess in zip(truth, said, strict=True):
        confusion[place[true]][place[guess]] += 1
    classes = tuple(_class_figures(labels, confusion, at) for at in range(len(labels)))
    right = [true == guess for true, guess in zip(truth, said, strict=True)]
    return Evaluation(classes, tuple(map(tuple, confusion)), calibration_error(right, sure))


def calibration_error(right: Sequence[bool], sure: Sequence[float], bins: int = 15) -> float:
    """Expected calibration error: mean distance between how sure and how right, over ``bins`` of equal width."""
    sums = [[0.0, 0.0] for _ in range(bins)]
    for was_right, was_sure in zip(right, sure, strict=True):
        one = sums[min(bins - 1, int(was_sure * bins))]
        one[0] += was_right
        one[1] += was_sure
    return sum(abs(rightness - sureness) for rightness, sureness in sums) / max(1, len(right))


def _class_figures(labels: Sequence[str], confusion: Sequence[Sequence[int]], at: int) -> ClassFigures:
    hits = confusion[at][at]
    there = sum(confusion[at])
    called = sum(row[at] for row in confusion)
    precision, recall = hits / called if called else 0.0, hits / there if there else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return ClassFigures(labels[at], precision, recall, f1, there)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
