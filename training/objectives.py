"""Objectives: what a teacher and a student are held to."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Targets

_SENTIMENT = slice(0, 3)
_EMOTION = slice(3, 10)


@dataclass(frozen=True, slots=True)
class Gold:
    """Cross-entropy with the labels, a class's weight falling with its share of the rows by a power.

    A power of 0 leaves the classes as they come, of 1 makes them even. What is measured, macro recall and macro F1,
    counts each class alike; between the two, a few rows of a rare class are not learned by heart. What is then still
    missing, calibration lifts.
    """

    targets: Targets
    class_weights: Tensor
    smoothing: float = 0.05

    @classmethod
    def of(cls, targets: Targets, sentiment_power: float, emotion_power: float, device: str) -> "Gold":
        """Weights by the share of each class in these targets."""
        weights = torch.ones(targets.shares.shape[1])
        for task, power in ((_SENTIMENT, sentiment_power), (_EMOTION, emotion_power)):
            told = (targets.shares[:, task] * targets.weights[:, None]).sum(0)
            share = told / told.sum()
            weights[task] = share**-power / (share * share**-power).sum()
        on_device = Targets(targets.shares.to(device), targets.weights.to(device))
        return cls(on_device, weights.to(device))

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Mean over the texts; a task that a text says nothing of adds nothing."""
        shares = self.targets.shares[rows]
        total = logits.new_zeros(len(rows))
        for task in (_SENTIMENT, _EMOTION):
            told = shares[:, task]
            known = told.sum(1, keepdim=True)
            smooth = told * (1 - self.smoothing) + known * self.smoothing / told.shape[1]
            total -= (smooth * self.class_weights[task] * functional.log_softmax(logits[:, task], 1)).sum(1)
        return (total * self.targets.weights[rows]).mean()


@dataclass(frozen=True, slots=True)
class Distilled:
    """The teachers' shares at a temperature, both tasks on every text, plus a part of the loss with the labels."""

    teacher: Tensor
    gold: Gold
    temperature: float = 2.0
    gold_part: float = 0.5

    def __call__(self, logits: Tensor, rows: Tensor) -> Tensor:
        """``teacher`` holds the averaged logits of every example, ``(examples, 10)``."""
        total = logits.new_zeros(())
        for task in (_SENTIMENT, _EMOTION):
            said = functional.log_softmax(logits[:, task] / self.temperature, 1)
            wanted = (self.teacher[rows, task] / self.temperature).softmax(1)
            total += functional.kl_div(said, wanted, reduction="batchmean") * self.temperature**2
        return total + self.gold_part * self.gold(logits, rows)
