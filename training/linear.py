"""Linear: the last resort, fitted to what a better model says of many texts (ridge on TF-IDF of words and pairs)."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from barometer.analyzers.linear import LinearModel, prepared_terms
from training.calibrate import Calibration
from training.measure import TASKS

NAME: Final = "linear-en-1"
# Fitted to the teacher's logits, calibrated, on the validation files, macro recall and macro F1: 0.3: 0.717, 0.577;
# 0.6: 0.715, 0.581; 1: 0.712, 0.581; 4: 0.698, 0.578; 16: 0.667, 0.553. To the labels alone, 4: 0.695, 0.555.
ALPHA: Final = 0.6
# The file's bound: 120,000 terms took 1.0 to 1.3 MB.
MAX_TERMS: Final = 120_000


def fit_linear(
    texts: Sequence[str],
    logits: NDArray[np.floating],
    path: Path,
    *,
    alpha: float = ALPHA,
    weights: Sequence[float] | None = None,
    min_df: int = 2,
    max_terms: int = MAX_TERMS,
) -> LinearModel:
    """Fit the model to ``logits`` ``(texts, 10)`` of prepared ``texts`` and write it to ``path``; deterministic.

    Args:
        texts: as ``preparation.prepare`` wrote them.
        logits: what the better model says of each, before calibration.
        path: where the model goes (``linear.npz``).
        alpha: how hard the weights are held back.
        weights: what each text weighs; all the same if not told.
        min_df: terms of fewer texts are left out.
        max_terms: and of the rest, all but the most frequent.
    """
    tfidf = TfidfVectorizer(
        analyzer=prepared_terms, binary=True, min_df=min_df, max_features=max_terms, dtype=np.float32
    )
    features = tfidf.fit_transform(texts)
    ridge = Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3).fit(features, logits, sample_weight=weights)
    model = LinearModel(list(tfidf.get_feature_names_out()), tfidf.idf_, ridge.coef_.T, ridge.intercept_, NAME)
    model.save(path)
    return model


def calibrated(model: LinearModel, heads: dict[str, Calibration]) -> LinearModel:
    """The model with each head's calibration worked into its weights, so that its file needs no other field."""
    bias = list(chain.from_iterable(heads[task].bias for task in TASKS))
    temperature = list(chain.from_iterable([heads[task].temperature] * len(heads[task].bias) for task in TASKS))
    return model.calibrated(np.array(bias), np.array(temperature))
