"""Dead letters over HTTP: listed by pages, shown, sent again in bounded calls that say what is left."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from barometer.stores.keys import CreatedKey
from barometer.streams import counters_key, stream_key
from functions.api.routes import dead_letters

Call = Callable[..., Any]
PATH = "/api/dead-letters"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def admin(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("admin")


def die(client: redis.Redis, count: int = 1, **fields: Any) -> list[str]:
    letter = {"body": '{"n": 1}', "stream": "raw", "pipe": "ingest", "kind": "dead", "reason": "why", **fields}
    client.hincrby(counters_key(0), "accepted", count)
    client.hincrby(counters_key(0), letter["kind"], count)
    return [f"0-{client.xadd(stream_key('dead', 0), letter).decode()}" for _ in range(count)]


def test_letters_are_listed_by_pages_newest_first_and_filtered(call: Call, admin: CreatedKey, client: redis.Redis):
    names = die(client, 3)
    (rejected,) = die(client, kind="rejected", pipe="infer", stream="posts")
    first = call("GET", PATH, key=admin, limit=2).json
    rest = call("GET", PATH, key=admin, limit=2, cursor=first["next_cursor"]).json
    assert [item["id"] for item in first["items"] + rest["items"]] == [rejected, *names[::-1]]
    assert rest["next_cursor"] is None
    for wanted in ({"kind": "rejected"}, {"pipe": "infer"}, {"kind": "rejected", "pipe": "infer"}):
        assert [item["id"] for item in call("GET", PATH, key=admin, **wanted).json["items"]] == [rejected]
    assert call("GET", PATH, key=admin, kind="rejected", pipe="ingest").json == {"items": [], "next_cursor": None}


def test_a_letter_is_shown_whole_and_a_list_cuts_it_short(call: Call, admin: CreatedKey, client: redis.Redis):
    body = json.dumps({"text": "x" * 5_000})
    (name,) = die(
        client, body=body, function="barometer-ingest", id="7-0", error_type="ValueError", attempts=4,
        first_at=1_700_000_000_000, dead_at=1_700_000_001_000, condition="RetryAttemptsExhausted",
        error_message="no", stack_trace="one\ntwo", tried_at=1_700_000_000_999, batch_size=7, request_id="2f1e",
        odd="1",
    )  # fmt: skip
    (item,) = call("GET", PATH, key=admin).json["items"]
    assert (item["body"], item["body_bytes"]) == (body[:1_000], len(body))
    assert call("GET", f"{PATH}/{name}", key=admin).json == {
        "id": name,
        "kind": "dead",
        "condition": "RetryAttemptsExhausted",
        "stream": "raw",
        "pipe": "ingest",
        "function": "barometer-ingest",
        "record_id": "7-0",
        "reason": "why",
        "error_type": "ValueError",
        "attempts": 4,
        "first_at": "2023-11-14T22:13:20Z",
        "dead_at": "2023-11-14T22:13:21Z",
        "body": body,
        "body_bytes": len(body),
        "last_try": {
            "tried_at": "2023-11-14T22:13:20.999000Z",
            "request_id": "2f1e",
            "batch_size": 7,
            "error_message": "no",
            "stack_trace": "one\ntwo",
        },
        "details": {"odd": "1"},
    }


def test_letters_that_are_named_are_sent_again_once(call: Call, admin: CreatedKey, client: redis.Redis):
    first, second = die(client, 2)
    (empty,) = die(client, body="")
    answer = call("POST", f"{PATH}/redrive", {"ids": [first, first, empty, "0-1-1"]}, key=admin)
    assert answer.status == 200
    assert answer.json == {
        "redriven": 1,
        "missing": ["0-1-1"],
        "refused": [{"id": empty, "reason": "it has no body"}],
        "remaining": 2,
        "next_cursor": None,
        "retry_after": None,
    }
    assert call("GET", f"{PATH}/{first}", key=admin).status == 404
    assert call("GET", f"{PATH}/{second}", key=admin).status == 200
    books = call("GET", "/api/pipeline", key=admin).json
    assert (books["dead"], books["in_flight"], books["balanced"]) == (2, 1, True)
    assert books["pipes"][0]["redriven"] == 1


def test_all_letters_are_sent_again_in_calls_that_say_how_to_go_on(
    call: Call, admin: CreatedKey, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dead_letters, "MOST_LETTERS", 1)  # a piece a call
    die(client, 30)
    die(client, 170, kind="rejected")
    wanted: dict[str, Any] = {"all": True, "kind": "rejected", "pipe": "ingest"}
    sent, calls, answer = 0, 0, {}
    while calls == 0 or answer["next_cursor"] or answer["retry_after"]:
        answer = call("POST", f"{PATH}/redrive", {**wanted, "cursor": answer.get("next_cursor")}, key=admin).json
        sent, calls = sent + answer["redriven"], calls + 1
        if answer["retry_after"]:  # the deployment's raw has room for 50
            assert client.xlen(stream_key("raw", 0)) == 50
            client.xtrim(stream_key("raw", 0), maxlen=0, approximate=False)
            client.hincrby(counters_key(0), "stored", 50)
        assert calls < 20
    assert (sent, answer["remaining"]) == (170, 30)
    assert call("GET", "/api/pipeline", key=admin).json["balanced"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"ids": ["0-1-1"], "all": True}, "body"),
        ({"ids": ["0-1-1"], "kind": "dead"}, "body"),
        ({"all": False}, "all"),
        ({"all": True, "kind": "odd"}, "kind"),
        ({"all": True, "cursor": "x"}, "cursor"),
        ({"ids": []}, "ids"),
        ({"ids": ["0-1-1", "x"]}, "ids.1"),
        ({"ids": ["0-1-1"] * 201}, "ids"),
        ({"ids": "0-1-1"}, "ids"),
        ({"all": True, "force": True}, "force"),
    ],
)
def test_a_wrong_redrive_names_its_field_and_moves_nothing(
    call: Call, admin: CreatedKey, client: redis.Redis, body: dict[str, Any], field: str
):
    die(client)
    answer = call("POST", f"{PATH}/redrive", body, key=admin)
    assert answer.status == 422
    assert [fault[0] for fault in answer.faults] == [field]
    assert client.xlen(stream_key("dead", 0)) == 1


def test_a_wrong_id_or_cursor_is_named(call: Call, admin: CreatedKey):
    assert call("GET", f"{PATH}/redrive", key=admin).faults[0][0] == "id"
    assert call("GET", f"{PATH}/0-{2**64}-0", key=admin).faults[0][0] == "id"
    assert call("GET", PATH, key=admin, cursor="none").faults[0][0] == "cursor"
    assert call("GET", PATH, key=admin, limit=201).faults[0][0] == "limit"
