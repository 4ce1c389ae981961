"""The corpus: labelled posts as targets of two tasks, from tab-separated files (``label<TAB>text``).

Promises: a post has the same targets in every run; a file that is missing or a label that nobody knows is named; rows
of validation files are never among the rows to learn from.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Final

from barometer.analyzers.preparation import prepare
from barometer.errors import InvalidInputError
from barometer.scores import EMOTIONS, SENTIMENTS

Shares = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One prepared text and what it teaches: shares that sum to 1, or ``None`` where its file does not say."""

    raw: str
    text: str
    sentiment: Shares | None
    emotion: Shares | None
    weight: float = 1.0


def sentiment_of(label: str) -> Shares:
    """``positive``, ``neutral`` or ``negative`` as shares."""
    return _shares(SENTIMENTS, [label])


def emotion_of(labels: str) -> Shares:
    """One emotion, or several joined by commas that share evenly."""
    return _shares(EMOTIONS, labels.split(","))


def rating_of(mean: str) -> Shares:
    """The mean of twenty people's ratings, -4 to 4: half positive at 0.7, half negative at -0.7."""
    positive = 1 / (1 + exp(-4 * (float(mean) - 0.7)))
    negative = 1 / (1 + exp(4 * (float(mean) + 0.7)))
    return positive, 1 - positive - negative, negative


def _dair(label: str) -> Shares | None:
    return emotion_of("joy" if label == "love" else label)


def _tweeteval_emotion(label: str) -> Shares | None:
    return emotion_of("joy" if label == "optimism" else label)


def _isear(label: str) -> Shares | None:
    # Shame and guilt are nobody's among the seven. People told what made them feel so, hence some that others share.
    return None if label in {"shame", "guilt"} else emotion_of(label)


def _shares(labels: Sequence[str], told: Sequence[str]) -> Shares:
    for label in told:
        if label not in labels:
            raise ValueError(label)
    return tuple(told.count(label) / len(told) for label in labels)


@dataclass(frozen=True, slots=True)
class Source:
    """One file to learn from: its task, how its labels are read, what a row of it weighs, and its terms."""

    file: str
    task: str
    shares_of: Callable[[str], Shares | None]
    weight: float
    terms: str

    @property
    def permissive(self) -> bool:
        """Whether its licence lets anyone use what is made from it."""
        return self.terms in {"Apache-2.0", "MIT"}


SOURCES: Final = (
    Source("semeval2013-16_sentiment_train.tsv", "sentiment", sentiment_of, 1.0, "research, Twitter's terms"),
    Source("sst2_train.tsv", "sentiment", sentiment_of, 0.5, "research"),
    Source("vader_tweets_groundtruth.tsv", "sentiment", rating_of, 1.0, "MIT"),
    Source("goemotions_ekman_train.tsv", "emotion", emotion_of, 1.0, "Apache-2.0"),
    Source("dair_emotion_train.tsv", "emotion", _dair, 0.3, "education and research"),
    Source("tweeteval_emotion_train.tsv", "emotion", _tweeteval_emotion, 0.7, "research, Twitter's terms"),
    Source("isear.tsv", "emotion", _isear, 0.5, "research"),
)
VALIDATION: Final = (
    Source("tweeteval_sentiment_val.tsv", "sentiment", sentiment_of, 1.0, "research, Twitter's terms"),
    Source("goemotions_ekman_dev.tsv", "emotion", emotion_of, 1.0, "Apache-2.0"),
)


def learn_from(folder: Path, *, permissive_only: bool = False) -> list[Example]:
    """Every row to learn from, in the order of the files; texts that a validation file has are left out.

    Raises:
        InvalidInputError: a file is missing, or a row of one cannot be read.
    """
    held_back = {example.text for source in VALIDATION for example in _examples(folder, source)}
    sources = [source for source in SOURCES if source.permissive or not permissive_only]
    examples = [example for source in sources for example in _examples(folder, source)]
    return [example for example in examples if example.text not in held_back]


def validate_on(folder: Path, task: str) -> list[Example]:
    """The rows that choices are made on: those with one label, for what is measured is one label a text."""
    (source,) = (source for source in VALIDATION if source.task == task)
    return [example for example in _examples(folder, source) if max(_target(example)) == 1.0]


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """The same rows in an order that the seed alone decides."""
    order = list(examples)
    random.Random(seed).shuffle(order)  # noqa: S311 (an order, not a secret)
    return order


def _examples(folder: Path, source: Source) -> Iterator[Example]:
    path = folder / source.file
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        reason = f"{error.strerror}; training needs every file that the model card lists"
        raise InvalidInputError(str(path), reason) from error
    for number, line in enumerate(lines, 1):
        label, _, text = line.partition("\t")
        try:
            shares = source.shares_of(label)
        except ValueError as error:
            raise InvalidInputError(f"{path}:{number}", f"has no label of this file: {label!r}") from error
        if shares is not None and text.strip():
            sentiment, emotion = (shares, None) if source.task == "sentiment" else (None, shares)
            yield Example(text, prepare(text), sentiment, emotion, source.weight)


def _target(example: Example) -> Shares:
    return example.sentiment or example.emotion or ()
