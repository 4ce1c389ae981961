"""What a checkpoint's labels mean: its outputs read as Barometer's three sentiments and seven emotions.

Promises: every output goes to exactly one of our labels, or the checkpoint is refused with the label that nobody knows;
where it has none for one of ours (an emotion model without disgust), that one's share is 0.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

from barometer.errors import SettingsError
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution

_POSITIVE, _NEUTRAL, _NEGATIVE = SENTIMENTS

_SENTIMENTS: Final = {
    **dict.fromkeys(("positive", "pos", "very positive", "extremely positive"), _POSITIVE),
    **dict.fromkeys(("neutral", "neu"), _NEUTRAL),
    **dict.fromkeys(("negative", "neg", "very negative", "extremely negative"), _NEGATIVE),
    **dict.fromkeys(("1 star", "2 stars"), _NEGATIVE),
    **dict.fromkeys(("3 stars",), _NEUTRAL),
    **dict.fromkeys(("4 stars", "5 stars"), _POSITIVE),
}
# A head whose labels were never named. By custom (TweetEval, SST, Yelp) its classes rise from worst to best.
_RISING: Final = {
    2: (_NEGATIVE, _POSITIVE),
    3: (_NEGATIVE, _NEUTRAL, _POSITIVE),
    5: (_NEGATIVE, _NEGATIVE, _NEUTRAL, _POSITIVE, _POSITIVE),
}
_UNNAMED: Final = re.compile(r"(?:label )?(\d)")

# The 27 emotions of GoEmotions (Demszky et al., 2020) by the grouping that its authors give for Ekman's six, and the
# names that other sets use for the same.
_EMOTIONS: Final = {
    label: emotion
    for emotion, labels in {
        "anger": "anger angry annoyance disapproval hate rage",
        "disgust": "disgust disgusted",
        "fear": "fear afraid scared nervousness worry",
        "joy": "joy happy happiness admiration amusement approval caring desire enthusiasm excitement fun gratitude"
        " love optimism pride relief",
        "neutral": "neutral others",
        "sadness": "sadness sad disappointment embarrassment grief pessimism remorse",
        "surprise": "surprise surprised confusion curiosity realization",
    }.items()
    for label in labels.split()
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a row of a checkpoint's logits becomes a distribution.

    Args:
        labels: ours, in order.
        columns: for each of ours, which outputs mean it.
        multi_label: each output is a yes or no of its own (a sigmoid), not a share of one whole (a softmax).
        neutral_below: of a checkpoint that knows no neutral: the share below which its surer class is called neutral.
    """

    labels: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    multi_label: bool
    neutral_below: float | None = None

    def of(self, logits: Sequence[float]) -> Distribution:
        """One text's distribution.

        Of a softmax, the shares of outputs that mean the same are added. Of yes-or-no outputs the surest counts, for
        several names of joy at once are not several joys; then all are scaled to one whole.
        """
        if self.multi_label:
            shares = [_sigmoid(logit) for logit in logits]
        else:
            highest = max(logits)
            shares = [exp(logit - highest) for logit in logits]
        together = max if self.multi_label else sum
        weights = [together(shares[at] for at in columns) if columns else 0.0 for columns in self.columns]
        if self.neutral_below is not None:
            weights = _with_neutral(weights, self.neutral_below)
        return Distribution.of(self.labels, weights)


def sentiments(labels: Mapping[int, str], *, multi_label: bool, neutral_below: float, checkpoint: str) -> Reading:
    """Read a sentiment checkpoint's ``id2label``.

    Raises:
        SettingsError: a label is unknown, or none means positive, or none negative.
    """
    names = [_plain(labels[at]) for at in range(len(labels))]
    unnamed = [match for match in map(_UNNAMED.fullmatch, names) if match]
    if len(unnamed) == len(names) in _RISING and [int(match[1]) for match in unnamed] == list(range(len(names))):
        meanings = list(_RISING[len(names)])
    else:
        meanings = [_meaning(name, _SENTIMENTS, "sentiment", labels.values(), checkpoint) for name in names]
    for needed in (_POSITIVE, _NEGATIVE):
        if needed not in meanings:
            raise SettingsError(f"{checkpoint} has no {needed} label; it has: {_listed(labels.values())}")
    band = None if _NEUTRAL in meanings else neutral_below
    return Reading(SENTIMENTS, _columns(SENTIMENTS, meanings), multi_label, band)


def emotions(labels: Mapping[int, str], *, multi_label: bool, checkpoint: str) -> Reading:
    """Read an emotion checkpoint's ``id2label``.

    Raises:
        SettingsError: a label is unknown.
    """
    names = [_plain(labels[at]) for at in range(len(labels))]
    meanings = [_meaning(name, _EMOTIONS, "emotion", labels.values(), checkpoint) for name in names]
    return Reading(EMOTIONS, _columns(EMOTIONS, meanings), multi_label)


def _with_neutral(weights: Sequence[float], below: float) -> list[float]:
    """Positive and negative with a third between them: a tie, as Davidson (1970) adds one to paired comparisons.

    Neutral weighs ``v * sqrt(positive * negative)``: most where the two are even, nothing where one is certain, and the
    odds between the two stay the checkpoint's own. ``v`` is such that neutral equals the surer of the two exactly where
    that one has the share ``below``.
    """
    positive, _, negative = weights
    tie = sqrt(below / (1 - below)) * sqrt(positive * negative)
    return [positive, tie, negative]


def _meaning(name: str, known: Mapping[str, str], kind: str, labels: Iterable[str], checkpoint: str) -> str:
    if name not in known:
        raise SettingsError(
            f"{checkpoint} has the label {name!r}, which is no {kind} known here; its labels: {_listed(labels)}"
        )
    return known[name]


def _columns(labels: Sequence[str], meanings: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(at for at, meaning in enumerate(meanings) if meaning == label) for label in labels)


def _plain(label: str) -> str:
    return " ".join(re.split(r"[\s_-]+", str(label).casefold().strip()))


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(str, labels))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit >= 0 else exp(logit) / (1 + exp(logit))
