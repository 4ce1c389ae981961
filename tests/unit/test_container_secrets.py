"""The passwords of a deployment in containers: drawn or given, kept, and told to those who need them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from barometer.errors import SettingsError
from barometer.settings import Settings, load
from infra.containers import secrets
from infra.containers.secrets import SecretsSettings


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_SECRETS_DIR", str(tmp_path))
    for name in ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "BAROMETER_DATABASE_URL", "BAROMETER_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def write() -> list[str]:
    return secrets.write(load(SecretsSettings))


def test_a_password_that_nobody_gives_is_drawn_and_stays(tmp_path: Path) -> None:
    assert "postgres_password" in write()
    drawn = (tmp_path / "postgres_password").read_text().strip()

    assert write() == []
    assert len(drawn) >= 32
    assert (tmp_path / "postgres_password").read_text().strip() == drawn
    assert drawn != (tmp_path / "valkey_password").read_text().strip()


def test_two_deployments_share_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("BAROMETER_SECRETS_DIR", str(other))
    write()

    assert (tmp_path / "postgres_password").read_text() != (other / "postgres_password").read_text()


def test_a_password_of_a_variable_wins_over_a_file_and_one_in_a_file_over_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postgres_password").write_text("from-a-file-12\n")
    (tmp_path / "valkey_password").write_text("from-a-file-12\n")
    monkeypatch.setenv("VALKEY_PASSWORD", "from-a-variable")
    write()

    assert (tmp_path / "postgres_password").read_text() == "from-a-file-12\n"
    assert (tmp_path / "valkey_password").read_text() == "from-a-variable\n"


def test_what_any_password_is_reaches_every_process_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = 'a/b:c@d#e%f"g\\h'
    monkeypatch.setenv("POSTGRES_PASSWORD", password)
    monkeypatch.setenv("VALKEY_PASSWORD", password)
    write()

    settings = load(Settings)
    for url, host in ((settings.database_url, "postgres"), (settings.redis_url, "valkey")):
        parts = urlsplit(url.get_secret_value())
        assert (unquote(parts.password or ""), parts.hostname) == (password, host)
    assert r'requirepass "a/b:c@d#e%f\"g\\h"' in (tmp_path / "valkey.conf").read_text()


@pytest.mark.parametrize("password", ["short", "with a space in it", "ümlaut-is-not-ascii", "line\nbreak-in-it"])
def test_what_cannot_be_a_password_is_refused_by_its_name(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", password)

    with pytest.raises(SettingsError, match="POSTGRES_PASSWORD") as refused:
        write()
    assert password not in str(refused.value)


def test_a_variable_wins_over_a_secret_and_a_secret_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "barometer_partitions").write_text("3\n")
    (tmp_path / "llm_api_key").write_text("from-a-file\n")
    assert load(Settings).partitions == 3
    assert load(Settings).llm_api_key.get_secret_value() == "from-a-file"

    monkeypatch.setenv("BAROMETER_PARTITIONS", "2")
    assert load(Settings).partitions == 2


def test_a_folder_of_secrets_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_SECRETS_DIR", "/nowhere/at/all")

    with pytest.raises(SettingsError, match=r"BAROMETER_SECRETS_DIR: there is no folder /nowhere/at/all"):
        load(Settings)


def test_a_wrong_secret_is_named_as_its_variable_would_be(tmp_path: Path) -> None:
    (tmp_path / "barometer_partitions").write_text("many\n")

    with pytest.raises(SettingsError, match="BAROMETER_PARTITIONS"):
        load(Settings)
