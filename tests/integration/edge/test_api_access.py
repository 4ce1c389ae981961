"""Who may do what: keys, scopes, sessions and their cookie."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis

from barometer.stores import connections
from barometer.stores.keys import SCOPES, CreatedKey
from functions.api.main import create_app

Call = Callable[..., Any]
MakeKey = Callable[..., CreatedKey]


def test_a_wrong_key_is_refused_with_a_challenge(call: Call, make_key: MakeKey):
    key = make_key("read")
    forged = CreatedKey(key.id, key.name, key.scopes, key.created_at, key.secret_text[:-1] + "x")
    answer = call("GET", "/api/posts", key=forged)
    assert answer.status == 401
    assert answer.faults == []
    assert "invalid_token" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("presented", ["", "x", "bar_", "bar__", "bar_\x00_x", "bar_é_x", "bar_" + "a" * 10_000])
def test_what_is_no_key_is_refused_like_a_wrong_one(call: Call, presented: str):
    answer = call("GET", "/api/posts", headers={"authorization": f"Bearer {presented}"})
    assert answer.status == 401


def test_a_key_without_the_scope_is_told_which_one_it_lacks(call: Call, make_key: MakeKey):
    answer = call(
        "POST", "/api/posts", {"posts": [{"text": "a", "source": "test"}]}, key=make_key("read", name="viewer")
    )
    assert answer.status == 403
    assert "write" in answer.json["detail"]
    assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_admin_implies_every_scope(call: Call, make_key: MakeKey):
    assert call("GET", "/api/posts", key=make_key("admin")).status == 200


def test_write_does_not_imply_read(call: Call, make_key: MakeKey):
    assert call("GET", "/api/posts", key=make_key("write")).status == 403


def test_a_key_is_made_shown_once_listed_renamed_and_revoked(call: Call, make_key: MakeKey):
    admin = make_key("admin")
    made = call("POST", "/api/keys", {"name": "robot", "scopes": ["write"]}, key=admin)
    assert made.status == 201
    assert made.json["secret"].startswith(f"bar_{made.json['id']}_")
    path = f"/api/keys/{made.json['id']}"
    listed = call("GET", "/api/keys", key=admin)
    assert [item["name"] for item in listed.json["items"]] == ["robot", "test"]
    assert "secret" not in listed.text
    assert call("PATCH", path, {"name": "reader", "scopes": ["read"]}, key=admin).json["scopes"] == ["read"]
    bearer = {"authorization": f"Bearer {made.json['secret']}"}
    assert call("GET", "/api/session", headers=bearer).json == {
        "key_id": made.json["id"], "name": "reader", "scopes": ["read"],
    }  # fmt: skip
    assert call("GET", path, key=admin).json["last_used_at"] is not None
    assert call("DELETE", path, key=admin).status == 204
    assert call("GET", "/api/session", headers=bearer).status == 401
    assert call("GET", path, key=admin).status == 404
    assert call("DELETE", path, key=admin).status == 404


def test_the_last_admin_key_can_be_neither_revoked_nor_demoted(call: Call, make_key: MakeKey):
    admin = make_key("admin")
    assert call("DELETE", f"/api/keys/{admin.id}", key=admin).status == 409
    assert call("PATCH", f"/api/keys/{admin.id}", {"scopes": ["read"]}, key=admin).status == 409
    other = make_key("admin")
    assert call("DELETE", f"/api/keys/{other.id}", key=admin).status == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "scopes": ["read"], "secret": "mine"}, "secret"),
        ({"name": "x\x00y", "scopes": ["read"]}, "name"),
    ],
)
def test_a_wrong_key_body_names_its_field(call: Call, make_key: MakeKey, body: dict[str, object], field: str):
    answer = call("POST", "/api/keys", body, key=make_key("admin"))
    assert answer.status == 422
    assert [fault[0] for fault in answer.faults] == [field]


def sign_in(call: Call, key: CreatedKey) -> str:
    answer = call("POST", "/api/session", {"key": key.secret_text})
    assert answer.status == 201
    (cookie,) = answer.cookies
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # the test's origin is http
    return cookie.partition(";")[0]


def test_a_session_stands_for_its_key_until_it_is_ended(call: Call, make_key: MakeKey):
    cookie = sign_in(call, make_key("read"))
    assert call("GET", "/api/posts", headers={"cookie": f"theme=dark; {cookie}"}).status == 200
    ended = call("DELETE", "/api/session", headers={"cookie": cookie})
    assert ended.status == 204
    assert 'barometer_session=""' in ended.cookies[0]
    assert call("GET", "/api/posts", headers={"cookie": cookie}).status == 401
    assert call("DELETE", "/api/session", headers={"cookie": cookie}).status == 204


def test_a_session_ends_with_its_key(call: Call, make_key: MakeKey):
    admin, viewer = make_key("admin"), make_key("read")
    cookie = sign_in(call, viewer)
    assert call("DELETE", f"/api/keys/{viewer.id}", key=admin).status == 204
    assert call("GET", "/api/posts", headers={"cookie": cookie}).status == 401


def test_a_session_that_ran_out_is_over_and_swept_away_by_the_next_sign_in(
    call: Call, make_key: MakeKey, postgres_url: str
):
    key = make_key("read")
    cookie = sign_in(call, key)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
        assert call("GET", "/api/posts", headers={"cookie": cookie}).status == 401
        sign_in(call, key)
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_signing_in_with_a_wrong_key_names_the_field(call: Call):
    answer = call("POST", "/api/session", {"key": "bar_000000000000_wrong"})
    assert answer.status == 401
    assert answer.faults == [("key", "is unknown or revoked")]
    assert not answer.cookies


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}, {"origin": "http://127.0.0.1:9999"}]
)
def test_a_session_changes_nothing_for_a_page_of_another_origin(call: Call, make_key: MakeKey, headers: dict[str, str]):
    cookie = sign_in(call, make_key("admin"))
    body = {"name": "stolen", "scopes": ["admin"]}
    assert call("POST", "/api/keys", body, headers={"cookie": cookie, **headers}).status == 403
    assert call("POST", "/api/keys", body, headers={"cookie": cookie, "sec-fetch-site": "same-origin"}).status == 201
    assert call("POST", "/api/keys", body, headers={"cookie": cookie, "origin": "http://127.0.0.1:8000"}).status == 201


def test_a_secure_origin_makes_a_secure_cookie(call: Call, environment: pytest.MonkeyPatch, make_key: MakeKey):
    environment.setenv("BAROMETER_PUBLIC_ORIGIN", "https://barometer.example")
    answer = call("POST", "/api/session", {"key": make_key("read").secret_text})
    assert "Secure" in answer.cookies[0]


@pytest.mark.parametrize(
    ("method", "body", "heard"),
    [("DELETE", None, False), ("PATCH", {"scopes": ["write"]}, False), ("PATCH", {"name": "other"}, True)],
)
def test_a_key_that_is_revoked_or_may_do_otherwise_loses_its_sockets(  # noqa: PLR0917 (fixtures)
    call: Call, make_key: MakeKey, redis_url: str, method: str, body: object, heard: bool
):
    admin, viewer = make_key("admin"), make_key("read")
    with redis.Redis.from_url(redis_url) as client:
        connections.record(client, "socket", viewer.id)
        assert call(method, f"/api/keys/{viewer.id}", body, key=admin).status < 300
        assert (connections.hear(client, "socket") is not None) is heard


# What each operation needs, said here once more: a route whose scope is forgotten is then found.
NEEDS = {
    "create_posts": "write", "list_posts": "read", "get_post": "read", "get_summary": "read", "get_trend": "read",
    "list_topics": "read", "create_topic": "admin", "get_topic": "read", "update_topic": "admin",
    "delete_topic": "admin", "list_rules": "read", "create_rule": "admin", "get_rule": "read", "update_rule": "admin",
    "delete_rule": "admin", "list_alerts": "read", "acknowledge_alert": "read", "analyze": "read",
    "get_pipeline": "read", "list_keys": "admin", "create_key": "admin", "get_key": "admin", "update_key": "admin",
    "revoke_key": "admin", "get_session": None, "create_session": "open", "delete_session": "open",
    "get_health": "open", "list_dead_letters": "admin", "get_dead_letter": "admin", "redrive_dead_letters": "admin",
}  # fmt: skip
OPERATIONS = [
    (operation["operationId"], method.upper(), path)
    for path, operations in create_app().openapi()["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS, ids=[name for name, _, _ in OPERATIONS])
def test_an_operation_answers_those_with_its_scope_and_nobody_else(
    call: Call, make_key: MakeKey, name: str, method: str, path: str
):
    path = path.replace("{id}", "0" * 8 + "-0000-0000-0000-" + "0" * 12).replace("{name}", "none")
    path = path.replace("/keys/00000000-0000-0000-0000-000000000000", "/keys/abc")
    path = path.replace("/dead-letters/00000000-0000-0000-0000-000000000000", "/dead-letters/0-1-0")
    bodies = {
        "create_posts": {"posts": [{"text": "a", "source": "test"}]},
        "create_topic": {"name": "some", "query": "a"}, "update_topic": {"query": "a"},
        "create_rule": {"name": "some", "threshold": 0.5}, "update_rule": {"enabled": False},
        "redrive_dead_letters": {"all": True},
        "analyze": {"texts": ["a"]}, "create_key": {"name": "some", "scopes": ["read"]}, "update_key": {"name": "some"},
    }  # fmt: skip
    body, needed = bodies.get(name), NEEDS[name]
    if needed == "open":
        assert call(method, path, body).status not in {401, 403}
        return
    assert call(method, path, body).status == 401
    assert call(method, path, body, headers={"authorization": "Bearer bar_000000000000_wrong"}).status == 401
    assert call(method, path, body, headers={"cookie": "barometer_session=wrong"}).status == 401
    for scope in SCOPES:
        status = call(method, path, body, key=make_key(scope)).status
        if needed in {None, scope} or scope == "admin":
            assert status < 300 or status == 404, f"{scope}: there is none of that id at most"
        else:
            assert status == 403, scope
