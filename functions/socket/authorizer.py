"""Who may open a socket: a page of ours with a session, or a program with a key, and the scope read."""

from typing import Any

from barometer.observability import logger
from barometer.settings import Settings
from barometer.stores import keys, postgres
from barometer.stores.keys import Principal

SESSION_COOKIE = "barometer_session"


def authorize(event: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Answer API Gateway's question with a policy for this one connection, ``Allow`` or ``Deny``.

    A page of another origin is refused whatever it brings: a browser sends the cookie with any page's socket.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    origin = headers.get("origin")
    if origin not in {None, settings.public_origin}:
        logger.warning("socket refused: foreign origin", extra={"origin": origin})
        return _policy("nobody", "Deny", event["methodArn"])
    principal = _principal(headers, settings)
    if principal is None or not principal.may("read"):
        return _policy("nobody", "Deny", event["methodArn"])
    return _policy(principal.id, "Allow", event["methodArn"])


def _principal(headers: dict[str, str], settings: Settings) -> Principal | None:
    scheme, _, presented = headers.get("authorization", "").partition(" ")
    token = _cookie(headers.get("cookie", ""), SESSION_COOKIE)
    with postgres.transaction(settings.database_url.get_secret_value()) as connection:
        if scheme.lower() == "bearer":
            return keys.authenticate(connection, presented.strip())
        return None if token is None else keys.session_principal(connection, token)


def _cookie(header: str, name: str) -> str | None:
    pairs = (pair.partition("=") for pair in header.split(";"))
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)


def _policy(principal: str, effect: str, arn: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"key_id": principal},
    }
