from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from infra.local.migrate import MIGRATIONS, migrate


def test_what_is_applied_is_not_applied_again(postgres_url: str):
    assert migrate(postgres_url) == []


def test_a_file_that_fails_leaves_nothing_of_itself_and_keeps_those_before_it(postgres_url: str, tmp_path: Path):
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "9001_good.sql").write_text("CREATE TABLE good (); CREATE TABLE better ();")
    (tmp_path / "9002_bad.sql").write_text("CREATE TABLE half (); SELECT nonsense;")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate(postgres_url, tmp_path)
    with psycopg.connect(postgres_url) as connection:
        names = "SELECT to_regclass('good'), to_regclass('better'), to_regclass('half')"
        assert connection.execute(names).fetchone() == ("good", "better", None)
    (tmp_path / "9002_bad.sql").write_text("CREATE TABLE half ();")
    assert migrate(postgres_url, tmp_path) == ["9002_bad.sql"]


def test_processes_that_migrate_at_once_apply_each_file_once(postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    with ThreadPoolExecutor(4) as executor:
        applied = list(executor.map(migrate, [postgres_url] * 4))
    everything = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert sorted(name for names in applied for name in names) == everything
