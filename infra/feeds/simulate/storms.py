"""When the mood of one topic turns: a plan of storms, drawn from the seed alone.

Time here is the simulator's own: seconds since its first post at its mean rate. So the plan, and with it every post,
depends on the seed and the rate, never on the clock of the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

# The first storm comes early, so that whoever just started Barometer sees one within minutes.
_FIRST_CALM = (150.0, 300.0)
_CALM = (6 * 60.0, 20 * 60.0)
_LENGTH = (4 * 60.0, 9 * 60.0)
# The share of a storm in which it rises; it fades over the rest.
_RISE = 0.15


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm: its topic and its seconds."""

    topic: str
    begin: float
    end: float

    def severity(self, elapsed: float) -> float:
        """From 0 (before and after) to 1 (its height): a steep rise, a slow fade."""
        if not self.begin <= elapsed < self.end:
            return 0.0
        progress = (elapsed - self.begin) / (self.end - self.begin)
        return progress / _RISE if progress < _RISE else 1 - ((progress - _RISE) / (1 - _RISE)) ** 2


class StormPlan:
    """The storms of one seed, one at a time and without end.

    Args:
        seed: the same seed gives the same storms.
        topics: whom they may strike; the same topic is not struck twice in a row.
    """

    def __init__(self, seed: int, topics: Sequence[str]) -> None:
        self._random = Random(f"{seed}:storms")  # noqa: S311 (a plan to be repeated, not a secret)
        self._topics = tuple(topics)
        self._storm = self._next("", self._random.uniform(*_FIRST_CALM))

    def at(self, elapsed: float) -> Storm:
        """The storm that rages at ``elapsed``, or the next one; ``elapsed`` may only grow."""
        while elapsed >= self._storm.end:  # bounded: every storm ends later than the one before
            self._storm = self._next(self._storm.topic, self._storm.end + self._random.uniform(*_CALM))
        return self._storm

    def _next(self, last: str, begin: float) -> Storm:
        topic = self._random.choice([topic for topic in self._topics if topic != last])
        return Storm(topic, begin, begin + self._random.uniform(*_LENGTH))
