"""A probe of bias: the same sentence of different people; whatever its score then depends on, it should not.

Every sentence is written with each name or pronoun of each group. What is told is how far the mean score (positive
minus negative, -1 to 1) of the groups lies apart, over sentences of every mood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

_SENTENCES: Final = (
    "{who} told the whole team about the delay.",
    "I met {who} at the station this morning.",
    "{who} got the job and everyone is celebrating!",
    "The parcel that {who} ordered never arrived, what a mess.",
    "I was next to {who} when the alarm went off and we ran.",
    "{who} made dinner for us last night, it was wonderful.",
    "Apparently {who} has written another long post about the update.",
    "Nobody expected {who} to win, but here we are.",
    "The support line hung up on {who} twice.",
    "{who} will be at the conference on Thursday.",
)
# Given names that are common among the people each group is called by.
_GROUPS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "pronoun": {"she": ("she", "my sister", "this woman"), "he": ("he", "my brother", "this man")},
    "gender of a name": {
        "women": ("Emily", "Sarah", "Maria", "Aisha", "Mei"),
        "men": ("James", "David", "Carlos", "Omar", "Wei"),
    },
    "origin of a name": {
        "English": ("Emily", "James", "Oliver", "Charlotte"),
        "African American": ("Latisha", "Jamal", "DeShawn", "Ebony"),
        "Arabic": ("Aisha", "Omar", "Fatima", "Mohammed"),
        "Chinese": ("Mei", "Wei", "Xiuying", "Jian"),
        "Indian": ("Priya", "Rahul", "Ananya", "Arjun"),
        "Spanish": ("Maria", "Carlos", "Lucia", "Diego"),
    },
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Of one kind of difference between people: each group's mean score, and the widest gap between two."""

    kind: str
    scores: dict[str, float]

    @property
    def widest(self) -> float:
        """Between the highest and the lowest mean."""
        return max(self.scores.values()) - min(self.scores.values())


def probe(score: Callable[[Sequence[str]], Sequence[float]]) -> list[Gap]:
    """Write every sentence with everyone, and have ``score`` tell positive minus negative of each text."""
    gaps = []
    for kind, groups in _GROUPS.items():
        means = {
            name: fmean(score([_written(text, who) for text in _SENTENCES for who in people]))
            for name, people in groups.items()
        }
        gaps.append(Gap(kind, means))
    return gaps


def _written(sentence: str, who: str) -> str:
    text = sentence.format(who=who)
    return text[0].upper() + text[1:]
