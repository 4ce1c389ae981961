"""Where the packaged stores put their sockets, and what is said when one cannot be made."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from barometer.errors import BarometerError
from infra.local import services
from infra.local.services import socket_folder


@pytest.fixture(autouse=True)
def _temporary(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_tmp))


def test_a_short_and_plain_path_is_taken_as_it_is() -> None:
    assert socket_folder(Path("/home/me/.barometer/redis")) == Path("/home/me/.barometer/redis")


@pytest.mark.parametrize(
    "path", ["/home/" + "x" * 200, "/home/a b", "/home/50%25", "/home/a,b", "/home/wer?", "/home/ü"]
)
def test_any_other_has_a_folder_that_stands_for_it_each_time_the_same(path: str) -> None:
    folder = socket_folder(Path(path))

    assert folder == socket_folder(Path(path))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder != socket_folder(Path(path + "2"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_the_folder_of_another_user_is_theirs_the_second_time_too() -> None:
    assert socket_folder(Path("/home/c d"), "nobody") == socket_folder(Path("/home/c d"), "nobody")

    with pytest.raises(BarometerError, match="belongs to another user"):
        socket_folder(Path("/home/c d"))


def test_a_link_that_waits_where_the_folder_would_be_is_refused(short_tmp: Path) -> None:
    folder = socket_folder(Path("/home/e f"))
    folder.rmdir()
    folder.symlink_to(short_tmp)

    with pytest.raises(BarometerError, match="belongs to another user"):
        socket_folder(Path("/home/e f"))
    folder.unlink()


@pytest.mark.parametrize(
    "says", ["#!/bin/sh\necho Redis server v=6.2.14\n", "#!/nowhere\n", "#!/bin/sh\nexec sleep 60\n"]
)
def test_a_redis_on_path_that_is_old_or_broken_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    (tmp_path / "redis-server").write_text(says)
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(services, "_VERSION_SECONDS", 0.5)

    assert Path(services.find_redis()).parent != tmp_path


def test_a_database_that_cannot_be_made_says_the_reason_not_the_tidying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "initdb").write_text(
        "#!/bin/sh\necho 'initdb: error: could not write: No space left on device' >&2\n"
        "echo 'initdb: removing contents of data directory' >&2\nexit 1\n"
    )
    (tmp_path / "initdb").chmod(0o755)
    monkeypatch.setattr(services, "postgres_bin", lambda: tmp_path)
    monkeypatch.setattr(services, "_postgres_system_user", lambda _directory: None)

    with pytest.raises(BarometerError, match=r"No space left on device$"):
        services.postgres_service(tmp_path / "data")


@pytest.fixture
def refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``useradd`` that always refuses: a file with a line for each refusal."""
    told = tmp_path / "refusals"
    told.touch()
    (tmp_path / "useradd").write_text(f"#!/bin/sh\necho 'cannot lock /etc/passwd' | tee -a {told} >&2\nexit 1\n")
    (tmp_path / "useradd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(services, "_USER_PAUSE_SECONDS", 0)
    return told


def test_a_system_user_whom_another_process_is_making_is_waited_for(
    refusals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = pwd.getpwuid(os.getuid())

    def made_meanwhile(name: str) -> pwd.struct_passwd:
        if name == "postgres-of-a-test" and len(refusals.read_text().splitlines()) < 2:
            raise KeyError(name)
        return ours

    monkeypatch.setattr(pwd, "getpwnam", made_meanwhile)
    services._ensure_system_user("postgres-of-a-test")
    assert len(refusals.read_text().splitlines()) == 2


def test_a_system_user_who_cannot_be_made_is_told_of_with_the_reason(refusals: Path) -> None:
    with pytest.raises(BarometerError, match=r"postgres-of-a-test.*cannot lock /etc/passwd$"):
        services._ensure_system_user("postgres-of-a-test")
    assert len(refusals.read_text().splitlines()) == services._USER_TRIES
