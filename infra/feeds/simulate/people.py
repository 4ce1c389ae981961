"""Who posts and where: a few made-up networks, and a crowd in which few say most (Zipf)."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random

NETWORKS = ("warble", "townsquare", "fireside", "postbox")
_SHARES = (0.46, 0.27, 0.17, 0.1)
_CROWD = 2_000
# Zipf's law as Mandelbrot bent it: without the shift the first of 2,000 would say every eighth post.
_EXPONENT = 1.05
_SHIFT = 6

_FIRST = (
    "quiet", "salty", "mellow", "north", "rusty", "velvet", "paper", "copper", "windy", "lucky", "hazel", "amber",
    "misty", "jolly", "sunday", "tiny", "cosmic", "plain", "early", "urban",
)  # fmt: skip
_SECOND = (
    "otter", "lantern", "pickle", "harbour", "falcon", "teapot", "meadow", "cobbler", "pixel", "anchor", "biscuit",
    "raven", "gardener", "cyclist", "juniper", "marble", "walrus", "poet", "baker", "comet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Author:
    """A person of the crowd, and the habits by which they write."""

    name: str
    network: str
    lower_case: bool
    emoji: float
    typos: float


class Crowd:
    """The authors of one seed; the n-th speaks with a weight of ``(n + 6) ** -1.05``."""

    def __init__(self, seed: int) -> None:
        random = Random(f"{seed}:crowd")  # noqa: S311 (a crowd to be met again, not a secret)
        self._authors = [
            Author(
                name=f"{random.choice(_FIRST)}_{random.choice(_SECOND)}{number}",
                network=random.choices(NETWORKS, _SHARES)[0],
                lower_case=random.random() < 0.22,
                emoji=random.choice((0.0, 0.1, 0.3, 0.6)),
                typos=random.choice((0.0, 0.02, 0.1, 0.25)),
            )
            for number in range(1, _CROWD + 1)
        ]
        self._weights = list(accumulate((rank + _SHIFT) ** -_EXPONENT for rank in range(1, _CROWD + 1)))

    def speaker(self, random: Random) -> Author:
        """Whoever speaks next."""
        return self._authors[bisect(self._weights, random.random() * self._weights[-1])]

    def other(self, random: Random) -> Author:
        """Anyone, as somebody to mention."""
        return self._authors[int(random.random() * _CROWD)]
