"""A socket's life, through the handler: may it open, what it hears first, and how it is forgotten."""

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from barometer.stores import connections, keys, redis
from barometer.stores.connections import Subscription
from barometer.stores.keys import CreatedKey
from tests.cluster import keys as redis_keys
from tests.scored import example

EVENTS = {"authorize": example("socket")} | {
    name: example(f"socket-{name}") for name in ("connect", "message", "disconnect")
}
CONNECTION = EVENTS["connect"]["requestContext"]["connectionId"]
Say = Callable[..., Any]
MakeKey = Callable[..., CreatedKey]


@pytest.fixture
def say(environment: pytest.MonkeyPatch, context: object) -> Say:  # noqa: ARG001 (for what it does)
    """Calls the handler with an example event, changed."""
    from functions.socket.app import handler

    def call(name: str, **changes: object) -> Any:
        return handler({**json.loads(json.dumps(EVENTS[name])), **changes}, context)

    return call


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Client"]:
    with redis.client(redis_url) as connected:
        yield connected


def effect(policy: dict[str, Any]) -> str:
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    return str(statement["Effect"])


def test_a_session_of_our_own_page_may_open_a_socket(say: Say, make_key: MakeKey, postgres_url: str):
    key = make_key("read")
    with psycopg.connect(postgres_url) as connection:
        session = keys.create_session(connection, key.id)
    headers = {"Origin": "http://127.0.0.1:8000", "Cookie": f"theme=dark; barometer_session={session.token}"}
    policy = say("authorize", headers=headers)
    assert effect(policy) == "Allow"
    assert policy["principalId"] == policy["context"]["key_id"] == key.id


def test_a_program_may_open_a_socket_with_a_key(say: Say, make_key: MakeKey):
    key = make_key("read")
    assert effect(say("authorize", headers={"authorization": f"Bearer {key.secret_text}"})) == "Allow"


def test_nobody_else_may(say: Say, make_key: MakeKey):
    writer = make_key("write")
    for headers in (
        None,
        {},
        {"Cookie": "barometer_session=wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {writer.secret_text}"},
        {"Authorization": f"Bearer {make_key('read').secret_text}", "Origin": "http://evil.example"},
    ):
        assert effect(say("authorize", headers=headers)) == "Deny"


def test_hello_is_the_answer_to_the_first_subscription(say: Say, aws: SimpleNamespace, client: redis.Client):
    assert say("connect") == {"statusCode": 200}
    assert aws.frames == {}
    assert say("message") == {"statusCode": 200}
    assert aws.frames[CONNECTION] == [{"type": "hello", "seq": 0, "missed": False}]
    assert connections.subscribers(client) == {CONNECTION: Subscription(frozenset("*"), posts=True)}


def test_a_later_hello_tells_the_number_of_the_last_frame(say: Say, aws: SimpleNamespace, client: redis.Client):
    say("connect")
    say("message")
    connections.number(client, {CONNECTION: 3})
    say("message", body='{"action": "subscribe", "topics": ["rust"], "since_seq": 2}')
    assert aws.frames[CONNECTION][-1] == {"type": "hello", "seq": 3, "missed": True}
    assert connections.subscribers(client) == {CONNECTION: Subscription(frozenset({"rust"}), posts=False)}


def test_a_ping_is_answered_with_the_number_of_the_last_frame(say: Say, aws: SimpleNamespace):
    say("connect")
    say("message", body='{"action": "ping"}')
    assert aws.frames[CONNECTION] == [{"type": "pong", "seq": 0}]


def test_a_bad_message_is_answered_and_changes_nothing(say: Say, aws: SimpleNamespace, client: redis.Client):
    say("connect")
    say("message")
    assert say("message", body='{"action": "subscribe", "topics": [7]}') == {"statusCode": 200}
    problem = aws.frames[CONNECTION][-1]["problem"]
    assert [fault["field"] for fault in problem["errors"]] == ["topics.0"]
    assert connections.subscribers(client)[CONNECTION].topics == {"*"}


def test_a_closed_socket_is_forgotten_whole(say: Say, redis_url: str):
    say("connect")
    say("message")
    say("disconnect")
    assert not redis_keys(redis_url, "barometer:{sockets}:*")


def test_a_socket_that_is_not_known_is_told_and_closed(say: Say, aws: SimpleNamespace, client: redis.Client):
    for body in ('{"action": "ping"}', '{"action": "subscribe", "topics": ["*"]}'):
        say("message", body=body)
        assert aws.frames[CONNECTION].pop()["problem"]["status"] == 410
        assert aws.closed.pop() == CONNECTION
    assert connections.subscribers(client) == {}


def test_a_revoked_key_silences_its_sockets(call: Callable[..., Any], make_key: MakeKey, client: redis.Client):
    admin, viewer = make_key("admin"), make_key("read")
    connections.record(client, "theirs", viewer.id)
    connections.record(client, "ours", admin.id)
    for connection in ("theirs", "ours"):
        connections.hear(client, connection, Subscription(frozenset("*"), posts=True))
    assert call("DELETE", f"/api/keys/{viewer.id}", key=admin).status == 204
    assert connections.subscribers(client).keys() == {"ours"}
    assert connections.hear(client, "theirs") is None


def test_a_socket_that_never_said_goodbye_is_forgotten_in_time(client: redis.Client):
    for connection in ("dead", "alive"):
        connections.record(client, connection, "key")
        connections.hear(client, connection, Subscription(frozenset("*"), posts=True))
    client.zadd("barometer:{sockets}:heard", {"dead": time.time() - connections.LIFETIME_SECONDS - 1})
    assert connections.subscribers(client).keys() == {"alive"}
    assert connections.number(client, {"dead": 1, "alive": 2}) == {"alive": 1}


def test_posts_are_rationed_by_the_second_and_what_is_left_out_is_told_later(client: redis.Client):
    connections.record(client, "one", "key")

    def allow(posts: int, now: float) -> tuple[int, int]:
        allowance = connections.allow(client, {"one": posts}, 50, now)["one"]
        return allowance.posts, allowance.omitted

    assert allow(30, 10.0) == (30, 0)
    assert allow(30, 10.3) == (20, 10)
    assert allow(30, 10.6) == (0, 0)
    assert allow(5, 10.9) == (0, 0)
    assert allow(1, 11.0) == (1, 35)
    assert allow(1, 11.5) == (1, 0)
