"""One model on one file: the very calls that ``infer`` makes of it, timed, and held against what people said.

The model that was named is measured alone: no other steps in for it, and it is given every text, whatever its language.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from barometer.analyzers import Analyzer, UnscorableError
from barometer.errors import BarometerError, InvalidInputError, SettingsError, UnavailableError
from barometer.evaluation import Evaluation, evaluate
from barometer.scores import SCALE, Distribution, Score
from infra.evaluation.labels import LABELS, Labels, Task
from infra.evaluation.rows import read

# As many as the infer pipe takes at once, doubled: a model sorts what it gets by length.
BATCH: Final = 512
FAILED: Final = "the model failed on the text"
UNTOLD: Final = "the model said nothing of the text"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured.

    Attributes:
        file, task, model: what on what; the model by the name it gives itself.
        figures: over the texts that were scored.
        texts: how many those are.
        skipped: how many rows of the file are not among them, by reason.
        load_seconds: until the model was there.
        score_seconds: of scoring alone.
        wall_seconds: of all of it, reading the file too.
    """

    file: str
    task: Task
    model: str
    figures: Evaluation
    texts: int
    skipped: dict[str, int]
    load_seconds: float
    score_seconds: float
    wall_seconds: float

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs; shares from 0 to 1, rows of ``confusion`` are what is true."""
        figures = self.figures
        return {
            "file": self.file,
            "task": self.task,
            "model": self.model,
            "macro_recall": figures.macro_recall,
            "macro_f1": figures.macro_f1,
            "accuracy": figures.accuracy,
            "expected_calibration_error": figures.expected_calibration_error,
            "texts": self.texts,
            "skipped": self.skipped,
            "labels": [one.label for one in figures.classes],
            "classes": [asdict(one) for one in figures.classes],
            "confusion": figures.confusion,
            "posts_per_second": self.texts / self.score_seconds,
            "posts_per_second_wall": self.texts / self.wall_seconds,
            "load_seconds": self.load_seconds,
            "score_seconds": self.score_seconds,
            "wall_seconds": self.wall_seconds,
        }


def measure(
    path: Path,
    labels: Labels,
    load: Callable[[], Analyzer],
    *,
    limit: int | None = None,
    moved: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Measure the model that ``load`` gives on ``path``; ``moved`` hears how many texts are done, and of how many.

    Raises:
        InvalidInputError: the file, or one of its labels, is wrong, or nothing in it can be measured.
        SettingsError: the model cannot be loaded, or does not tell the task.
        UnavailableError: it cannot be reached.
    """
    began = time.perf_counter()
    held = read(path, labels, limit)
    if not held.texts:
        why = ", ".join(f"{count:,} rows: {reason}" for reason, count in held.skipped.items()) or "the file is empty"
        raise InvalidInputError(str(path), f"holds nothing to measure: {why}")
    loading = time.perf_counter()
    model = load()
    loaded = time.perf_counter()
    told: list[Distribution | str] = []
    for start in range(0, len(held.texts), BATCH):
        told += _told(model, held.texts[start : start + BATCH], labels.task)
        if moved is not None:
            moved(len(told), len(held.texts))
    ended = time.perf_counter()
    figures, missed = _judged(labels.task, held.labels, told)
    return Outcome(
        file=str(path),
        task=labels.task,
        model=model.name,
        figures=figures,
        texts=len(told) - missed.total(),
        skipped=dict(held.skipped + missed),
        load_seconds=loaded - loading,
        score_seconds=ended - loaded,
        wall_seconds=time.perf_counter() - began,
    )


def _told(model: Analyzer, texts: Sequence[str], task: Task) -> list[Distribution | str]:
    """Of each text what the model said, or why it did not."""
    scores = _scores(model, texts)
    told = [score if isinstance(score, str) else getattr(score, task) or UNTOLD for score in scores]
    if all(one == UNTOLD for one in told):
        raise SettingsError(f"the model {model.name} tells no {task}: name another with --model or BAROMETER_MODEL")
    return told


def _scores(model: Analyzer, texts: Sequence[str]) -> Sequence[Score | str]:
    """As ``infer`` asks: a batch that fails is tried again in halves, until the text at fault is alone."""
    try:
        return model.analyze(texts)
    except (UnavailableError, SettingsError):
        raise
    except UnscorableError as error:
        return [score or f"{UNTOLD} ({error.why})" for score in error.scores]
    except Exception as error:  # noqa: BLE001 (whatever a model raises, it raises for one batch)
        if len(texts) == 1:
            return [f"{FAILED} ({type(error).__name__})"]
    middle = len(texts) // 2
    return [*_scores(model, texts[:middle]), *_scores(model, texts[middle:])]


def _judged(task: Task, truth: Sequence[str], told: Sequence[Distribution | str]) -> tuple[Evaluation, Counter[str]]:
    missed = Counter(one for one in told if isinstance(one, str))
    pairs = [(true, one) for true, one in zip(truth, told, strict=True) if isinstance(one, Distribution)]
    if not pairs:
        raise BarometerError(f"no text was scored: {next(iter(missed))}")
    said = [one.label for _, one in pairs]
    sure = [max(one.shares) / SCALE for _, one in pairs]
    return evaluate(LABELS[task], [true for true, _ in pairs], said, sure), missed
