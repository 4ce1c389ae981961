"""Rows of a file whose labels people have told: ``label<TAB>text``, a table with a header, or JSON lines.

A table's header names the columns ``label`` and ``text`` among any others. A TSV without one has the label before the
first tab and the text after it, further tabs included. In JSON lines the label is ``label``, or ``label`` of the
``metadata``, where a replayed file has it.

A text is made clean as a post's is; one that could not be a post is skipped, and counted with the reason.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from barometer.errors import InvalidInputError
from barometer.faults import fault_of
from barometer.posts import Text
from infra.evaluation.labels import Labels, SkippedError
from infra.feeds.lines import Line, lines
from infra.feeds.replay.layout import Layout, cells_of, opened
from infra.feeds.replay.rows import rows

NO_LABEL = "no label"
_TEXT: TypeAdapter[str] = TypeAdapter(Text)


@dataclass(slots=True)
class Labelled:
    """What a file holds: texts and their labels, in its order, and how many of its rows are neither, by reason."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it stands in the file; ``text`` is not checked yet, and no label is ``""``."""

    line: int
    label: str
    text: object


def read(path: Path, labels: Labels, limit: int | None = None) -> Labelled:
    """Read a file, up to its first ``limit`` rows that can be measured.

    Raises:
        InvalidInputError: it is no file of labelled texts, or a label is not one of the task: with file and line.
        OSError: it cannot be read.
    """
    found = Labelled()
    with path.open("rb") as file:
        for row in _rows(path, file):
            if len(found.texts) == limit:
                break
            try:
                label, text = _label(path, row, labels), _clean(row)
            except SkippedError as error:
                found.skipped[str(error)] += 1
            else:
                found.labels.append(label)
                found.texts.append(text)
    return found


def _label(path: Path, row: "_Row | SkippedError", labels: Labels) -> str:
    if isinstance(row, SkippedError):
        raise row
    if not row.label.strip():
        raise SkippedError(NO_LABEL)
    try:
        return labels.read(row.label)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}:{row.line}", error.reason) from None


def _clean(row: "_Row | SkippedError") -> str:
    try:
        return _TEXT.validate_python(row.text if isinstance(row, _Row) else None)
    except ValidationError as error:
        raise SkippedError(f"the text {fault_of(error.errors()[0]).reason}") from None


def _rows(path: Path, file: BinaryIO) -> Iterator[_Row | SkippedError]:
    kind, begin = opened(path, file)
    first = next(lines(file, offset=begin), None)
    if first is None:
        return
    file.seek(begin)
    columns = () if kind == "jsonl" else tuple(cell.strip().lower() for cell in cells_of(kind, first))
    if kind == "jsonl":
        yield from _named(file, Layout(kind, (), begin, 1))
    elif {"label", "text"} <= set(columns):
        yield from _named(file, Layout(kind, columns, first.end, 2))
    elif kind == "tsv":
        yield from map(_label_and_text, lines(file, offset=begin))
    else:
        raise InvalidInputError(f"{path}:1", "is no header that has the columns label and text")


def _named(file: BinaryIO, layout: Layout) -> Iterator[_Row | SkippedError]:
    for row in rows(file, layout, line=layout.line, offset=layout.offset):
        if isinstance(row.post, InvalidInputError):
            yield SkippedError(f"the row {row.post}")
        else:
            metadata = row.post.get("metadata")
            label = row.post.get("label", metadata.get("label") if isinstance(metadata, dict) else None)
            yield _Row(row.line, _written(label), row.post.get("text", ""))


def _written(label: object) -> str:
    """JSON may have a label as a number, or several as a list."""
    if isinstance(label, list):
        return ",".join(map(_written, label))
    return "" if label is None else str(label)


def _label_and_text(line: Line) -> _Row | SkippedError:
    try:
        written = "" if line.data is None else line.data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return SkippedError("the row is not valid UTF-8")
    if not written.strip():
        return SkippedError("the row is too long" if line.data is None else "the row is empty")
    label, tab, text = written.partition("\t")
    return _Row(line.number, label, text) if tab else SkippedError("the row has no tab")
