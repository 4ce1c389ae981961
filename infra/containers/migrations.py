"""``python -m infra.containers.migrations``: the database made ready for this version, and a key to sign in with.

Promises: the schema is this code's (``infra.local.migrate``); a deployment that was never used gets the simulator's
topics if it is what feeds it; there is an admin key in the folder of secrets.
"""

import sys
from pathlib import Path

import psycopg
from pydantic import Field

from barometer.errors import BarometerError
from barometer.settings import load
from infra.feeds.settings import FeedSettings
from infra.local.admin import admin_key
from infra.local.home import Home
from infra.local.migrate import migrate
from infra.local.starters import give_topics


class MigrationSettings(FeedSettings):
    """Where the key is kept, beside what every process is told."""

    secrets_dir: Path = Field(description="folder of the secrets")


def run(settings: MigrationSettings) -> None:
    """Migrate, and see that there is a key.

    Raises:
        BarometerError: the database cannot be had, or refuses.
    """
    url = settings.database_url.get_secret_value()
    try:
        applied = migrate(url)
    except psycopg.Error as error:
        raise BarometerError(f"could not migrate the database: {' '.join(str(error).split())}") from error
    sys.stdout.write(f"migrations: {', '.join(applied) or 'none was missing'}\n")
    if settings.feed == "simulate" and (made := give_topics(url)):
        sys.stdout.write(f"watching, to begin with: {', '.join(made)}\n")
    admin_key(Home(settings.secrets_dir), url)


def main() -> int:
    """Exit 0 when the database is ready, 1 with one sentence otherwise."""
    try:
        run(load(MigrationSettings))
    except BarometerError as error:
        sys.stderr.write(f"migrations: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
