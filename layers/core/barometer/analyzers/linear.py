"""``linear``: a linear model over words and pairs of words, distilled from the large one; the last resort.

Promises: it needs nothing but numpy and its one file; a text's score depends on that text alone; ``terms`` is what
training counts and what is counted here, one function for both.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from barometer.analyzers.heads import LABELS, scores_of
from barometer.analyzers.preparation import prepare
from barometer.errors import MissingError
from barometer.scores import Score

# A word with what an apostrophe ties to it, or one sign: "!" and ":)" tell a mood too.
_TOKEN: Final = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
# Texts scored in one piece: 600 terms of 44 bytes each at the most, so some 7 MB.
_AT_ONCE: Final = 256


def terms(text: str) -> list[str]:
    """The features of a text as it was posted: its words and signs in lower case, and each pair of neighbours."""
    return prepared_terms(prepare(text))


def prepared_terms(prepared: str) -> list[str]:
    """``terms`` of a text that ``preparation.prepare`` has seen already."""
    words: list[str] = _TOKEN.findall(prepared.lower())
    return words + [f"{first} {second}" for first, second in pairwise(words)]


class LinearModel:
    """Rows of weights by term: the logits of a text are the mean direction of its terms' weights, and a bias.

    A term counts once however often a text has it; a text's terms are weighed by ``idf`` and scaled to length 1 (the
    scale knows only terms of the vocabulary), as ``TfidfVectorizer(binary=True)`` does it.

    Args:
        vocabulary: the terms; none may hold a line break.
        idf: inverse document frequency of each term, ``(terms,)``, above 0.
        weights: ``(terms, LABELS)``, for TF-IDF values of length 1.
        bias: ``(LABELS,)``.
        name: what ``Score.model`` will say.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        idf: NDArray[np.floating],
        weights: NDArray[np.floating],
        bias: NDArray[np.floating],
        name: str,
    ) -> None:
        if idf.shape != (len(vocabulary),) or weights.shape != (len(vocabulary), LABELS) or bias.shape != (LABELS,):
            raise ValueError(f"{len(vocabulary)} terms do not go with {idf.shape}, {weights.shape} and {bias.shape}")
        self.name = name
        self._rows = {term: row for row, term in enumerate(vocabulary)}
        self._idf = idf.astype(np.float32)
        self._weights = weights.astype(np.float32)
        self._bias = bias.astype(np.float32)
        # One gather and one sum a text: what its terms add to the logits, and to the square of their length.
        self._table = np.column_stack([self._weights * self._idf[:, None], self._idf**2])

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The calibrated logits of texts as they were posted, ``(texts, LABELS)``; the bias where no term is known."""
        found = np.tile(self._bias, (len(texts), 1))
        for start in range(0, len(texts), _AT_ONCE):
            self._add(found[start : start + _AT_ONCE], texts[start : start + _AT_ONCE])
        return found

    def _add(self, found: NDArray[np.float32], texts: Sequence[str]) -> None:
        row_of = self._rows.get
        rows: list[int] = []
        ends: list[int] = []
        for text in texts:
            rows += {row for row in map(row_of, terms(text)) if row is not None}
            ends.append(len(rows))
        ends_at = np.array(ends)
        starts_at = np.concatenate([[0], ends_at[:-1]])
        has_any = ends_at > starts_at
        if not has_any.any():
            return
        sums = np.add.reduceat(self._table[rows], starts_at[has_any], axis=0)
        found[has_any] += sums[:, :LABELS] / np.sqrt(sums[:, LABELS:])

    def calibrated(self, bias: NDArray[np.floating], temperature: NDArray[np.floating]) -> Self:
        """A model whose logits are ``(logits + bias) / temperature``, both ``(LABELS,)``."""
        return type(self)(
            list(self._rows), self._idf, self._weights / temperature, (self._bias + bias) / temperature, self.name
        )

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes. A weight keeps eight bits, beside its term's scale."""
        scale = np.maximum(np.abs(self._weights).max(axis=1), 1e-12).astype(np.float16)
        scale = np.maximum(scale, np.finfo(np.float16).tiny)
        np.savez_compressed(
            path,
            vocabulary=np.frombuffer("\n".join(self._rows).encode(), np.uint8),
            idf=self._idf.astype(np.float16),
            scale=scale,
            weights=np.rint(self._weights / scale.astype(np.float32)[:, None] * 127).clip(-127, 127).astype(np.int8),
            bias=self._bias,
            name=np.array(self.name),
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            MissingError: the file is missing, or is none of ours; the message names it.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                scale = file["scale"].astype(np.float32)
                return cls(
                    bytes(file["vocabulary"]).decode().split("\n"),
                    file["idf"].astype(np.float32),
                    file["weights"].astype(np.float32) * (scale / 127)[:, None],
                    file["bias"],
                    str(file["name"]),
                )
        except FileNotFoundError as error:
            raise MissingError(f"the linear model is not here: no {path.name}") from error
        except (OSError, KeyError, ValueError, EOFError) as error:
            raise MissingError(f"the linear model cannot be read: {path.name}: {error}") from error


class LinearAnalyzer:
    """The linear model as an analyzer: English, both heads.

    Raises:
        MissingError: the file is missing, or is none of ours.
    """

    languages = frozenset({"en"})

    def __init__(self, path: Path) -> None:
        self._model = LinearModel.load(path)
        self.name = self._model.name

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``."""
        return scores_of(self._model.logits(texts), self.name) if texts else []
