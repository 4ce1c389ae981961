"""The objectives, against sums done by hand."""

from math import exp, log

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); training is done with it")

import torch

from tests.training.made_up import example
from training.batches import Targets
from training.corpus import Example
from training.objectives import Distilled, Gold

JOY = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
POSITIVE = (1.0, 0.0, 0.0)
EVEN = (1 / 7,) * 7


def gold(*examples: Example, sentiment: float = 0.0, emotion: float = 0.0, smoothing: float = 0.0) -> Gold:
    made = Gold.of(Targets.of(examples), sentiment, emotion, "cpu")
    return Gold(made.targets, made.class_weights, smoothing)


MIXED = (example("a", POSITIVE, None), example("b", None, JOY, 0.5), example("c", None, None))


def test_each_text_costs_the_surprise_of_its_own_task_by_its_weight():
    logits = torch.zeros(3, 10)
    logits[0, 0] = log(2)  # positive has a half
    loss = gold(*MIXED)(logits, torch.tensor([0, 1, 2]))
    assert loss.item() == pytest.approx((log(2) + 0.5 * log(7) + 0) / 3)


def test_rows_are_those_of_the_examples():
    objective = gold(*MIXED)
    assert objective(torch.zeros(1, 10), torch.tensor([1])).item() == pytest.approx(0.5 * log(7))
    assert objective(torch.zeros(1, 10), torch.tensor([2])).item() == 0


def test_smoothing_gives_a_part_to_every_label():
    logits = torch.zeros(1, 10)
    logits[0, :3] = torch.tensor([2.0, 1.0, 0.0])
    whole = log(exp(2) + exp(1) + 1)
    positive, neutral, negative = whole - 2, whole - 1, whole
    wanted = 0.9 * positive + 0.1 * (positive + neutral + negative) / 3
    assert gold(*MIXED, smoothing=0.1)(logits, torch.tensor([0])).item() == pytest.approx(wanted)


@pytest.mark.parametrize(("power", "weights"), [(0.0, (1, 1, 1)), (1.0, (2 / 3, 4 / 3, 4 / 3))])
def test_a_class_weighs_by_a_power_of_its_share(power: float, weights: tuple[float, ...]):
    # Half positive by weight, a quarter each of the others: evened out wholly, the rare weigh twice the common.
    rows = [example("a", POSITIVE, None, 2.0), example("b", (0.0, 1.0, 0.0), None), example("c", (0.0, 0.0, 1.0), None)]
    objective = gold(*rows, example("d", None, EVEN), sentiment=power)
    assert objective.class_weights.tolist() == pytest.approx([*weights, *[1.0] * 7])
    loss = objective(torch.zeros(1, 10), torch.tensor([1]))
    assert loss.item() == pytest.approx(weights[1] * log(3))


def test_a_student_that_says_what_the_teacher_says_has_only_the_labels_to_learn():
    teacher = torch.randn(3, 10, generator=torch.Generator().manual_seed(1))
    labels = gold(*MIXED)
    rows = torch.tensor([2, 0])
    loss = Distilled(teacher, labels, gold_part=0.5)(teacher[rows], rows)
    assert loss.item() == pytest.approx(0.5 * labels(teacher[rows], rows).item(), abs=1e-6)


def test_a_student_costs_its_distance_from_the_teacher_at_the_temperature_on_both_tasks():
    teacher = torch.zeros(3, 10)
    teacher[2, 0] = 2 * log(2)  # at a temperature of 2: a half, and two quarters
    teacher[2, 3] = 2 * log(6)  # a half, and six twelfths
    distance = 0.5 * log(3 / 2) + 2 * 0.25 * log(3 / 4)
    distance += 0.5 * log(7 / 2) + 6 * (1 / 12) * log(7 / 12)
    loss = Distilled(teacher, gold(*MIXED), gold_part=0.5)(torch.zeros(1, 10), torch.tensor([2]))
    assert loss.item() == pytest.approx(4 * distance)
