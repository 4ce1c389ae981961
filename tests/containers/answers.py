"""What each function answers to its example event, ``tests/events/<function>.json``, with empty stores beside it."""

import json
from typing import Any

import psycopg

from tests.containers.stores import Stores

# Whose the key of api.json and the session of socket.json are.
KEY = "9f2c41d07ab3"


def let_in(both: Stores) -> None:
    """Make the key and the session that the examples present."""
    with psycopg.connect(both.database_url) as connection:
        connection.execute(
            "INSERT INTO api_keys (id, name, scopes, secret_hash) VALUES (%s, 'example', '{read}', sha256(%s))",
            (KEY, b"0" * 64),
        )
        connection.execute(
            "INSERT INTO sessions (token_hash, key_id, expires_at) VALUES (sha256(%s), %s, now() + interval '1 day')",
            (b"0" * 43, KEY),
        )


def check(function: str, answer: Any, both: Stores) -> None:
    """Fail unless this is what the function has to say."""
    _CHECKS[function](answer, both)


def _named(answer: dict[str, Any]) -> set[str]:
    """The records of a batch that its answer speaks of: it must speak of each."""
    ends = answer["finished"] + answer["rejections"] + answer["batchItemFailures"]
    return {record["from"] for record in answer["records"]} | {end["itemIdentifier"] for end in ends}


def _ingest(answer: Any, _: Stores) -> None:
    [post] = answer["records"]
    assert (post["to"], post["body"]["lang"]) == ("posts", "en")
    assert answer["rejections"] == [{"itemIdentifier": "1763812800000-1", "reason": "text: is empty"}]


def _infer(answer: Any, _: Stores) -> None:
    scores = [record["body"]["score"] for record in answer["records"]]
    assert [(score["sentiment"] or {}).get("label") for score in scores] == ["positive", None]
    assert scores[0]["model"].startswith("barometer-")


def _aggregate(answer: Any, both: Stores) -> None:
    assert _named(answer) == {"1772625600000-0", "1772625600000-1"}
    assert {record["to"] for record in answer["records"]} == {"stored", "events", "metrics"}
    with psycopg.connect(both.database_url) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE source = 'example' ORDER BY created_at").fetchall()
    assert [text for (text,) in rows] == ["What a lovely morning.", "Rain again, and the train is late."]


def _alert(answer: Any, _: Stores) -> None:
    assert _named(answer) == {"1772625601000-0"}
    assert answer["records"] == []


def _push(answer: Any, _: Stores) -> None:
    assert answer["finished"] == [{"itemIdentifier": "1763832480000-0", "as": "pushed"}]
    assert answer["batchItemFailures"] == []


def _api(answer: Any, _: Stores) -> None:
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"items": [], "next_cursor": None}


def _socket(answer: Any, _: Stores) -> None:
    assert answer["principalId"] == answer["context"]["key_id"] == KEY
    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")


_CHECKS = {
    "ingest": _ingest, "infer": _infer, "aggregate": _aggregate, "alert": _alert,
    "push": _push, "api": _api, "socket": _socket,
}  # fmt: skip
