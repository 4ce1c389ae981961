"""Distillation: teachers taught by the labels, and students by the teachers.

Promises: every network that is finished lies in the run's folder and is not made again; a run that was stopped goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.batches import Targets, ids_of
from training.corpus import Example, learn_from
from training.fit import Objective, fit
from training.measure import logits_of
from training.network import Network, Shape, pretrained
from training.objectives import Distilled, Gold
from training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """One recipe on one folder of data; what it makes lies in ``out``."""

    recipe: Recipe
    data: Path
    out: Path
    device: str

    @cached_property
    def examples(self) -> list[Example]:
        """Every row to learn from."""
        return learn_from(self.data, permissive_only=self.recipe.permissive_only)

    @cached_property
    def ids(self) -> list[list[int]]:
        """Their token ids."""
        return ids_of(self.examples)

    @cached_property
    def gold(self) -> Gold:
        """The loss with the labels."""
        targets = Targets.of(self.examples)
        return Gold.of(targets, self.recipe.sentiment_power, self.recipe.emotion_power, self.device)

    def teacher(self, seed: int) -> Network:
        """All six layers, from MiniLM's weights."""
        schedule = self.recipe.teacher_schedule(seed)
        return fit(pretrained(Shape()), self.ids, self.gold, schedule, self._path("teacher", seed), device=self.device)

    @cached_property
    def soft(self) -> NDArray[np.float32]:
        """The mean of the teachers' logits on every row, ``(rows, 10)``: of both tasks, whatever its file tells."""
        path = self.out / f"logits-of-{'-'.join(map(str, self.recipe.teachers))}.npy"
        if not path.exists():
            logits = np.mean([logits_of(self.teacher(seed), self.ids, self.device) for seed in self.recipe.teachers], 0)
            np.save(path.with_suffix(".new.npy"), logits)
            path.with_suffix(".new.npy").replace(path)
        loaded: NDArray[np.float32] = np.load(path)
        return loaded

    def student(self, seed: int) -> Network:
        """The first teacher's lower layers, held to what all say; without one, MiniLM's, held to the labels."""
        network = Network(self.recipe.student_shape)
        objective: Objective = self.gold
        if self.recipe.teachers:
            network.take_from(self.teacher(self.recipe.teachers[0]), layers=self.recipe.kept)
            objective = Distilled(torch.from_numpy(self.soft).to(self.device), self.gold)
        else:
            network.take_from(pretrained(Shape()), layers=self.recipe.kept)
        schedule = self.recipe.student_schedule(seed)
        return fit(network, self.ids, objective, schedule, self._path("student", seed), device=self.device)

    def logits_of(self, network: Network, examples: Sequence[Example]) -> NDArray[np.float32]:
        """What a network says of other rows, ``(rows, 10)``."""
        said: NDArray[np.float32] = logits_of(network, ids_of(examples), self.device)
        return said

    def _path(self, role: str, seed: int) -> Path:
        return self.out / f"{role}-{seed}.pt"
