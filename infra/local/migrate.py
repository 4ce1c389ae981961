"""Brings a database to the schema of this code: each file of ``infra/migrations`` once, in the order of its number.

Promises: a file runs whole or not at all, in its own transaction together with the row that remembers it; two processes
that migrate at once take turns (an advisory lock); a file that was changed after it ran, or a database that is ahead of
this code, is refused before anything is touched.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barometer.errors import BarometerError
from barometer.stores.postgres import connect

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
# Any number will do, as long as nothing else that shares the database takes it: the letters "baro".
_LOCK: Final = 0x6261726F
# Long enough for another process to finish its migrations, short enough that a stuck one is noticed.
_LOCK_TIMEOUT_MS: Final = 60_000


class MigrationError(BarometerError):
    """The files and the database do not agree; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, which starts with its number, and what it does."""

    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hex."""
        return hashlib.sha256(self.sql).hexdigest()


def migrate(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing in the database at ``url``; give the names of what was applied.

    Raises:
        MigrationError: the files contradict each other or what the database remembers.
        psycopg.Error: the database cannot be reached, or refuses a statement (that file is then not applied).
    """
    migrations = _read(folder)
    # A migration may rewrite a large table: it has all the time it needs, but for locks.
    with connect(
        url, "barometer-migrate", statement_timeout_ms=0, lock_timeout_ms=_LOCK_TIMEOUT_MS, autocommit=True
    ) as connection:
        # Held by the session, so it goes with the connection, whatever happens to this process.
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations ("
            " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied: dict[str, str] = dict(connection.execute("SELECT name, checksum FROM migrations").fetchall())
        missing = _missing(migrations, applied)
        for migration in missing:
            with connection.transaction():
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO migrations (name, checksum) VALUES (%s, %s)", (migration.name, migration.checksum)
                )
    return [migration.name for migration in missing]


def _read(folder: Path) -> list[Migration]:
    """Every migration, by number. Line ends are made alike, so that a checkout's settings change no checksum."""
    migrations = []
    numbers: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_initial.sql")
        if other := numbers.get(match[1]):
            raise MigrationError(f"{other} and {path.name} have the same number")
        numbers[match[1]] = path.name
        migrations.append(Migration(path.name, path.read_bytes().replace(b"\r\n", b"\n")))
    if not migrations:
        raise MigrationError(f"no migrations in {folder}")
    return migrations


def _missing(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """What the database lacks: always the end of the list, since a migration builds on those before it."""
    if unknown := sorted(applied.keys() - {migration.name for migration in migrations}):
        raise MigrationError(f"the database is ahead of this code: it has {', '.join(unknown)}")
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(f"{migration.name} was changed after it was applied; write a new migration instead")
    missing = [migration for migration in migrations if migration.name not in applied]
    if missing and applied and missing[0].name < max(applied):
        raise MigrationError(f"{missing[0].name} comes before {max(applied)}, which is applied already")
    return missing
