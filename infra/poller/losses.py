"""What Redis lost between two looks at a partition, as far as counters and lengths tell. Pure.

What a poller's scripts and the API's write, they count in the same step, and some counters only grow. So a counter that
went back means that Redis was emptied, or started from older data; and posts that are neither in a stream nor counted
as ended, that somebody took them out of a stream. What came and went between two looks leaves no trace here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from barometer.streams import BOOK_STREAMS, BOOKS, Pipe

ACCEPTED, *ENDS = BOOKS


@dataclass(frozen=True, slots=True)
class Look:
    """One partition at one instant: its counters, and the length of each of its streams."""

    counters: Mapping[str, int]
    lengths: Mapping[str, int]

    @property
    def missing(self) -> int:
        """Accepted posts that neither ended nor lie in a stream: 0, as long as nobody meddles."""
        known = sum(self.counters.get(name, 0) for name in ENDS) + sum(self.lengths[name] for name in BOOK_STREAMS)
        return self.counters.get(ACCEPTED, 0) - known


@dataclass(frozen=True, slots=True)
class Loss:
    """What is gone: accepted posts that are not even counted any more, unfinished records, and counters that fell."""

    why: str
    accepted: int
    unfinished: int
    counters: Mapping[str, int]


def loss(pipes: Iterable[Pipe], before: Look, now: Look) -> Loss | None:
    """What was lost between two looks; ``None``: nothing that they tell of."""
    fallen = {
        name: before.counters[name] - now.counters.get(name, 0)
        for name in [ACCEPTED, *(f"{pipe.name}.in" for pipe in pipes)]
        if before.counters.get(name, 0) > now.counters.get(name, 0)
    }
    if fallen:
        shorter = sum(max(0, length - now.lengths[name]) for name, length in before.lengths.items())
        why = "counters went back: Redis was emptied, or started from older data"
        return Loss(why, fallen.get(ACCEPTED, 0), shorter, fallen)
    if now.missing > before.missing:
        return Loss("posts left a stream without coming to an end", 0, now.missing - before.missing, {})
    return None
