"""Every refusal of the API as RFC 9457 ``application/problem+json``, with the field at fault.

One shape for all: ``{type, title, status, detail, errors: [{field, reason}]}``. ``field`` is a dotted path
(``posts.3.text``), ``body`` for a body that is wrong as a whole. A fault of ours says that it is one and no more:
what happened stands in the log, under the request id that the answer names.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from barometer import faults
from barometer.errors import (
    BackpressureError,
    BarometerError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SettingsError,
    UnavailableError,
)
from barometer.observability import logger

MEDIA_TYPE = "application/problem+json"
# How soon to ask again when a store restarts: about as long as one takes to come back.
RETRY_SECONDS = 5
_PLACES = frozenset({"body", "query", "path", "cookie", "header"})


class Fault(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(description="Dotted path of the field at fault; `body` for the whole body")
    reason: str = Field(description="What is wrong, in words to act on")
    position: int | None = Field(default=None, description="Where the text is a query: the character at fault, from 0")
    index: int | None = Field(default=None, description="Where posts are written: which post of the request, from 0")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(default="about:blank", description="`about:blank`: the status says what kind of problem it is")
    title: str = Field(description="The status in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What went wrong with this request")
    errors: list[Fault] = Field(default=[], description="The fields at fault")


class RefusalError(HTTPException):
    """A refusal that carries its faults: an ``HTTPException``, since FastAPI lets only those through body parsing."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = list(errors)


def fault_of(error: Mapping[str, Any]) -> Fault:
    """A pydantic error as a fault, without where FastAPI found it (body, query or path)."""
    location = error["loc"]
    if len(location) > 1 and location[0] in _PLACES:
        error = {**error, "loc": location[1:]}
    fault = faults.fault_of(error)
    return Fault(field=fault.field or "body", reason=fault.reason)


def respond(
    status: int, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The problem as a response."""
    problem = Problem(title=HTTPStatus(status).phrase, status=int(status), detail=detail, errors=list(errors))
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, int(status), {**(headers or {}), "Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


def problem(description: str) -> dict[str, Any]:
    """How OpenAPI shows an answer that is a problem."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def _summary(found: Sequence[Fault]) -> str:
    first = f"{found[0].field} {found[0].reason}"
    return first if len(found) == 1 else f"{first} (and {len(found) - 1} more)"


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for nothing else)
    found = [fault_of(fault) for fault in error.errors()]
    return respond(HTTPStatus.UNPROCESSABLE_ENTITY, _summary(found), found)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for nothing else)
    if isinstance(error, RefusalError):
        return respond(error.status_code, error.detail, error.errors, error.headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed(request))
        detail = f"{request.method} is not allowed at {request.url.path}, but {allowed}"
        return respond(error.status_code, detail, headers={"Allow": allowed})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return respond(error.status_code, f"there is nothing at {request.url.path}")
    return respond(error.status_code, str(error.detail), headers=error.headers)


def _allowed(request: Request) -> list[str]:
    """Every method of the path: what Starlette tells are those of its first route only."""
    routes: list[APIRoute] = request.app.state.routes
    there = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in there for method in route.methods or ()})


async def _on_barometer(_: Request, error: Exception) -> Response:
    match error:
        case InvalidInputError(field=field, reason=reason):
            fault = Fault(field=field or "body", reason=reason, position=getattr(error, "position", None))
            return respond(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), [fault])
        case NotFoundError():
            return respond(HTTPStatus.NOT_FOUND, str(error))
        case ConflictError():
            return respond(HTTPStatus.CONFLICT, str(error))
        case BackpressureError(retry_after=seconds):
            return respond(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": str(seconds)})
        case SettingsError():
            logger.error("settings or deployment cannot be read", exc_info=error)
            return _later("the deployment's settings cannot be read just now; the log tells more")
        case _:
            return await _on_bug(_, error)


async def _on_store_away(_: Request, error: Exception) -> Response:
    assert isinstance(error, UnavailableError)  # noqa: S101 (registered for nothing else)
    logger.warning("store unavailable", extra={"error": str(error)})
    return _later(f"{error.what} just now")


async def _on_database_busy(_: Request, error: Exception) -> Response:
    """A lost deadlock, a lock that was not to be had, a statement that took too long."""
    logger.warning("database busy", extra={"error": str(error)})
    return _later("the database is too busy just now")


def _later(detail: str) -> Response:
    return respond(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})


async def _on_bug(request: Request, error: Exception) -> Response:
    context = request.scope.get("aws.context")
    request_id = getattr(context, "aws_request_id", "unknown")
    logger.error("request failed", exc_info=error, extra={"path": request.url.path, "method": request.method})
    return respond(HTTPStatus.INTERNAL_SERVER_ERROR, f"this is a fault of ours; the log tells more under {request_id}")


def register(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """Make ``app``, which serves ``routes``, answer every error as a problem."""
    app.state.routes = [route for route in routes if isinstance(route, APIRoute)]
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(BarometerError, _on_barometer)
    app.add_exception_handler(UnavailableError, _on_store_away)
    app.add_exception_handler(psycopg.OperationalError, _on_database_busy)
    app.add_exception_handler(Exception, _on_bug)
