"""``python -m infra.containers.secrets``: the passwords of this deployment, each a file in ``BAROMETER_SECRETS_DIR``.

Promises: a password that a variable gives is that one; one that a file holds already stays; any other is drawn at
random, so that no password is a default. What the other containers need of them is written beside them: the URLs of
Postgres and Redis, under the names by which ``barometer.settings.load`` looks for them, and Valkey's configuration.
"""

import re
import secrets
import sys
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from barometer.errors import BarometerError, SettingsError
from barometer.settings import Settings, load

_RANDOM_BYTES: Final = 24
# Printable and without spaces: it passes through a URL, a configuration file and a shell's variable.
_PASSWORD: Final = re.compile(r"[!-~]{12,200}")
# The folder is a volume that only this deployment's containers see; in each of them somebody else reads.
_MODE: Final = 0o444


class SecretsSettings(Settings):
    """Passwords that are given, and the stores that are used in place of this deployment's own."""

    secrets_dir: Path = Field(description="folder of the secrets")
    postgres_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="POSTGRES_PASSWORD", description="empty: what is kept, else random"
    )
    valkey_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="VALKEY_PASSWORD", description="empty: what is kept, else random"
    )
    redis_fsync: Literal["everysec", "always"] = Field(
        default="everysec", description="when Valkey writes to the disk: every second, or before each answer"
    )


def write(settings: SecretsSettings) -> list[str]:
    """Write every file; give the names of those that are new or changed.

    Raises:
        BarometerError: a password cannot be one, or the folder cannot be written.
    """
    folder = settings.secrets_dir
    try:
        postgres = _password(folder, "postgres_password", settings.postgres_password)
        valkey = _password(folder, "valkey_password", settings.valkey_password)
        files = {
            "postgres_password": postgres,
            "valkey_password": valkey,
            "barometer_database_url": f"postgresql://barometer:{quote(postgres, safe='')}@postgres:5432/barometer",
            "barometer_redis_url": f"redis://:{quote(valkey, safe='')}@valkey:6379/0",
            "valkey.conf": _valkey(valkey, settings.redis_fsync),
        }
        return [name for name, text in files.items() if _replace(folder / name, f"{text}\n")]
    except OSError as error:
        raise BarometerError(f"cannot write secrets in {folder}: {error.strerror}") from error


def _password(folder: Path, name: str, given: SecretStr) -> str:
    kept = folder / name
    password = given.get_secret_value() or (kept.read_text(encoding="ascii").strip() if kept.is_file() else "")
    if not password:
        return secrets.token_urlsafe(_RANDOM_BYTES)
    if not _PASSWORD.fullmatch(password):
        raise SettingsError(f"{name.upper()}: a password has 12 to 200 printable characters of ASCII and no space")
    return password


def _valkey(password: str, fsync: str) -> str:
    """Nothing is ever evicted: a full server refuses, which is told, and loses nothing."""
    escaped = password.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        (
            "bind * -::*",
            "dir /data",
            f'requirepass "{escaped}"',
            "appendonly yes",
            f"appendfsync {fsync}",
            'save ""',
            "maxmemory-policy noeviction",
        )
    )


def _replace(path: Path, text: str) -> bool:
    """Write it whole or not at all, if it is not so already."""
    if path.is_file() and path.read_text(encoding="ascii") == text:
        return False
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, encoding="ascii")
    draft.chmod(_MODE)
    draft.replace(path)
    return True


def main() -> int:
    """Exit 0 when every file is there, 1 with one sentence otherwise."""
    try:
        written = write(load(SecretsSettings))
    except BarometerError as error:
        sys.stderr.write(f"secrets: {error}\n")
        return 1
    sys.stdout.write(f"secrets: {', '.join(written) or 'unchanged'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
