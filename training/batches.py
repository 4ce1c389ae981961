"""Batches: examples as tensors, texts of like length together.

Promises: the same examples, seed and epoch give the same batches, so that a run that was stopped goes on where it was.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.corpus import Example
from training.network import LABELS, pretrained_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH: Final = 48
MAX_TOKENS: Final = 64
_BUCKET: Final = 32 * BATCH
_SENTIMENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts side by side: ``ids`` and ``mask`` of ``(texts, tokens)``, and which rows of the examples they are."""

    ids: Tensor
    mask: Tensor
    rows: Tensor


@dataclass(frozen=True, slots=True)
class Targets:
    """What each example teaches: shares of ``(examples, 10)``, zeros where its file does not say, and its weight."""

    shares: Tensor
    weights: Tensor

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "Targets":
        """The examples' own labels."""
        shares: NDArray[np.float32] = np.zeros((len(examples), LABELS), np.float32)
        for row, example in enumerate(examples):
            if example.sentiment:
                shares[row, :_SENTIMENTS] = example.sentiment
            if example.emotion:
                shares[row, _SENTIMENTS:] = example.emotion
        weights = np.array([example.weight for example in examples], np.float32)
        return cls(torch.from_numpy(shares), torch.from_numpy(weights))


def tokenizer() -> Tokenizer:
    """MiniLM's, that cuts at ``MAX_TOKENS`` and pads nothing."""
    tokens = Tokenizer.from_file(str(pretrained_folder() / "tokenizer.json"))
    tokens.enable_truncation(MAX_TOKENS)
    tokens.no_padding()
    return tokens


def ids_of(examples: Sequence[Example]) -> list[list[int]]:
    """The token ids of each text."""
    return [encoding.ids for encoding in tokenizer().encode_batch([example.text for example in examples])]


def in_order_of_length(ids: Sequence[list[int]], size: int = 2 * BATCH) -> Iterator[Batch]:
    """Every text once, shortest first: for measuring, where the order is nobody's matter."""
    rows = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for start in range(0, len(rows), size):
        yield batch_of(ids, rows[start : start + size])


def of_epoch(ids: Sequence[list[int]], seed: int, epoch: int) -> list[list[int]]:
    """The rows of each batch of one epoch, in the order to learn them."""
    order = random.Random(f"{seed}/{epoch}")  # noqa: S311 (an order, not a secret)
    rows = list(range(len(ids)))
    order.shuffle(rows)
    batches = []
    for start in range(0, len(rows), _BUCKET):
        bucket = sorted(rows[start : start + _BUCKET], key=lambda row: len(ids[row]))
        batches += [bucket[at : at + BATCH] for at in range(0, len(bucket), BATCH)]
    order.shuffle(batches)
    return batches


def batch_of(ids: Sequence[list[int]], rows: Sequence[int]) -> Batch:
    """These rows of the token ids side by side, each padded to the longest of them."""
    longest = max(len(ids[row]) for row in rows)
    padded: NDArray[np.int64] = np.zeros((len(rows), longest), np.int64)
    mask: NDArray[np.int64] = np.zeros((len(rows), longest), np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(ids[row])] = ids[row]
        mask[place, : len(ids[row])] = 1
    return Batch(torch.from_numpy(padded), torch.from_numpy(mask), torch.tensor(rows))
