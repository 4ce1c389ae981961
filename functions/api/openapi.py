"""The OpenAPI description: FastAPI's own, with our problems instead of its errors.

``python -m functions.api.openapi`` writes ``docs/openapi.json``, which clients are generated from; with ``--check`` it
fails when the two differ, and writes nothing.
"""

import sys
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from functions.api.problems import Problem, problem

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
DESCRIPTION = """\
Social posts, scored for sentiment and emotion as they are written: post them, read them, ask for the picture of them.

Every request but `GET /api/health` and `POST /api/session` needs an API key (`Authorization: Bearer bar_…`) or the
dashboard's session cookie; what a key may do is its scopes, and each operation names the one it needs. Every error is
`application/problem+json` (RFC 9457) with the fields at fault. Lists are newest first and page by an opaque cursor.
"""
TAGS = [
    {"name": "posts", "description": "Posts in and out"},
    {"name": "mood", "description": "The running picture: totals and trend"},
    {"name": "topics", "description": "Which posts belong together"},
    {"name": "rules", "description": "When to warn"},
    {"name": "alerts", "description": "Warnings that were given"},
    {"name": "analyze", "description": "Scores for texts, nothing stored"},
    {"name": "keys", "description": "Who may do what"},
    {"name": "session", "description": "Signing in to the dashboard"},
    {"name": "pipeline", "description": "What became of every accepted post"},
    {"name": "dead letters", "description": "Posts that could not be processed, and sending them again"},
    {"name": "health", "description": "Whether the whole works"},
]
_ALWAYS = {"500": "A fault of ours; the log tells more", "503": "Full or down just now; ask again after `Retry-After`"}
_SECURED = {"401": "No key, or one that is unknown or revoked", "403": "The key lacks the scope"}
_WITH_INPUT = {"422": "Understood, but not right: `errors` names the fields"}
_WITH_BODY = {
    "400": "The body is not JSON, or not UTF-8",
    "413": "The body is too large",
    "415": "The body is not declared as JSON",
}
_WITH_ID = {"404": "There is none of that name or id"}


def describe(app: FastAPI) -> None:
    """Make ``app`` describe itself so: built when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
            )
            app.openapi_schema = _with_problems(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change it


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = document["components"]["schemas"]
    components |= schema.pop("$defs", {}) | {"Problem": schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, description in _refusals(path, operation).items():
                responses.setdefault(status, problem(description))
            _name_scopes(operation)
    return document


def _refusals(path: str, operation: dict[str, Any]) -> dict[str, str]:
    refusals = dict(_ALWAYS)
    if "security" in operation:
        refusals |= _SECURED
    if "parameters" in operation or "requestBody" in operation:
        refusals |= _WITH_INPUT
    if "requestBody" in operation:
        refusals |= _WITH_BODY
    if "{" in path:
        refusals |= _WITH_ID
    return refusals


def _name_scopes(operation: dict[str, Any]) -> None:
    scopes = sorted({scope for one in operation.get("security", []) for some in one.values() for scope in some})
    if scopes:
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{'`, `'.join(scopes)}`.".strip()


def document(app: FastAPI) -> bytes:
    """The description, as it is committed."""
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main(app: FastAPI, arguments: list[str], path: Path = DOCUMENT) -> int:
    """Write the description to ``path``; with ``--check`` only compare, and give 1 if it differs."""
    if arguments == ["--check"]:
        if path.read_bytes() == document(app):
            return 0
        sys.stderr.write(f"{path} is not what the API says; run: make openapi\n")
        return 1
    path.write_bytes(document(app))
    sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    from functions.api.main import create_app

    sys.exit(main(create_app(), sys.argv[1:]))
