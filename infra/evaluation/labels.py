"""The labels of a file, read as those of a task: never guessed.

A label that the task does not have is an error that names it, unless ``--map`` says which it stands for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from barometer.errors import BarometerError, InvalidInputError
from barometer.scores import EMOTIONS, SENTIMENTS

Task = Literal["sentiment", "emotion"]
LABELS: Final[Mapping[str, tuple[str, ...]]] = {"sentiment": SENTIMENTS, "emotion": EMOTIONS}
SEVERAL: Final = "several labels"
LEFT_OUT: Final = "left out by --map"
_SHOWN: Final = 40


class SkippedError(BarometerError):
    """A row that is not measured, and why."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Reads labels of one task.

    Args:
        task: ``sentiment`` or ``emotion``.
        stands_for: what a file's other labels stand for, in lower case; ``""``: rows with it are left out.
    """

    task: Task
    stands_for: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, maps: Sequence[str]) -> "Labels":
        """From ``--map`` options: ``love=joy`` or ``0=negative,1=neutral,2=positive``; ``shame=`` leaves rows out.

        Raises:
            InvalidInputError: one of them is not such a list, or names a label that the task does not have.
        """
        stands_for: dict[str, str] = {}
        for one in ",".join(maps).split(",") if maps else []:
            name, equals, label = (part.strip().lower() for part in one.partition("="))
            if not (name and equals):
                raise InvalidInputError("--map", f"{one!r} is not LABEL=LABEL")
            if label and label not in LABELS[task]:
                raise InvalidInputError("--map", f"{label!r} is not a label of {task}: {', '.join(LABELS[task])}")
            if stands_for.setdefault(name, label) != label:
                raise InvalidInputError("--map", f"{name!r} stands for both {stands_for[name]!r} and {label!r}")
        return cls(task, stands_for)

    def read(self, written: str) -> str:
        """The one label of a row.

        Raises:
            SkippedError: it has several, or is to be left out.
            InvalidInputError: the task has no such label.
        """
        labels = {self._one(part) for part in written.split(",")} - {""}
        if len(labels) != 1:
            raise SkippedError(SEVERAL if labels else LEFT_OUT)
        return labels.pop()

    def _one(self, written: str) -> str:
        name = written.strip().lower()
        label = self.stands_for.get(name, name)
        if label in LABELS[self.task] or name in self.stands_for:
            return label
        shown = written.strip() if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
        known = ", ".join(LABELS[self.task])
        raise InvalidInputError(
            "", f"{shown!r} is not a label of {self.task}: {known}; say what it stands for with --map {name[:20]}=LABEL"
        )
