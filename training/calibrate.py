"""Calibration: a student's logits made into shares that mean what they say, by the validation files.

Two things are fitted for each head, and no more, for the rare classes have some sixty rows there: how far the logits
are lifted against how often the student says each class (what is measured counts every class alike), and a temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barometer.evaluation import Evaluation
from training.corpus import Example
from training.measure import TASKS, measured, softmax


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of one head: ``(logits + bias) / temperature`` are the logits of its shares."""

    bias: tuple[float, ...]
    temperature: float

    def applied(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of one head, ``(texts, labels)``, calibrated."""
        calibrated: NDArray[np.float32] = (logits + np.array(self.bias, np.float32)) / np.float32(self.temperature)
        return calibrated


def calibrate(examples: Sequence[Example], logits: NDArray[np.float32], task: str) -> Calibration:
    """The lift with the best figure of the task, macro recall or macro F1; then the temperature of least log loss."""
    _, columns = TASKS[task]
    head = logits[:, columns]
    said = np.log(softmax(head).mean(0))
    lifts = [tuple(float(value) for value in -power * (said - said.mean())) for power in np.arange(-0.5, 1.01, 0.05)]
    bias = max(lifts, key=lambda lift: figure(_with_head(examples, logits, task, Calibration(lift, 1.0)), task))
    targets = np.array([example.sentiment if task == "sentiment" else example.emotion for example in examples])
    lifted = head + np.array(bias, np.float32)

    def loss(temperature: float) -> float:
        shares = softmax(lifted / np.float32(temperature))
        return -float((targets * np.log(np.maximum(shares, 1e-9))).sum(1).mean())

    return Calibration(bias, float(min(np.arange(0.3, 3.01, 0.02), key=loss)))


def applied(logits: NDArray[np.float32], heads: dict[str, Calibration]) -> NDArray[np.float32]:
    """Logits of every head, ``(texts, 10)``, calibrated each by its own."""
    calibrated = logits.copy()
    for task, calibration in heads.items():
        columns = TASKS[task][1]
        calibrated[:, columns] = calibration.applied(logits[:, columns])
    return calibrated


def figure(evaluation: Evaluation, task: str) -> float:
    """What a task is chosen by: macro recall for sentiment, macro F1 for emotion."""
    return evaluation.macro_recall if task == "sentiment" else evaluation.macro_f1


def _with_head(
    examples: Sequence[Example], logits: NDArray[np.float32], task: str, calibration: Calibration
) -> Evaluation:
    return measured(examples, applied(logits, {task: calibration}), task)
