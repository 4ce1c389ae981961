"""Where a replay stands: one small file for each replayed file, kept under the home.

A file is known by its content: a moved file goes on where it stopped, a changed one is another file. The bookmark is
written after each batch that was accepted, whole or not at all. So what it tells was accepted, and what it does not
tell yet is at most one batch, whose posts have the same ids when they are sent again (see ``post_id_prefix``).
"""

import hashlib
from io import BufferedReader
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barometer.errors import BarometerError

MOST_FAULTS_KEPT = 10


class Fault(BaseModel):
    """A row that was not a post."""

    model_config = ConfigDict(extra="forbid")

    line: int
    field: str
    reason: str


class Bookmark(BaseModel):
    """What has been done of one file.

    Attributes:
        content: the file's digest.
        run: how often it was begun, from 1; each run's posts are new posts.
        source: source of the posts that name none: part of their ids, so it cannot change within a run.
        line, offset: where to go on.
        accepted, rejected: rows so far.
        faults: the first few rejected.
        finished: whether the end was reached.
    """

    model_config = ConfigDict(extra="forbid")

    content: str
    run: int = Field(default=1, ge=1)
    source: str
    line: int = Field(ge=1)
    offset: int = Field(ge=0)
    accepted: int = Field(default=0, ge=0)
    rejected: int = Field(default=0, ge=0)
    faults: list[Fault] = Field(default_factory=list, max_length=MOST_FAULTS_KEPT)
    finished: bool = False

    @property
    def post_id_prefix(self) -> str:
        """Begins the ``source_id`` of a row that has none; the row's line number ends it."""
        return f"{self.content[:16]}-{self.run}-"

    def reject(self, fault: Fault) -> None:
        """Count one more row that was not a post."""
        self.rejected += 1
        if len(self.faults) < MOST_FAULTS_KEPT:
            self.faults.append(fault)


class Bookmarks:
    """The folder of the bookmarks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, content: str) -> Bookmark | None:
        """The bookmark of the file with this digest.

        Raises:
            BarometerError: there is one, but it cannot be read.
        """
        path = self._path(content)
        try:
            return Bookmark.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise BarometerError(f"{path} cannot be read; remove it to replay from the beginning: {error}") from error

    def keep(self, bookmark: Bookmark) -> None:
        """Write it down.

        Raises:
            BarometerError: the folder cannot be written.
        """
        path = self._path(bookmark.content)
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.write_bytes(bookmark.model_dump_json().encode())
            fresh.replace(path)
        except OSError as error:
            raise BarometerError(f"cannot write {path}: {error.strerror}") from error

    def _path(self, content: str) -> Path:
        return self._folder / f"{content}.json"


def digest(file: BufferedReader) -> str:
    """What the content of ``file`` is known by."""
    file.seek(0)
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
