"""``textblob``: TextBlob's averaged lexicon, a row to compare with; it is measured, never deployed."""

from collections.abc import Sequence
from math import exp
from typing import Final

from barometer.errors import SettingsError
from barometer.scores import SENTIMENTS, Distribution, Score


class TextBlobAnalyzer:
    """TextBlob's polarity from -1 to 1, read as it is commonly: above 0 positive, below negative, else neutral.

    English only, sentiment only.

    Raises:
        SettingsError: its package is not installed.
    """

    name = "textblob"
    languages = frozenset({"en"})

    # Least log loss on the 12,000 labelled tweets of SemEval 2013-16 (1.019).
    _K: Final = 1.75
    # Between no polarity and any: the likeliest of the three is always the common reading.
    _NEUTRAL: Final = 1e-6

    def __init__(self) -> None:
        try:
            from textblob import TextBlob  # noqa: PLC0415 (only `barometer eval` has the package)
        except ImportError as error:
            raise SettingsError(
                "the model textblob needs its package, which training installs: .venv/bin/uv sync --inexact"
                " --extra train"
            ) from error
        self._blob = TextBlob

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``."""
        return [Score(self._sentiment(self._blob(text).sentiment.polarity), None, self.name) for text in texts]

    def _sentiment(self, polarity: float) -> Distribution:
        weights = [exp(self._K * value) for value in (polarity, self._NEUTRAL, -polarity)]
        return Distribution.of(SENTIMENTS, weights)
