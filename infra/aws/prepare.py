"""``python -m infra.aws.prepare``: the one-off task of each deployment, before the new functions come.

Promises: the schema is this code's (``infra.local.migrate``), and the user of the rows may use it, where there is one;
a database that was never used gets the simulator's topics if that is what feeds it; and the secret that
``BAROMETER_ADMIN_KEY_SECRET`` names holds an admin key that the database knows. No line of it shows the key, since
lines stay in a log.
"""

import sys
from pathlib import Path
from typing import Final, Literal

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from barometer.stores.keys import authenticate, create_key
from barometer.stores.postgres import connect
from infra.local.migrate import migrate
from infra.local.starters import give_topics

GRANTS: Final = Path(__file__).with_name("grants.sql")


class PrepareSettings(Settings):
    """What it needs to know."""

    feed: Literal["none", "simulate"] = Field(default="none", description="what feeds it")
    admin_key_secret: str = Field(min_length=1, description="name or ARN of the secret that is to hold an admin key")


def prepare(settings: PrepareSettings) -> list[str]:
    """Do it; give what was done, a line each.

    Raises:
        BarometerError: the database or the secret cannot be had.
    """
    url = settings.database_url.get_secret_value()
    try:
        done = [f"migrations: {', '.join(migrate(url)) or 'none was missing'}"]
        _let_in(url)
        if settings.feed == "simulate" and (made := give_topics(url)):
            done.append(f"watching, to begin with: {', '.join(made)}")
        if _keep_admin_key(url, settings.admin_key_secret):
            done.append(f"made an admin key, which lies in {settings.admin_key_secret}")
    except psycopg.Error as error:
        raise BarometerError(f"the database refuses: {' '.join(str(error).split())}") from error
    except (BotoCoreError, ClientError) as error:
        raise BarometerError(f"the secret {settings.admin_key_secret} cannot be used: {error}") from error
    return done


def _let_in(url: str) -> None:
    """Let the user of the rows use what the migrations made."""
    with connect(url, "barometer-prepare") as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = 'barometer_rows'").fetchone() is not None:
            connection.execute(GRANTS.read_bytes())


def _keep_admin_key(url: str, secret: str) -> bool:
    """Put a new key into the secret, unless the one that is there still opens."""
    client = boto3.Session().client("secretsmanager")
    with connect(url, "barometer-prepare") as connection:
        try:
            kept = client.get_secret_value(SecretId=secret).get("SecretString", "")
        except client.exceptions.ResourceNotFoundException:
            kept = ""  # a secret that never had a value; one that does not exist is told by the next call
        if kept and (owner := authenticate(connection, kept)) and owner.may("admin"):
            return False
        # Written before the transaction ends: a key that nobody can read must not stay.
        client.put_secret_value(
            SecretId=secret, SecretString=create_key(connection, "first key", ["admin"]).secret_text
        )
    return True


def main() -> int:
    """Exit 0 when the database is ready, 1 with one sentence otherwise."""
    try:
        for line in prepare(load(PrepareSettings)):
            sys.stdout.write(f"{line}\n")
    except BarometerError as error:
        sys.stderr.write(f"prepare: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
