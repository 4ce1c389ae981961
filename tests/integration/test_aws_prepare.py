"""The one-off task of a deployment on AWS: schema, first topics, and an admin key in its secret."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest

from barometer.stores import keys
from barometer.stores.partitions import ensure
from barometer.stores.postgres import connect
from barometer.stores.topics import create_topic
from infra.aws import prepare
from infra.local.programs import any_free_port
from tests.aurora import as_on_aurora
from tests.integration.emulator import program, wait_for

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRET = "barometer/test/admin-key"


@pytest.fixture
def manager(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator["SecretsManagerClient"]:
    """An emulated Secrets Manager with a secret that never had a value."""
    folder, port = tmp_path_factory.mktemp("secrets"), any_free_port()
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(folder),
                "SERVICES": "secretsmanager,sts", "SFTP_ENABLED": "0"}  # fmt: skip
    with program(["infra.local.cloud"], folder / "cloud.log", settings) as cloud:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "BAROMETER_ADMIN_KEY_SECRET": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        wait_for(f"http://127.0.0.1:{port}", cloud)
        client: SecretsManagerClient = boto3.Session().client("secretsmanager")
        client.create_secret(Name=SECRET)
        yield client


def _admins(url: str) -> int:
    with connect(url, "test") as connection:
        return sum("admin" in key.scopes for key in keys.list_keys(connection))


def test_a_new_database_gets_its_schema_and_a_key_that_no_line_shows(
    manager: "SecretsManagerClient",
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    monkeypatch.setenv("BAROMETER_DATABASE_URL", postgres_url)
    monkeypatch.setenv("BAROMETER_FEED", "simulate")

    assert prepare.main() == 0
    said = capsys.readouterr().out
    kept = manager.get_secret_value(SecretId=SECRET)["SecretString"]
    assert "0001_initial.sql" in said
    assert "watching, to begin with" in said
    assert kept not in said
    with connect(postgres_url, "test") as connection:
        owner = keys.authenticate(connection, kept)
        assert owner is not None
        assert owner.may("admin")

    assert prepare.main() == 0
    assert capsys.readouterr().out == "migrations: none was missing\n"
    assert manager.get_secret_value(SecretId=SECRET)["SecretString"] == kept
    assert _admins(postgres_url) == 1


@pytest.mark.usefixtures("manager")
def test_the_user_of_the_rows_writes_rows_of_new_days_too_and_does_nothing_to_a_table(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, rows = (postgres_url.replace("barometer@", f"barometer_{name}@") for name in ("owner", "rows"))
    monkeypatch.setenv("BAROMETER_DATABASE_URL", owner)
    with as_on_aurora(postgres_url):
        assert (prepare.main(), prepare.main()) == (0, 0)
        with connect(owner, "test") as connection:
            (day,) = ensure(connection, [datetime.now(UTC).date()])
        with connect(rows, "test") as connection:
            create_topic(connection, "trams", "tram")
            assert connection.execute("SELECT count(*) FROM posts").fetchone() == (0,)
            connection.execute(f"DELETE FROM posts_{day:%Y%m%d}")  # noqa: S608 (a date)
            keys.create_key(connection, "another", ["read"])
        for forbidden in (
            "DROP TABLE posts",
            "ALTER TABLE posts ADD extra text",
            "TRUNCATE posts",
            "CREATE TABLE mine (id int)",
            "DELETE FROM migrations",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connect(rows, "test") as connection:
                connection.execute(forbidden)


def test_a_key_that_opens_nothing_any_more_is_replaced(
    manager: "SecretsManagerClient", postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.put_secret_value(SecretId=SECRET, SecretString="of another database")
    monkeypatch.setenv("BAROMETER_DATABASE_URL", postgres_url)

    assert prepare.main() == 0
    kept = manager.get_secret_value(SecretId=SECRET)["SecretString"]
    with connect(postgres_url, "test") as connection:
        assert keys.authenticate(connection, kept) is not None


def test_a_key_that_cannot_be_kept_is_not_made(
    manager: "SecretsManagerClient",
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    monkeypatch.setenv("BAROMETER_DATABASE_URL", postgres_url)

    assert prepare.main() == 1
    assert capsys.readouterr().err.startswith(f"prepare: the secret {SECRET} cannot be used: ")
    assert _admins(postgres_url) == 0
