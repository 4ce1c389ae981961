"""API keys and the dashboard's sessions: who may do what.

A key reads ``bar_<id>_<secret>``. Only the SHA-256 of its secret is stored: the secret is 256 random bits, so there is
nothing to brute-force, and a slow hash would only slow every request. A session is a second secret, of a cookie, that
stands for a key until it expires, is ended, or the key is revoked. Every function works inside its caller's
transaction.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast, get_args

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from barometer.errors import ConflictError, InvalidInputError, NotFoundError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "bar"
SESSION_LIFETIME = timedelta(days=7)

_ID_BYTES = 6
_SECRET_BYTES = 32
# Compared with when the id is unknown, so that an unknown id takes as long as a wrong secret.
_NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever presented a valid key or session."""

    id: str
    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether ``scope`` was granted; admin implies every scope."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class Key:
    """What may be shown of a key."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key, with the only sight of ``secret_text``: the whole ``bar_<id>_<secret>`` that a client presents."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    secret_text: str


@dataclass(frozen=True, slots=True)
class Session:
    """A new session: the cookie's value, shown to nobody else, and when it ends."""

    token: str
    expires_at: datetime


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _checked(scopes: Iterable[str]) -> list[Scope]:
    granted = set(scopes)
    if not granted or not granted <= set(SCOPES):
        raise InvalidInputError("scopes", f"must be one or more of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in granted]


def create_key(
    connection: Connection[TupleRow], name: str, scopes: Iterable[str], secret: str | None = None
) -> CreatedKey:
    """Make a key; ``secret`` (at least 32 characters) is drawn here unless one is brought along.

    Raises:
        InvalidInputError: no scope, an unknown one, or a secret too short to be one.
    """
    granted = _checked(scopes)
    if secret is None:
        secret = secrets.token_hex(_SECRET_BYTES)
    elif len(secret) < _SECRET_BYTES:
        raise InvalidInputError("secret", f"must have at least {_SECRET_BYTES} characters")
    key_id = secrets.token_hex(_ID_BYTES)
    row = connection.execute(
        "INSERT INTO api_keys (id, name, scopes, secret_hash) VALUES (%s, %s, %s, %s) RETURNING created_at",
        (key_id, name, granted, _hash(secret)),
    ).fetchone()
    assert row is not None  # noqa: S101 (INSERT … RETURNING gives one row)
    return CreatedKey(key_id, name, granted, row[0], f"{PREFIX}_{key_id}_{secret}")


def authenticate(connection: Connection[TupleRow], presented: str) -> Principal | None:
    """Whose key this is, or ``None``; the time it takes tells nothing of the secret nor of whether the id exists."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    # Postgres refuses NUL and lone surrogates in text; no key of ours has either.
    lookup = key_id if prefix == PREFIX and key_id.isascii() and key_id.isalnum() else ""
    row = connection.execute(
        "SELECT name, scopes, secret_hash, last_used_at FROM api_keys WHERE id = %s", (lookup,)
    ).fetchone()
    expected = _NOBODY if row is None else bytes(row[2])
    genuine = hmac.compare_digest(_hash(secret), expected)
    if row is None or not genuine:
        return None
    _touch(connection, lookup, row[3])
    return Principal(lookup, row[0], frozenset(row[1]))


def _touch(connection: Connection[TupleRow], key_id: str, last_used_at: datetime | None) -> None:
    """Remember the use of a key, once a minute at most: a write for every read would cost more than the read."""
    if last_used_at is not None and datetime.now(UTC) - last_used_at < timedelta(minutes=1):
        return
    connection.execute(
        # Whoever else is writing it just now writes the same: never wait for them.
        "UPDATE api_keys SET last_used_at = now() WHERE id ="
        " (SELECT id FROM api_keys WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)",
        (key_id,),
    )


def list_keys(connection: Connection[TupleRow]) -> list[Key]:
    """Every key, newest first."""
    with connection.cursor(row_factory=class_row(Key)) as cursor:
        cursor.execute("SELECT id, name, scopes, created_at, last_used_at FROM api_keys ORDER BY created_at DESC, id")
        return cursor.fetchall()


def get_key(connection: Connection[TupleRow], key_id: str) -> Key:
    """One key.

    Raises:
        NotFoundError: there is none of that id.
    """
    with connection.cursor(row_factory=class_row(Key)) as cursor:
        cursor.execute("SELECT id, name, scopes, created_at, last_used_at FROM api_keys WHERE id = %s", (key_id,))
        key = cursor.fetchone()
    if key is None:
        raise NotFoundError(f"there is no key {key_id!r}")
    return key


def update_key(
    connection: Connection[TupleRow], key_id: str, name: str | None = None, scopes: Iterable[str] | None = None
) -> Key:
    """Rename a key or change what it may do, from its next request on.

    Raises:
        NotFoundError: there is none of that id.
        ConflictError: it would leave no key with the scope admin.
    """
    granted = None if scopes is None else _checked(scopes)
    if granted is not None and "admin" not in granted:
        _keep_an_admin(connection, key_id)
    connection.execute(
        "UPDATE api_keys SET name = coalesce(%s, name), scopes = coalesce(%s, scopes) WHERE id = %s",
        (name, granted, key_id),
    )
    return get_key(connection, key_id)


def revoke_key(connection: Connection[TupleRow], key_id: str) -> None:
    """Delete a key and its sessions: its next request is refused.

    Raises:
        NotFoundError: there is none of that id.
        ConflictError: it is the last with the scope admin.
    """
    _keep_an_admin(connection, key_id)
    if connection.execute("DELETE FROM api_keys WHERE id = %s", (key_id,)).rowcount == 0:
        raise NotFoundError(f"there is no key {key_id!r}")


def _keep_an_admin(connection: Connection[TupleRow], without: str) -> None:
    """Refuse to lose the last admin key; the lock makes two who take away the last two see each other."""
    rows = connection.execute("SELECT id FROM api_keys WHERE 'admin' = ANY (scopes) ORDER BY id FOR UPDATE").fetchall()
    if [row[0] for row in rows] == [without]:
        raise ConflictError("this is the last key with the scope admin; make another one first")


def create_session(connection: Connection[TupleRow], key_id: str) -> Session:
    """Begin a session that stands for a key; sessions that ran out are swept away here."""
    connection.execute("DELETE FROM sessions WHERE expires_at < now()")
    session = Session(secrets.token_urlsafe(_SECRET_BYTES), datetime.now(UTC) + SESSION_LIFETIME)
    connection.execute(
        "INSERT INTO sessions (token_hash, key_id, expires_at) VALUES (%s, %s, %s)",
        (_hash(session.token), key_id, session.expires_at),
    )
    return session


def session_principal(connection: Connection[TupleRow], token: str) -> Principal | None:
    """Whose session this is, or ``None`` if it never was, has ended or its key was revoked."""
    row = connection.execute(
        "SELECT key.id, key.name, key.scopes FROM sessions JOIN api_keys AS key ON key.id = sessions.key_id"
        " WHERE token_hash = %s AND expires_at > now()",
        (_hash(token),),
    ).fetchone()
    return None if row is None else Principal(cast("str", row[0]), row[1], frozenset(row[2]))


def end_session(connection: Connection[TupleRow], token: str) -> None:
    """End a session; one that is already over stays over."""
    connection.execute("DELETE FROM sessions WHERE token_hash = %s", (_hash(token),))
