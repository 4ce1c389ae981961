"""Signing in and out: a key for a cookie that scripts cannot read and other sites cannot send."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Cookie, Request, Response

from barometer.settings import Settings
from barometer.stores import keys
from functions.api.bodies import JsonRoute
from functions.api.deps import SESSION_COOKIE, Anyone, SettingsDep, invalid_token, refuse_other_sites, transaction
from functions.api.models.access import NewSession, SessionRequest, Whoami
from functions.api.problems import Fault, RefusalError, problem

router = APIRouter(prefix="/api/session", tags=["session"], route_class=JsonRoute)
FOREIGN = problem("A page of another origin asked")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses={HTTPStatus.UNAUTHORIZED: problem("The key is unknown or revoked"), HTTPStatus.FORBIDDEN: FOREIGN},
)
async def create_session(body: SessionRequest, request: Request, response: Response, config: SettingsDep) -> NewSession:
    """Sign in: the answer sets an HttpOnly, SameSite=Strict cookie that stands for the key for seven days."""
    refuse_other_sites(request, config)
    with transaction(config) as connection:
        principal = keys.authenticate(connection, body.key)
        session = None if principal is None else keys.create_session(connection, principal.id)
    if principal is None or session is None:
        fault = Fault(field="key", reason="is unknown or revoked")
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "the key is unknown or revoked", [fault], invalid_token())
    response.set_cookie(
        SESSION_COOKIE,
        session.token,
        max_age=int(keys.SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=_secure(config),
    )
    return NewSession(
        key_id=principal.id, name=principal.name, scopes=sorted(principal.scopes), expires_at=session.expires_at
    )


@router.get("")
async def get_session(principal: Anyone) -> Whoami:
    """Whose key or session this request carries."""
    return Whoami(key_id=principal.id, name=principal.name, scopes=sorted(principal.scopes))


@router.delete("", status_code=HTTPStatus.NO_CONTENT, responses={HTTPStatus.FORBIDDEN: FOREIGN})
async def delete_session(
    request: Request,
    response: Response,
    config: SettingsDep,
    token: Annotated[str | None, Cookie(alias=SESSION_COOKIE, include_in_schema=False)] = None,
) -> None:
    """Sign out: the session ends and the cookie goes. Without a session, nothing happens."""
    refuse_other_sites(request, config)
    if token is not None:
        with transaction(config) as connection:
            keys.end_session(connection, token)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=_secure(config))


def _secure(config: Settings) -> bool:
    """Whether the cookie may travel over https only: not on a laptop's plain http."""
    return config.public_origin.startswith("https:")
