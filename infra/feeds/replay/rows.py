"""A file's rows, one after another: each a post's JSON or the reason why it is none, and where it ends.

A bad row harms only itself. A CSV row whose quotes never close would swallow the rest of the file: only its first line
is at fault, and those after it are read again on their own.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from barometer.errors import InvalidInputError
from infra.feeds.lines import MOST_LINE_BYTES, Line, lines
from infra.feeds.replay.layout import Layout
from infra.feeds.source import RawPostJson, read_json


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: number of its first line, from 1.
        next_line, end: number and offset of the line after it: where to go on.
        data: its bytes, as far as they were read.
        post: the post's JSON, or why there is none.
    """

    line: int
    next_line: int
    end: int
    data: bytes
    post: RawPostJson | InvalidInputError


def rows(file: BinaryIO, layout: Layout, *, line: int, offset: int) -> Iterator[Row]:
    """The rows from line number ``line``, which begins at ``offset``; blank lines are skipped."""
    file.seek(offset)
    if layout.kind == "csv":
        yield from _csv(file, layout, line, offset)
        return
    for each in lines(file, number=line, offset=offset):
        if each.data is None:
            yield Row(each.number, each.number + 1, each.end, b"", _too_long())
        elif each.data.strip():
            yield Row(each.number, each.number + 1, each.end, each.data, _read(layout, each.data))


def _read(layout: Layout, data: bytes) -> RawPostJson | InvalidInputError:
    try:
        if layout.kind == "jsonl":
            return read_json(data)
        return _post(layout, _text(data).rstrip("\r\n").split("\t"))
    except InvalidInputError as error:
        return error


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError("", f"is not valid UTF-8 at byte {error.start + 1}") from None


def _too_long() -> InvalidInputError:
    return InvalidInputError("", f"is longer than {MOST_LINE_BYTES:,} bytes")


def _post(layout: Layout, cells: list[str]) -> RawPostJson:
    if len(cells) != len(layout.columns):
        raise InvalidInputError("", f"has {len(cells)} columns, not {len(layout.columns)}")
    post: RawPostJson = {}
    metadata: dict[str, Any] = {}
    for column, cell in zip(layout.columns, cells, strict=True):
        if column.startswith("metadata."):
            metadata[column.removeprefix("metadata.")] = cell
        elif column == "metadata" and cell:
            try:
                post["metadata"] = orjson.loads(cell)
            except orjson.JSONDecodeError as error:
                raise InvalidInputError("metadata", f"is not JSON: {error}") from None
        elif cell or column == "text":  # an empty cell is an absent field; a text must be said to be empty
            post[column] = cell
    if metadata:
        post["metadata"] = metadata
    return post


class _Tape:
    """Feeds a ``csv.reader``, which takes as many lines as a row has, and remembers which it took."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self.taken: list[Line] = []

    def __iter__(self) -> "_Tape":
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self.taken.append(line)
        if line.data is None:
            raise InvalidInputError("", _too_long().reason)
        return _text(line.data)


def _csv(file: BinaryIO, layout: Layout, line: int, offset: int) -> Iterator[Row]:
    while True:  # bounded: each turn begins at a later line
        tape = _Tape(lines(file, number=line, offset=offset))
        reader = csv.reader(tape, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield _csv_row(tape.taken, _whole(layout, cells))
                tape.taken.clear()
        except (csv.Error, InvalidInputError) as error:
            reason = error if isinstance(error, InvalidInputError) else InvalidInputError("", f"is not CSV: {error}")
            yield _csv_row(tape.taken[:1], reason)
            line, offset = tape.taken[0].number + 1, tape.taken[0].end
            file.seek(offset)
        else:
            return


def _whole(layout: Layout, cells: list[str]) -> RawPostJson | InvalidInputError:
    try:
        return _post(layout, cells)
    except InvalidInputError as error:
        return error


def _csv_row(taken: list[Line], post: RawPostJson | InvalidInputError) -> Row:
    data = b"".join(line.data or b"" for line in taken)
    return Row(taken[0].number, taken[-1].number + 1, taken[-1].end, data, post)
