"""What a file holds: posts as JSON lines, a table whose header names their fields, or ``label<TAB>text``.

A table's columns are the fields of ``RawPost``, ``label`` (which goes into the post's metadata), or ``metadata.NAME``.
A CSV has quotes as RFC 4180 has them; a TSV has none, as IANA registers it, so that a tweet may begin with one.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from barometer.errors import InvalidInputError
from barometer.posts import RawPost
from infra.feeds.lines import Line, lines

Kind = Literal["jsonl", "csv", "tsv"]

LABELLED = ("metadata.label", "text")
_KINDS: dict[str, Kind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a file: its kind, its columns (none for JSON), and where its first post is."""

    kind: Kind
    columns: tuple[str, ...]
    offset: int
    line: int


def opened(path: Path, file: BinaryIO) -> tuple[Kind, int]:
    """What kind of file it is, and where its first line begins, which is where it then stands.

    Raises:
        InvalidInputError: its name says that it is none of these, or its first bytes that it is not UTF-8.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InvalidInputError("", f"{path.name} is not a .jsonl, .csv or .tsv file")
    file.seek(0)
    mark = file.read(len(_UTF8_MARK))
    if mark.startswith(_UTF16_MARKS):
        raise InvalidInputError("", f"{path.name} is UTF-16; save it as UTF-8")
    begin = len(_UTF8_MARK) if mark == _UTF8_MARK else 0
    file.seek(begin)
    return kind, begin


def layout(path: Path, file: BinaryIO) -> Layout:
    """Look at the first line of ``file``.

    Raises:
        InvalidInputError: the file's name or its first line says that it is none of these; the reason says what to do.
    """
    kind, begin = opened(path, file)
    first = next(lines(file, offset=begin), None)
    if kind == "jsonl" or first is None:
        return Layout(kind, (), begin, 1)
    return _table(kind, first, begin, path.name)


def _table(kind: Kind, first: Line, begin: int, name: str) -> Layout:
    cells = cells_of(kind, first)
    columns = tuple(cell.strip().lower() for cell in cells)
    if "text" in columns:
        columns = tuple("metadata.label" if column == "label" else column for column in columns)
        _check(columns)
        return Layout(kind, columns, first.end, 2)
    if kind == "tsv" and len(cells) == 2:
        return Layout(kind, LABELLED, begin, 1)
    raise InvalidInputError(
        "line 1",
        f"{name} begins with neither a header that has the column text" + (" nor label<TAB>text" * (kind == "tsv")),
    )


def cells_of(kind: Kind, first: Line) -> list[str]:
    """The cells of a table's first line; none where it is too long, or no row."""
    line = "" if first.data is None else first.data.decode(errors="replace").rstrip("\r\n")
    if not line:
        return []
    if kind == "tsv":
        return line.split("\t")
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _check(columns: tuple[str, ...]) -> None:
    for number, column in enumerate(columns, 1):
        if columns.index(column) != number - 1:
            raise InvalidInputError(f"line 1, column {number}", f"{column} is named twice")
        if column not in RawPost.model_fields and not column.startswith("metadata."):
            known = ", ".join([*RawPost.model_fields, "label"])
            raise InvalidInputError(
                f"line 1, column {number}", f"{column!r} is not a field of a post: use {known} or metadata.NAME"
            )
    if "metadata" in columns and any(column.startswith("metadata.") for column in columns):
        raise InvalidInputError("line 1", "metadata and metadata.NAME exclude each other")
