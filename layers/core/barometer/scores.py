"""Labels and scores: what an analyzer gives and what is stored.

A probability is held as whole ten-thousandths, so that a sum of any number of them, in any order, is exact: that is
what lets a rollup equal a recount to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SENTIMENTS = ("positive", "neutral", "negative")
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SCALE = 10_000


@dataclass(frozen=True, slots=True)
class Distribution:
    """One label, and the probability of each label in ten-thousandths that sum to ``SCALE``."""

    label: str
    shares: tuple[int, ...]

    @classmethod
    def of(cls, labels: Sequence[str], probabilities: Sequence[float]) -> "Distribution":
        """Round probabilities (floats that sum to about 1, in the order of ``labels``) by largest remainder."""
        total = sum(probabilities)
        exact = [probability / total * SCALE for probability in probabilities]
        shares = [int(value) for value in exact]
        by_remainder = sorted(range(len(exact)), key=lambda i: exact[i] - shares[i], reverse=True)
        for i in by_remainder[: SCALE - sum(shares)]:
            shares[i] += 1
        best = max(range(len(exact)), key=exact.__getitem__)
        return cls(labels[best], tuple(shares))


@dataclass(frozen=True, slots=True)
class Score:
    """What one model said of one text; ``None`` where the model does not say (never a guess).

    ``sentiment.shares`` follow ``SENTIMENTS``, ``emotion.shares`` follow ``EMOTIONS``.
    """

    sentiment: Distribution | None
    emotion: Distribution | None
    model: str | None


UNSCORED = Score(sentiment=None, emotion=None, model=None)
