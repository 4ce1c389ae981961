"""What routes ask for by type: the settings, one transaction a request, and whoever is asking."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Annotated, Literal, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from psycopg import Connection
from psycopg.rows import TupleRow

from barometer.settings import Settings, settings
from barometer.stores import keys, postgres, redis
from barometer.stores.cache import Cache
from barometer.stores.keys import Principal, Scope
from functions.api.problems import RefusalError

SESSION_COOKIE = "barometer_session"
_CHALLENGE = 'Bearer realm="barometer"'
_UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", bearerFormat="bar_<id>_<secret>", description="An API key of `POST /api/keys`"
)
_cookie = APIKeyCookie(
    auto_error=False, name=SESSION_COOKIE, scheme_name="session", description="The session of `POST /api/session`"
)


async def _settings() -> Settings:
    return settings()


SettingsDep = Annotated[Settings, Depends(_settings)]


async def _redis(config: SettingsDep) -> AsyncIterator[redis.Client]:
    with redis.needed():
        yield redis.connect(config.redis_url.get_secret_value())


RedisDep = Annotated[redis.Client, Depends(_redis, scope="function")]


@cache
def _cache(client: redis.Client, seconds: int) -> Cache:
    return Cache(client, seconds)


async def _the_cache(client: RedisDep, config: SettingsDep) -> Cache:
    return _cache(client, config.cache_seconds)


CacheDep = Annotated[Cache, Depends(_the_cache)]


def transaction(config: Settings) -> AbstractContextManager[Connection[TupleRow]]:
    """One transaction, for what must not reach for the database before its input is checked."""
    return postgres.transaction(config.database_url.get_secret_value())


async def _transaction(config: SettingsDep) -> AsyncIterator[Connection[TupleRow]]:
    with transaction(config) as connection:
        yield connection


# Committed before the answer is made (scope "function"): nobody hears 2xx of what was then rolled back.
Database = Annotated[Connection[TupleRow], Depends(_transaction, scope="function")]


def refuse_other_sites(request: Request, config: Settings) -> None:
    """Let a session change things only from our own pages.

    ``SameSite=Strict`` keeps the cookie from other sites, but every port of one host is the same site.
    """
    if request.method not in _UNSAFE_METHODS:
        return
    fetch_site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = fetch_site in {"same-origin", "none"} if fetch_site else origin in {None, config.public_origin}
    if not ours:
        raise RefusalError(HTTPStatus.FORBIDDEN, "a session may change things only from the dashboard's own pages")


@dataclass(frozen=True, slots=True)
class _Credentials:
    """What a request brings to say who it is."""

    kind: Literal["key", "session"]
    secret: str


async def _credentials(
    request: Request,
    config: SettingsDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> _Credentials:
    """A key before a session; with neither, the request is refused before the database hears of it."""
    if bearer is not None:
        return _Credentials("key", bearer.credentials)
    if cookie is not None:
        refuse_other_sites(request, config)
        return _Credentials("session", cookie)
    detail = "no API key: send Authorization: Bearer bar_…, or sign in at POST /api/session"
    raise RefusalError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": _CHALLENGE})


async def _principal(
    brought: Annotated[_Credentials, Depends(_credentials)], connection: Database, wanted: SecurityScopes
) -> Principal:
    find = keys.authenticate if brought.kind == "key" else keys.session_principal
    found = find(connection, brought.secret)
    if found is None:
        detail = f"the {brought.kind} is unknown, revoked or over"
        raise RefusalError(HTTPStatus.UNAUTHORIZED, detail, headers=invalid_token())
    for scope in cast("list[Scope]", wanted.scopes):
        if not found.may(scope):
            detail = f"this needs the scope {scope}; the key {found.name!r} has {', '.join(sorted(found.scopes))}"
            challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
            raise RefusalError(HTTPStatus.FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})
    return found


def invalid_token() -> dict[str, str]:
    """The challenge (RFC 6750) to a key that is none."""
    return {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}


Anyone = Annotated[Principal, Security(_principal)]
Reader = Annotated[Principal, Security(_principal, scopes=["read"])]
Writer = Annotated[Principal, Security(_principal, scopes=["write"])]
Admin = Annotated[Principal, Security(_principal, scopes=["admin"])]
