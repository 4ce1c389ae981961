"""A test's database as a new Aurora has it, and with the users that a deployment makes there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

ROLE = Path(__file__).parents[1] / "infra" / "aws" / "role.sql"


@contextlib.contextmanager
def as_on_aurora(url: str) -> Iterator[None]:
    """Empty the database, and have ``infra/aws/role.sql`` run by its master, twice, as two deployments do."""
    with psycopg.connect(url, autocommit=True) as master:
        master.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE ROLE rds_iam")
        try:
            for _ in range(2):
                master.execute(ROLE.read_bytes())
            yield
        finally:
            for name in ("barometer_owner", "barometer_rows"):
                master.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
            master.execute("DROP ROLE rds_iam")
