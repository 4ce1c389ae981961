"""``barometer replay``: the job with a progress bar, and its outcome in words or JSON."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from barometer.stores.streams import Books
from barometer.streams import BOOKS
from infra.feeds.live import stopped_by_signals
from infra.feeds.replay.bookmark import Bookmark, Bookmarks
from infra.feeds.replay.job import Options, Replay
from infra.feeds.settled import settled
from infra.feeds.writer import Raw, Writer

# What a shell takes for "ended by Ctrl-C".
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the command did.

    Attributes:
        name: the file's.
        bookmark: where it stands, over all runs of the command.
        sent: posts accepted by this run.
        seconds: what that took.
        books: the pipeline's, if the command waited for them.
    """

    name: str
    bookmark: Bookmark
    sent: int
    seconds: float
    books: Books | None

    @property
    def exit_code(self) -> int:
        """0; 130 if it was stopped before the end; 1 if it waited and the books do not balance."""
        if not self.bookmark.finished:
            return _INTERRUPTED
        return int(self.books is not None and self.books.missing != 0)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        mark = self.bookmark
        books = (
            None
            if self.books is None
            else {name: getattr(self.books, name) for name in (*BOOKS, "in_flight", "missing")}
        )
        return {
            "file": self.name,
            "finished": mark.finished,
            "accepted": mark.accepted,
            "rejected": mark.rejected,
            "faults": [fault.model_dump() for fault in mark.faults],
            "sent": self.sent,
            "seconds": round(self.seconds, 3),
            "posts_per_second": round(self.sent / self.seconds, 1) if self.seconds else None,
            "books": books,
        }

    def show(self, console: Console) -> None:
        """For people."""
        mark = self.bookmark
        if not self.sent and mark.finished:
            console.print(f"{self.name}: nothing left to send; --again sends it once more, as new posts")
        else:
            rate = f" in {self.seconds:.1f} s ({self.sent / self.seconds:,.0f}/s)" if self.seconds else ""
            console.print(f"{self.name}: {self.sent:,} posts accepted{rate}")
        if not mark.finished:
            console.print(f"stopped before line {mark.line:,}; run it again to go on")
        if mark.rejected:
            console.print(f"{mark.rejected:,} rows rejected, {mark.accepted:,} accepted in all:")
            table = Table("line", "field", "reason", box=None, padding=(0, 2, 0, 0))
            for fault in mark.faults:
                table.add_row(str(fault.line), fault.field, fault.reason)
            console.print(table)
            if mark.rejected > len(mark.faults):
                console.print(f"and {mark.rejected - len(mark.faults):,} more; --rejects FILE keeps all")
        if self.books is not None:
            counts = ", ".join(f"{name} {getattr(self.books, name):,}" for name in BOOKS)
            verdict = "the books balance" if not self.books.missing else f"{self.books.missing:,} MISSING"
            console.print(f"{counts}: {verdict}")


async def replay_file(path: Path, raw: Raw, folder: Path, options: Options, *, wait: bool, screen: Console) -> Outcome:
    """Replay ``path`` with bookmarks in ``folder``; SIGINT and SIGTERM stop it between two batches.

    Raises:
        BarometerError: the file cannot be read as posts, or the pipeline took nothing for too long.
    """
    stop = asyncio.Event()
    replay = Replay(path, Bookmarks(folder), options)
    mark = replay.bookmark
    before, began = mark.accepted, monotonic()
    with stopped_by_signals(stop), _bar(screen, replay) as bar:
        writer = Writer(raw, stop, waiting=bar.waiting)
        await replay.run(writer, stop, retention=raw.retention, moved=bar.moved)
    seconds = monotonic() - began
    books = await settled(raw) if wait and mark.finished else None
    return Outcome(path.name, mark, mark.accepted - before, seconds, books)


class _Bar:
    """A progress bar over the file's bytes, since nobody has counted its rows."""

    def __init__(self, progress: Progress, replay: Replay) -> None:
        self._progress, self._replay = progress, replay
        self._before, self._began, self._why = replay.bookmark.accepted, monotonic(), ""
        self._task = progress.add_task("", total=replay.size, completed=replay.bookmark.offset, posts="", why="")

    def moved(self) -> None:
        mark = self._replay.bookmark
        rate = (mark.accepted - self._before) / max(0.001, monotonic() - self._began)
        self._progress.update(self._task, completed=mark.offset, posts=f"{mark.accepted:,} posts, {rate:,.0f}/s")

    def waiting(self, why: str) -> None:
        if self._progress.disable and why != self._why:
            self._progress.console.print(f"waiting: {why}" if why else "going on")
        self._why = why
        self._progress.update(self._task, why=f"waiting: {why}" if why else "")


@contextmanager
def _bar(screen: Console, replay: Replay) -> Iterator[_Bar]:
    columns = (
        BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[posts]}"), TimeRemainingColumn(),
        TextColumn("{task.fields[why]}", style="yellow"),
    )  # fmt: skip
    # Where nobody watches there is nothing to redraw.
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as progress:
        yield _Bar(progress, replay)
