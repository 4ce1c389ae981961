"""What a socket's client may say, and the authorizer's refusals that need no database: nothing running."""

import json

import pytest

from barometer.settings import Settings
from functions.socket import messages
from functions.socket.authorizer import authorize
from tests.scored import example


def test_a_subscription_and_a_ping_are_understood():
    message = messages.read('{"action": "subscribe", "topics": ["*", "rust"], "posts": true, "since_seq": 4}')
    assert message == messages.Subscribe(action="subscribe", topics=["*", "rust"], posts=True, since_seq=4)
    assert messages.read('{"action": "ping"}') == messages.Ping(action="ping")


@pytest.mark.parametrize(
    ("text", "status", "field", "reason"),
    [
        ("", 400, None, None),
        ("hello", 400, None, None),
        ("[]", 422, "message", "must be an object"),
        ("{}", 422, "action", "must be 'subscribe' or 'ping'"),
        ('{"action": "shout"}', 422, "action", "must be 'subscribe' or 'ping'"),
        ('{"action": "ping", "loud": true}', 422, "loud", "is not a known field"),
        ('{"action": "subscribe"}', 422, "topics", "is required"),
        ('{"action": "subscribe", "topics": []}', 422, "topics", "at least 1"),
        ('{"action": "subscribe", "topics": ["No Such"]}', 422, "topics.0", "pattern"),
        ('{"action": "subscribe", "topics": "rust"}', 422, "topics", "list"),
        ('{"action": "subscribe", "topics": ["*"], "posts": "yes"}', 422, "posts", "boolean"),
        ('{"action": "subscribe", "topics": ["*"], "since_seq": -1}', 422, "since_seq", "greater than"),
    ],
)
def test_any_other_message_is_answered_with_what_is_wrong(
    text: str, status: int, field: str | None, reason: str | None
):
    with pytest.raises(messages.BadMessageError) as caught:
        messages.read(text)
    frame = json.loads(caught.value.frame)
    assert frame["type"] == "error"
    assert frame["problem"]["status"] == status
    if field is not None and reason is not None:
        (fault,) = frame["problem"]["errors"]
        assert fault["field"] == field
        assert reason in fault["reason"]


@pytest.mark.parametrize(("since", "missed"), [(None, False), (7, False), (6, True), (9, True)])
def test_hello_tells_whether_a_frame_was_missed(since: int | None, missed: bool):
    assert json.loads(messages.hello(7, since)) == {"type": "hello", "seq": 7, "missed": missed}


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8001", "null", ""])
def test_a_page_of_another_origin_is_refused_before_anything_is_looked_up(origin: str):
    asked = example("socket")
    event = {**asked, "headers": {**asked["headers"], "Origin": origin}}
    policy = authorize(event, Settings())
    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert policy["policyDocument"]["Statement"][0]["Resource"] == event["methodArn"]
