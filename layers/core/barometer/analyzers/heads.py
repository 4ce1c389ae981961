"""Heads: calibrated logits as scores, for every model of ours that gives a row of ten.

The columns are ``SENTIMENTS`` and then ``EMOTIONS``; each head is a softmax of its own.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from barometer.scores import EMOTIONS, SCALE, SENTIMENTS, Distribution, Score

LABELS: Final = len(SENTIMENTS) + len(EMOTIONS)


def scores_of(logits: NDArray[np.float32], name: str) -> list[Score]:
    """Calibrated logits ``(texts, LABELS)`` as one score a text, in order; ``name`` is what ``Score.model`` says."""
    sentiments = _distributions(SENTIMENTS, logits[:, : len(SENTIMENTS)])
    emotions = _distributions(EMOTIONS, logits[:, len(SENTIMENTS) :])
    return [Score(sentiment, emotion, name) for sentiment, emotion in zip(sentiments, emotions, strict=True)]


def _distributions(labels: tuple[str, ...], logits: NDArray[np.float32]) -> list[Distribution]:
    """What ``Distribution.of`` gives for each row's softmax, for the whole batch at once."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    exact = powers / powers.sum(axis=1, keepdims=True) * SCALE
    shares = exact.astype(np.int64)
    # Largest remainder: what rounding down left over goes, one each, to those that lost most by it.
    by_remainder = np.argsort(shares - exact, axis=1, kind="stable")
    rank = np.empty_like(by_remainder)
    np.put_along_axis(rank, by_remainder, np.arange(len(labels))[None, :], axis=1)
    shares += rank < SCALE - shares.sum(axis=1, keepdims=True)
    best = exact.argmax(axis=1).tolist()
    return [Distribution(labels[at], tuple(row)) for at, row in zip(best, shares.tolist(), strict=True)]
