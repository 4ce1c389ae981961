"""One replay: rows to checked posts, batches into ``raw``, the bookmark after each.

Exactly once: a batch is accepted before the bookmark tells of it, and its posts have ids made of the file's content and
their line. A replay killed between the two sends that batch again, and the pipeline counts those posts as duplicates.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import orjson

from barometer.errors import BarometerError, InvalidInputError
from barometer.posts import RawPost
from infra.feeds.pace import Pace
from infra.feeds.replay.bookmark import Bookmark, Bookmarks, Fault, digest
from infra.feeds.replay.layout import Layout, layout
from infra.feeds.replay.rows import Row, rows
from infra.feeds.source import raw_post
from infra.feeds.writer import MOST_AT_ONCE, Writer


@dataclass(frozen=True, slots=True)
class Options:
    """How to replay.

    Attributes:
        rate: posts a second at most; ``None``: as fast as the pipeline takes them.
        now: whether every post is stamped with the moment it is sent, whatever the file says.
        source: source of the posts that name none; ``None``: the file's name, or what the replay was begun with.
        again: begin anew, with posts that are new even where they were replayed before.
        rejects: file that takes the rows that were no posts, as JSON lines.
    """

    rate: float | None = None
    now: bool = False
    source: str | None = None
    again: bool = False
    rejects: Path | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    posts: list[RawPost]
    faults: list[tuple[Fault, Row]]
    line: int
    offset: int


class Replay:
    """A file on its way. ``bookmark`` tells how far it is, ``size`` how far it has to go."""

    def __init__(self, path: Path, bookmarks: Bookmarks, options: Options) -> None:
        self._path, self._bookmarks, self._options = path, bookmarks, options
        with path.open("rb") as file:
            self._layout: Layout = layout(path, file)
            content = digest(file)
            self.size = file.tell()
        self.bookmark = self._begin(content)

    def _begin(self, content: str) -> Bookmark:
        found, source = self._bookmarks.find(content), self._options.source
        if found is not None and not self._options.again:
            if source is not None and source != found.source:
                raise BarometerError(
                    f"{self._path.name} was begun with --source {found.source}: go on with that, or begin with --again"
                )
            return found
        return Bookmark(
            content=content,
            run=1 if found is None else found.run + 1,
            source=source or _source_of(self._path),
            line=self._layout.line,
            offset=self._layout.offset,
        )

    async def run(
        self, writer: Writer, stop: asyncio.Event, *, retention: timedelta, moved: Callable[[], None] = lambda: None
    ) -> None:
        """Send what is left of the file, until its end or until ``stop`` is set; ``moved`` is called after each batch.

        Raises:
            BarometerError: the writer gave up, or a file cannot be written; what was accepted is in the bookmark.
        """
        pace = Pace(self._options.rate)
        size = pace.batch_size(MOST_AT_ONCE)
        # Both before the first post: what cannot be written is told now, and a crash does not forget which run this is.
        self._keep_rejects([])
        self._bookmarks.keep(self.bookmark)
        with self._path.open("rb") as file:
            batches = self._batches(file, size, retention)
            while not stop.is_set() and (batch := next(batches, None)) is not None:
                await pace.turn(len(batch.posts), stop)
                if stop.is_set():
                    return
                if batch.posts:
                    try:
                        await writer.write(batch.posts)
                    except BarometerError:
                        if stop.is_set():
                            return  # what was not taken lies after the bookmark
                        raise
                self._accepted(batch)
                moved()
                await asyncio.sleep(0)  # let signals and the screen have their turn
        if not stop.is_set():
            self.bookmark.finished = True
            self._bookmarks.keep(self.bookmark)

    def _batches(self, file: BinaryIO, size: int, retention: timedelta) -> Iterator[_Batch]:
        """Batches of ``size`` rows: a file of nothing but bad rows moves on, too."""
        posts: list[RawPost] = []
        faults: list[tuple[Fault, Row]] = []
        mark = self.bookmark
        for row in rows(file, self._layout, line=mark.line, offset=mark.offset):
            try:
                posts.append(self._post(row, retention))
            except InvalidInputError as error:
                faults.append((Fault(line=row.line, field=error.field, reason=error.reason), row))
            if len(posts) + len(faults) >= size:
                yield _Batch(posts, faults, row.next_line, row.end)
                posts, faults = [], []
        if posts or faults:
            yield _Batch(posts, faults, row.next_line, row.end)

    def _post(self, row: Row, retention: timedelta) -> RawPost:
        if isinstance(row.post, InvalidInputError):
            raise row.post
        body, now = row.post, datetime.now(UTC)
        if body.get("source") is None:
            body["source"] = self.bookmark.source
        if body.get("source_id") is None:
            body["source_id"] = f"{self.bookmark.post_id_prefix}{row.line}"
        if self._options.now:
            body["created_at"] = now
        return raw_post(body, now, retention)

    def _accepted(self, batch: _Batch) -> None:
        mark = self.bookmark
        mark.accepted += len(batch.posts)
        mark.line, mark.offset = batch.line, batch.offset
        for fault, _ in batch.faults:
            mark.reject(fault)
        self._keep_rejects(batch.faults)
        self._bookmarks.keep(mark)

    def _keep_rejects(self, faults: list[tuple[Fault, Row]]) -> None:
        """Append them to ``--rejects``; of a batch that a crash made us repeat they stand there twice."""
        path = self._options.rejects
        if path is None:
            return
        try:
            with path.open("ab") as file:
                for fault, row in faults:
                    text = row.data.decode(errors="replace").rstrip("\r\n")
                    file.write(orjson.dumps(fault.model_dump() | {"row": text}, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise BarometerError(f"cannot write {path}: {error.strerror}") from error


def _source_of(path: Path) -> str:
    """The file's name as a source: ``Tweets 2019.csv`` is ``tweets-2019``."""
    return re.sub(r"[^a-z0-9_.-]+", "-", path.stem.lower()).strip("-_.")[:64] or "replay"
