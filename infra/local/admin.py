"""The sign-in key of an embedded Barometer: made once, kept in its home, good for as long as the database knows it."""

import psycopg

from barometer.errors import BarometerError
from barometer.stores.keys import authenticate, create_key
from barometer.stores.postgres import connect
from infra.local.home import Home
from infra.local.state import write_private


def admin_key(home: Home, database_url: str) -> str:
    """The key in ``home``; a new one if there is none, or if it was revoked or the database is another.

    Raises:
        BarometerError: the database refuses.
    """
    try:
        with connect(database_url, "barometer-up") as connection:
            kept = read_admin_key(home)
            if kept and (owner := authenticate(connection, kept)) and owner.may("admin"):
                return kept
            made = create_key(connection, "barometer up", ["admin"]).secret_text
            # Written before the transaction ends: a key that nobody can read must not stay.
            write_private(home.admin_key, f"{made}\n")
            return made
    except psycopg.Error as error:
        raise BarometerError(f"could not make the sign-in key: {error}") from error


def read_admin_key(home: Home) -> str:
    """The key in ``home``, or ``""``."""
    try:
        return home.admin_key.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
