"""Topics, rules and alerts, through the handler: what people set up, and what it told them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from barometer.alerts import RuleDraft
from barometer.stores import alerts, rules
from barometer.stores.keys import CreatedKey

Call = Callable[..., Any]
Stored = Callable[..., list[str]]


@pytest.fixture
def admin(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("admin", name="boss")


@pytest.fixture
def reader(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("read", name="ann")


def test_a_topic_is_made_read_changed_and_deleted(call: Call, admin: CreatedKey, reader: CreatedKey):
    made = call("POST", "/api/topics", {"name": "rust", "query": "+rust -game"}, key=admin)
    assert made.status == 201
    assert call("GET", "/api/topics/rust", key=reader).json == made.json
    assert [topic["name"] for topic in call("GET", "/api/topics", key=reader).json["items"]] == ["rust"]
    changed = call("PATCH", "/api/topics/rust", {"query": "rust OR cargo"}, key=admin).json
    assert changed["query"] == "rust OR cargo"
    assert changed["created_at"] == made.json["created_at"]
    assert call("POST", "/api/topics", {"name": "rust", "query": "x"}, key=admin).status == 409
    assert call("DELETE", "/api/topics/rust", key=admin).status == 204
    assert call("GET", "/api/topics/rust", key=reader).status == 404
    assert call("DELETE", "/api/topics/rust", key=admin).status == 404
    assert call("PATCH", "/api/topics/rust", {"query": "x"}, key=admin).status == 404


def test_a_deleted_topic_is_gone_from_posts_and_numbers_at_once(call: Call, admin: CreatedKey, stored: Stored):
    (post_id,) = stored("a", topics=["rust"])
    assert call("GET", "/api/summary", key=admin, topic="rust").json["posts"] == 1
    assert call("DELETE", "/api/topics/rust", key=admin).status == 204
    assert call("GET", "/api/summary", key=admin, topic="rust").json["posts"] == 0
    assert call("GET", "/api/summary", key=admin).json["posts"] == 1
    assert call("GET", f"/api/posts/{post_id}", key=admin).json["topics"] == []


@pytest.mark.parametrize(
    ("query", "position"), [("rust AND (cargo OR", 18), ('rust "cargo', 5), ("rust ) cargo", 5), ("-game", 0)]
)
def test_a_bad_query_is_refused_pointing_at_the_character(call: Call, admin: CreatedKey, query: str, position: int):
    for answer in (
        call("POST", "/api/topics", {"name": "rust", "query": query}, key=admin),
        call("PATCH", "/api/topics/rust", {"query": query}, key=admin),
    ):
        assert answer.status == 422
        (fault,) = answer.json["errors"]
        assert fault["field"] == "query"
        assert fault["position"] == position
        assert f"character {position + 1}" in fault["reason"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Rust", "query": "rust"}, "name"),
        ({"name": "*", "query": "rust"}, "name"),
        ({"name": "rust", "query": ""}, "query"),
        ({"name": "rust", "query": "x" * 1_001}, "query"),
        ({"name": "rust"}, "query"),
        ({"name": "rust", "query": "rust", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_topic_names_its_field(call: Call, admin: CreatedKey, body: dict[str, object], field: str):
    answer = call("POST", "/api/topics", body, key=admin)
    assert answer.status == 422
    assert [name for name, _ in answer.faults] == [field]


def test_a_topic_whose_name_is_none_is_a_422(call: Call, reader: CreatedKey):
    assert call("GET", "/api/topics/No%20Such", key=reader).faults[0][0] == "name"


@pytest.mark.parametrize("path", ["/api/topics", "/api/rules"])
def test_only_an_admin_sets_up(call: Call, reader: CreatedKey, path: str):
    assert call("GET", path, key=reader).status == 200
    assert call("POST", path, {}, key=reader).status == 403
    assert call("DELETE", f"{path}/00000000-0000-0000-0000-000000000000", key=reader).status == 403


def test_a_rule_is_made_read_changed_and_deleted(call: Call, admin: CreatedKey, reader: CreatedKey):
    body = {"name": "storm", "threshold": 0.5, "webhook_url": "https://example.org/hook"}
    made = call("POST", "/api/rules", body, key=admin)
    assert made.status == 201
    path = f"/api/rules/{made.json['id']}"
    assert made.json["topic"] == "*"
    assert made.json["enabled"] is True
    assert call("GET", path, key=reader).json == made.json
    changed = call("PATCH", path, {"threshold": 1, "webhook_url": None}, key=admin).json
    assert (changed["threshold"], changed["webhook_url"], changed["name"]) == (1.0, None, "storm")
    assert call("POST", "/api/rules", body, key=admin).status == 409
    assert [rule["id"] for rule in call("GET", "/api/rules", key=reader).json["items"]] == [made.json["id"]]
    assert call("DELETE", path, key=admin).status == 204
    assert call("GET", path, key=reader).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "storm"}, "threshold"),
        ({"name": "storm", "threshold": 0}, "threshold"),
        ({"name": "storm", "threshold": 1.1}, "threshold"),
        ({"name": "storm", "threshold": "high"}, "threshold"),
        ({"name": "storm", "threshold": 0.5, "window_seconds": 61}, "window_seconds"),
        ({"name": "storm", "threshold": 0.5, "kind": "volume"}, "kind"),
        ({"name": "storm", "threshold": 0.5, "webhook_url": "ftp://x"}, "webhook_url"),
        ({"name": "", "threshold": 0.5}, "name"),
        ({"name": "storm", "threshold": 0.5, "mood": 1}, "mood"),
    ],
)
def test_a_wrong_rule_names_its_field(call: Call, admin: CreatedKey, body: dict[str, object], field: str):
    answer = call("POST", "/api/rules", body, key=admin)
    assert answer.status == 422
    assert [name for name, _ in answer.faults] == [field]


@pytest.fixture
def fired(postgres_url: str) -> list[str]:
    """Three alerts, of which the first is resolved; the last fired is first in the list."""
    from barometer.alerts import Measure

    found = []
    with psycopg.connect(postgres_url) as connection:
        for number in range(3):
            rule = rules.create_rule(connection, RuleDraft(name=f"rule {number}", threshold=0.5))
            at = datetime(2026, 1, 1, number, tzinfo=UTC)
            alert = alerts.fire(connection, rule, Measure(20, 15), at)
            assert alert is not None
            found.append(str(alert.id))
            if number == 0:
                alerts.resolve(connection, rule, at)
    return found[::-1]


def test_alerts_come_newest_first_by_state_and_by_pages(call: Call, reader: CreatedKey, fired: list[str]):
    first = call("GET", "/api/alerts", key=reader, limit=2).json
    assert [alert["id"] for alert in first["items"]] == fired[:2]
    rest = call("GET", "/api/alerts", key=reader, limit=2, cursor=first["next_cursor"]).json
    assert [alert["id"] for alert in rest["items"]] == fired[2:]
    firing = call("GET", "/api/alerts", key=reader, state="firing").json["items"]
    assert [alert["id"] for alert in firing] == fired[:2]
    assert call("GET", "/api/alerts", key=reader, state="over").faults[0][0] == "state"
    assert call("GET", "/api/alerts", key=reader, cursor="x").faults[0][0] == "cursor"


def test_an_alert_is_acknowledged_once_under_the_name_of_the_key(
    call: Call, reader: CreatedKey, admin: CreatedKey, fired: list[str]
):
    path = f"/api/alerts/{fired[0]}/acknowledge"
    seen = call("POST", path, key=reader).json
    assert seen["acknowledged_by"] == "ann"
    assert call("POST", path, key=admin).json == seen
    assert call("POST", "/api/alerts/00000000-0000-0000-0000-000000000000/acknowledge", key=reader).status == 404
