"""The API's handler called with API Gateway's events and nothing running: what it answers before it needs anything."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.api.app import handler
from functions.api.bodies import MAX_BODY_BYTES
from functions.api.main import create_app
from functions.api.openapi import DOCUMENT, document, main

EXAMPLE = json.loads((Path(__file__).parents[1] / "events" / "api.json").read_text(encoding="utf-8"))
CONTEXT = SimpleNamespace(
    function_name="barometer-api",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:barometer-api",
    aws_request_id="2f1e6f4e-0000-4000-8000-000000000000",
)
Ask = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.usefixtures("main_loop")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Changes the example event and calls the handler; Postgres and Redis are nowhere."""
    monkeypatch.setenv("BAROMETER_DATABASE_URL", "postgresql://127.0.0.1:1/none?connect_timeout=1")
    monkeypatch.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1")

    def call(method: str, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
        event = json.loads(json.dumps(EXAMPLE))
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["headers"] = {name.replace("_", "-"): value for name, value in headers.items()}
        event["isBase64Encoded"] = body is not None
        event["body"] = None if body is None else base64.b64encode(body).decode()
        return handler(event, CONTEXT)

    return call


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["headers"]["content-type"] == "application/problem+json"
    body = json.loads(answer["body"])
    assert body["status"] == answer["statusCode"]
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


def test_the_example_event_without_a_key_is_refused_with_a_challenge():
    event = json.loads(json.dumps(EXAMPLE))
    del event["headers"]["authorization"]
    answer = handler(event, CONTEXT)
    assert answer["statusCode"] == 401
    assert answer["headers"]["www-authenticate"] == 'Bearer realm="barometer"'
    assert "API key" in problem(answer)["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/posts"),
        ("GET", "/api/posts/00000000-0000-0000-0000-000000000000"),
        ("GET", "/api/summary"),
        ("GET", "/api/trend"),
        ("GET", "/api/topics"),
        ("GET", "/api/rules"),
        ("GET", "/api/alerts"),
        ("GET", "/api/pipeline"),
        ("GET", "/api/keys"),
        ("GET", "/api/session"),
        ("DELETE", "/api/keys/abc"),
        ("DELETE", "/api/topics/rust"),
    ],
)
def test_nothing_is_told_without_a_key(ask: Ask, method: str, path: str):
    answer = ask(method, path)
    assert answer["statusCode"] == 401
    problem(answer)


def test_every_operation_but_health_session_and_description_needs_a_key():
    open_operations = {
        operation["operationId"]
        for operations in create_app().openapi()["paths"].values()
        for operation in operations.values()
        if "security" not in operation
    }
    assert open_operations == {"get_health", "create_session", "delete_session"}


def test_an_unknown_path_is_a_problem(ask: Ask):
    answer = ask("GET", "/api/nothing")
    assert answer["statusCode"] == 404
    assert "/api/nothing" in problem(answer)["detail"]


def test_a_wrong_method_is_a_problem_that_tells_the_right_ones(ask: Ask):
    answer = ask("PUT", "/api/posts")
    assert answer["statusCode"] == 405
    assert "PUT" in problem(answer)["detail"]
    assert answer["headers"]["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b'{"key": "\xff"}', {"content_type": "application/json"}, 400, "UTF-8 at byte 9"),
        (b"{", {"content_type": "application/json"}, 400, "not JSON"),
        (b'{"key": NaN}', {"content_type": "application/json"}, 400, "not JSON"),
        (b'{"key": "\\ud800"}', {"content_type": "application/json"}, 400, "not JSON"),
        (b"[" * 100_000, {"content_type": "application/json"}, 400, "not JSON"),
        (b'{"key": "x"}', {"content_type": "text/plain"}, 415, "application/json"),
        (b'{"key": "x"}', {}, 415, "application/json"),
        (b"\x1f\x8b", {"content_type": "application/json", "content_encoding": "gzip"}, 415, "encoded as gzip"),
        (b" " * (MAX_BODY_BYTES + 1), {"content_type": "application/json"}, 413, "4,000,000"),
        (None, {}, 422, "is required"),
        (b"[]", {"content_type": "application/json; charset=utf-8"}, 422, "must be an object"),
    ],
)
def test_a_body_that_is_none_is_said_to_be_so(
    ask: Ask, body: bytes | None, headers: dict[str, str], status: int, reason: str
):
    answer = ask("POST", "/api/session", body, **headers)
    assert answer["statusCode"] == status
    (fault,) = problem(answer)["errors"]
    assert fault["field"] == "body"
    assert reason in fault["reason"]


def test_a_body_whose_bytes_were_replaced_on_the_way_is_refused_and_one_that_says_so_itself_is_not(ask: Ask):
    body = '{"text": "\N{REPLACEMENT CHARACTER}"}'.encode()
    refused = ask("POST", "/api/session", body, content_type="application/json", content_length=str(len(body) - 2))
    assert refused["statusCode"] == 400
    assert problem(refused)["errors"] == [{"field": "body", "reason": "is not valid UTF-8"}]
    taken = ask("POST", "/api/session", body, content_type="application/json", content_length=str(len(body)))
    assert taken["statusCode"] == 422
    unknown = ask("POST", "/api/session", body, content_type="application/json")
    assert unknown["statusCode"] == 400
    assert "Content-Length" in problem(unknown)["detail"]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"{}", "key", "is required"),
        (b'{"key": 5}', "key", "must be a valid string"),
        (b'{"key": "x", "remember": true}', "remember", "is not a known field"),
    ],
)
def test_a_wrong_field_is_named(ask: Ask, body: bytes, field: str, reason: str):
    answer = ask("POST", "/api/session", body, content_type="application/json")
    assert answer["statusCode"] == 422
    assert problem(answer)["errors"] == [{"field": field, "reason": reason}]


def test_a_database_that_is_away_is_a_503_that_says_when_to_ask_again(ask: Ask):
    answer = ask("POST", "/api/session", b'{"key": "bar_a_b"}', content_type="application/json")
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "5"
    assert "database" in problem(answer)["detail"]
    assert "127.0.0.1" not in answer["body"]


def test_a_fault_of_ours_tells_nothing_but_where_to_look(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object):
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("barometer.stores.postgres.pool", fail)
    answer = ask("POST", "/api/session", b'{"key": "bar_a_b"}', content_type="application/json")
    assert answer["statusCode"] == 500
    assert CONTEXT.aws_request_id in problem(answer)["detail"]
    assert "swordfish" not in answer["body"]


def test_a_host_header_that_is_none_harms_nobody(ask: Ask):
    assert ask("GET", "/api/nothing", host="[::1]:8000")["statusCode"] == 404


def test_the_description_is_served_to_anyone(ask: Ask):
    answer = ask("GET", "/api/openapi.json")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["openapi"].startswith("3.1")


def test_the_committed_description_is_the_served_one():
    assert DOCUMENT.read_bytes() == document(create_app()), "run: python -m functions.api.openapi"


def test_a_description_that_differs_is_found_and_left_as_it_is(tmp_path: Path):
    path = tmp_path / "openapi.json"
    path.write_bytes(b"{}")
    assert main(create_app(), ["--check"], path) == 1
    assert path.read_bytes() == b"{}"
    assert main(create_app(), [], path) == 0
    assert main(create_app(), ["--check"], path) == 0


def test_every_operation_is_described_well_enough_to_generate_a_client():
    described = create_app().openapi()
    operations = [one for many in described["paths"].values() for one in many.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for operation in operations:
        assert operation["description"], operation["operationId"]
        assert operation["tags"], operation["operationId"]
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")) and operation["operationId"] != "get_health":
                assert list(response["content"]) == ["application/problem+json"], operation["operationId"]
    references = {part.partition('"')[0] for part in json.dumps(described).split('"#/components/schemas/')[1:]}
    assert references <= described["components"]["schemas"].keys()
