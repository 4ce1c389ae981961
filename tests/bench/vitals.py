"""What a running home holds at one moment: memory and open files of each part, lengths of streams, the books.

Memory is the proportional set size: a page that several processes share counts for each in equal parts, so that parts
may be added up. Linux tells it in ``/proc``.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil

from barometer.stores.deployment import deployment
from barometer.stores.streams import Books, books, pipes
from infra.feeds.writer import Raw
from infra.local.home import Home
from infra.local.state import read_state
from tests.bench.parts import processes


@dataclass(frozen=True, slots=True)
class Part:
    """All processes of one part: how many, and the bytes and open files that they hold together."""

    processes: float
    memory: float
    files: float

    @property
    def memory_each(self) -> float:
        """Bytes of one process."""
        return self.memory / self.processes

    @property
    def files_each(self) -> float:
        """Open files of one process."""
        return self.files / self.processes


@dataclass(frozen=True, slots=True)
class Vitals:
    """One moment, or the mean of several; of the books and of ``restarts`` (parts started again) the last."""

    parts: Mapping[str, Part]
    waiting: Mapping[str, float]
    books: Books
    restarts: Mapping[str, int]


def take(home: Home, raw: Raw, pipes_parameter: str) -> Vitals:
    """Look at everything once."""
    count: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for name, process in processes(home):
        with contextlib.suppress(psutil.Error, OSError):  # it has just ended
            held, opened = _proportional_set_size(process.pid), process.num_fds()
            count[name] += 1
            memory[name] += held
            files[name] += opened
    waiting = {
        pipe.source: float(pipe.lag + pipe.pending)
        for pipe in pipes(raw.client, deployment(pipes_parameter), raw.partitions)
    }
    restarts = {record.name: record.restarts for record in read_state(home).processes if record.restarts}
    parts = {name: Part(count[name], memory[name], files[name]) for name in count}
    return Vitals(parts, waiting, books(raw.client, raw.partitions), restarts)


def mean(looks: Sequence[Vitals]) -> Vitals:
    """Several looks as one: a single one may meet a process between two breaths."""
    names = {name for look in looks for name in look.parts}
    return Vitals(
        parts={name: _mean_part([look.parts[name] for look in looks if name in look.parts]) for name in sorted(names)},
        waiting={name: fmean(look.waiting[name] for look in looks) for name in looks[-1].waiting},
        books=looks[-1].books,
        restarts=looks[-1].restarts,
    )


def _mean_part(parts: Sequence[Part]) -> Part:
    return Part(
        fmean(part.processes for part in parts),
        fmean(part.memory for part in parts),
        fmean(part.files for part in parts),
    )


def _proportional_set_size(pid: int) -> int:
    """Bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/{pid}/smaps_rollup tells no Pss")
    return int(found[1]) * 1024
