"""``vader``: a lexicon with rules (Hutto & Gilbert, 2014), a row to compare with.

English only, sentiment only; it tells no emotions, and says so (``Score.emotion`` is ``None``).
"""

import re
from collections.abc import Callable, Sequence
from math import exp
from statistics import fmean

from barometer.scores import SENTIMENTS, Distribution, Score


class LexiconAnalyzer:
    """VADER's compound score from -1 to 1, read as three probabilities.

    VADER calls a compound of at least 0.05 positive and of at most -0.05 negative. Here the three are a softmax of
    ``k·compound``, ``k·0.04995`` and ``-k·compound``: the likeliest is always VADER's own label (a compound has four
    decimals, so 0.04995 falls between the last neutral one and the first that is not).
    """

    name = "vader"
    languages = frozenset({"en"})

    # Least log loss on 12,000 labelled tweets of SemEval 2013-16 (0.935; on TweetEval's validation set 0.934).
    _K = 1.75
    _NEUTRAL = 0.04995
    # A tweet's length, which is what VADER was made on; of a longer text its authors average the sentences. It also
    # bounds the time: VADER's grows with the square of a text (29 s for 10,000 emoji in one piece, 1 s in these).
    _PIECE = re.compile(r".{1,280}(?<=[.!?\n])(?=\s|$)|.{1,280}(?=\s|$)|.{1,280}", re.DOTALL)

    def __init__(self) -> None:
        # Here, not above: only the functions that score have the package.
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 (see the line above)

        self._polarity: Callable[[str], dict[str, float]] = SentimentIntensityAnalyzer().polarity_scores

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``."""
        return [Score(self._sentiment(self._compound(text)), None, self.name) for text in texts]

    def _compound(self, text: str) -> float:
        pieces = [text] if len(text) <= 280 else self._PIECE.findall(text)
        return fmean(self._polarity(piece)["compound"] for piece in pieces)

    def _sentiment(self, compound: float) -> Distribution:
        weights = [exp(self._K * value) for value in (compound, self._NEUTRAL, -compound)]
        return Distribution.of(SENTIMENTS, weights)
