"""What may grow under a steady load and how far: the judgement of a soak. Pure.

Whatever is not named here as growing by design may become larger than it was when warm by its tolerance, and no more.
"""

from dataclasses import dataclass
from math import inf

from tests.bench.parts import FUNCTION
from tests.bench.vitals import Vitals

MB = 1024 * 1024
# What a process may grow by after it is warm: Python's allocator gives memory back late and in pieces.
_TOLERATED_SHARE = 0.10
_TOLERATED_BYTES = 4 * MB
# Open files of a process: connections of pools come and go.
_TOLERATED_FILES = 4
# Of the runner, for each function's process that is there now and was not before: its pipes and its connection.
_FILES_AN_ENVIRONMENT = 5
# Posts that may wait more than before, in seconds of the rate.
_TOLERATED_WAITING_SECONDS = 5.0
_REDIS_BYTES_A_POST = 300
_POSTGRES_BYTES = 128 * MB
# What grows by design, and why that has a bound.
STORES = {
    "redis": f"by keys of the last 10 to 20 minutes it knows copies: {_REDIS_BYTES_A_POST} bytes a post",
    "postgres": f"its {_POSTGRES_BYTES // MB} MB of shared buffers fill with the table and stay full",
}


@dataclass(frozen=True, slots=True)
class Growth:
    """One measure at a quarter of the time and at the end, and the most that it may have become."""

    of: str
    what: str
    before: float
    after: float
    most: float

    @property
    def too_much(self) -> bool:
        """Whether it grew beyond what is tolerated."""
        return self.after > self.most


def parts(warm: Vitals, end: Vitals) -> list[tuple[Growth, Growth, Growth]]:
    """Of each part but the stores: how many processes, and the memory and open files of each."""
    found = []
    environments = _environments(end) - _environments(warm)
    for name, after in end.parts.items():
        if name in STORES:
            continue
        before = warm.parts.get(name, after)
        # Of a function there are as many as its calls overlap, up to its reserved concurrency.
        most = inf if name.endswith(FUNCTION) else before.processes + 0.5
        files = before.files_each + _TOLERATED_FILES
        if name == "runner":
            files += _FILES_AN_ENVIRONMENT * max(0.0, environments)
        memory = before.memory_each * (1 + _TOLERATED_SHARE) + _TOLERATED_BYTES
        found.append(
            (
                Growth(name, "processes", before.processes, after.processes, most),
                Growth(name, "memory", before.memory_each, after.memory_each, memory),
                Growth(name, "open files", before.files_each, after.files_each, files),
            )
        )
    return found


def _environments(at: Vitals) -> float:
    return sum(part.processes for name, part in at.parts.items() if name.endswith(FUNCTION))


def stores(warm: Vitals, end: Vitals) -> list[Growth]:
    """Memory of all processes of a store, which grows by design, to a bound."""
    posts = end.books.accepted - warm.books.accepted
    grants = {"redis": _TOLERATED_BYTES + _REDIS_BYTES_A_POST * posts, "postgres": _POSTGRES_BYTES}
    return [
        Growth(name, "memory", warm.parts[name].memory, end.parts[name].memory, warm.parts[name].memory + grant)
        for name, grant in grants.items()
    ]


def streams(warm: Vitals, end: Vitals, rate: float) -> list[Growth]:
    """Records that wait before each pipe."""
    return [
        Growth(name, "waiting records", before, end.waiting[name], before + _TOLERATED_WAITING_SECONDS * rate)
        for name, before in warm.waiting.items()
    ]
