"""Figures: how good what was made is, gathered once, for the card and whoever asks later (``figures.json``)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barometer.analyzers import Analyzer
from barometer.analyzers.lexicon import LexiconAnalyzer
from barometer.evaluation import Evaluation
from barometer.scores import SCALE
from infra.evaluation.textblob import TextBlobAnalyzer
from training.bias import probe
from training.calibrate import Calibration, applied, calibrate, figure
from training.corpus import validate_on
from training.distil import Run
from training.measure import TASKS, measured, measured_by
from training.network import Network

Logits = NDArray[np.float32]


class Validation:
    """The files that choices are made on."""

    def __init__(self, data: Path) -> None:
        self.examples = {task: validate_on(data, task) for task in TASKS}

    def calibrated(self, logits: dict[str, Logits]) -> dict[str, Calibration]:
        """The calibration of each head, by the logits of each task's rows."""
        return {task: calibrate(rows, logits[task], task) for task, rows in self.examples.items()}

    def evaluations(self, logits: dict[str, Logits], heads: dict[str, Calibration]) -> dict[str, Evaluation]:
        """Calibrated logits against the labels, task by task."""
        return {task: measured(rows, applied(logits[task], heads), task) for task, rows in self.examples.items()}

    def logits(self, run: Run, networks: Sequence[Network]) -> dict[str, Logits]:
        """The mean logits of some networks of a run on each task's rows."""
        return {
            task: np.mean([run.logits_of(network, rows) for network in networks], 0)
            for task, rows in self.examples.items()
        }

    def of_networks(self, run: Run, *networks: Network) -> dict[str, Any]:
        """Their figures together, calibrated as they would be shipped."""
        logits = self.logits(run, networks)
        return summary(self.evaluations(logits, self.calibrated(logits)))

    def of_analyzer(self, judge: Analyzer) -> dict[str, Any]:
        """An analyzer's figures, of the tasks that it tells."""
        figures: dict[str, Evaluation] = {}
        for task, rows in self.examples.items():
            try:
                figures[task] = measured_by(judge, rows, task)
            except ValueError:
                continue
        return summary(figures)


def summary(evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    """What is told of each task: the figure it is chosen by, calibration, and every class."""
    return {
        task: {
            "figure": round(figure(evaluation, task), 4),
            "accuracy": round(evaluation.accuracy, 4),
            "ece": round(evaluation.expected_calibration_error, 4),
            "classes": [asdict(figures) for figures in evaluation.classes],
        }
        for task, evaluation in evaluations.items()
    }


def worth(figures: dict[str, Any]) -> float:
    """What a student is chosen by: the mean of its two figures."""
    return float(np.mean([figures[task]["figure"] for task in TASKS]))


def baselines(validation: Validation) -> dict[str, Any]:
    """What is there without training."""
    return {judge.name: validation.of_analyzer(judge) for judge in (LexiconAnalyzer(), TextBlobAnalyzer())}


def gaps(judge: Analyzer) -> list[dict[str, Any]]:
    """The probe of bias on an analyzer."""

    def score(texts: Sequence[str]) -> list[float]:
        told = [score.sentiment for score in judge.analyze(texts)]
        return [(said.shares[0] - said.shares[2]) / SCALE for said in told if said]

    return [
        {"kind": gap.kind, "widest": round(gap.widest, 4), "scores": {k: round(v, 4) for k, v in gap.scores.items()}}
        for gap in probe(score)
    ]


def spread(students: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of each task, how far the seeds' figures lie apart."""
    figures = {task: [student[task]["figure"] for student in students.values()] for task in TASKS}
    return {task: round(max(values) - min(values), 4) for task, values in figures.items()}
