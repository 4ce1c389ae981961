from pathlib import Path

import pytest

from infra.local.migrate import MIGRATIONS, Migration, MigrationError, _missing, _read

FIRST, SECOND, THIRD = (Migration(f"000{n}_step.sql", b"SELECT 1") for n in (1, 2, 3))


def applied(*migrations: Migration) -> dict[str, str]:
    return {migration.name: migration.checksum for migration in migrations}


def test_our_own_migrations_are_numbered_without_gaps():
    assert [int(migration.name[:4]) for migration in _read(MIGRATIONS)] == list(range(1, len(_read(MIGRATIONS)) + 1))


def test_only_what_is_missing_is_applied():
    assert _missing([FIRST, SECOND, THIRD], applied(FIRST)) == [SECOND, THIRD]
    assert _missing([FIRST], applied(FIRST)) == []


def test_a_migration_that_was_changed_after_it_ran_is_refused():
    with pytest.raises(MigrationError, match=r"0001_step\.sql was changed"):
        _missing([Migration(FIRST.name, b"SELECT 2")], applied(FIRST))


def test_a_database_ahead_of_the_code_is_refused():
    with pytest.raises(MigrationError, match="ahead of this code"):
        _missing([FIRST], applied(FIRST, SECOND))


def test_a_migration_slipped_in_before_one_that_ran_is_refused():
    with pytest.raises(MigrationError, match="comes before"):
        _missing([FIRST, SECOND, THIRD], applied(FIRST, THIRD))


def test_line_ends_change_no_checksum(tmp_path: Path):
    (tmp_path / "0001_one.sql").write_bytes(b"SELECT\n1")
    unix = _read(tmp_path)
    (tmp_path / "0001_one.sql").write_bytes(b"SELECT\r\n1")
    assert _read(tmp_path) == unix


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "no migrations"),
        (["first.sql"], "is not named like"),
        (["0001_one.sql", "0001_two.sql"], "have the same number"),
    ],
)
def test_files_that_contradict_each_other_are_refused(tmp_path: Path, names: list[str], reason: str):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(MigrationError, match=reason):
        _read(tmp_path)
