"""The step ``alert`` on a real Postgres: each transition once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
import redis as redis_py

from barometer.alerts import RulePatch
from barometer.cursors import Cursor
from barometer.errors import ConflictError, NotFoundError, UnavailableError
from barometer.steps.alert import deliver, judge, on_batch, on_tick
from barometer.stores import alerts, notifications, postgres, rules
from barometer.streams import stream_key
from functions.alert import app
from tests.integration.alerting.mood import MINUTE, Receiver, make_rule, states, transitions, write
from tests.scored import NOON, Context, batch, example


def test_an_alert_fires_once_and_resolves_once(url: str):
    rule = make_rule(url)
    write(url, "negative", "negative", "positive")
    assert judge(url, NOON) == []
    write(url, "negative")
    [fired] = judge(url, NOON)
    assert fired.transition == "fired"
    assert fired.alert.rule_id == rule.id
    assert (fired.alert.value, fired.alert.posts, fired.alert.threshold) == (0.75, 4, 0.5)
    assert judge(url, NOON) == []
    write(url, *["positive"] * 4, at=NOON + MINUTE)
    [resolved] = judge(url, NOON + MINUTE)
    assert resolved.transition == "resolved"
    assert resolved.alert.id == fired.alert.id
    assert resolved.alert.resolved_at == NOON + MINUTE
    assert resolved.alert.value == 0.75, "an alert keeps what it fired at"
    assert judge(url, NOON + MINUTE) == []


def test_too_few_posts_keep_an_alert_and_an_empty_window_ends_it(url: str):
    make_rule(url)
    write(url, *["negative"] * 4)
    assert transitions(judge(url, NOON)) == ["fired"]
    write(url, "positive", at=NOON + 5 * MINUTE)
    assert judge(url, NOON + 5 * MINUTE) == [], "one post is too few to call it calm"
    assert transitions(judge(url, NOON + 10 * MINUTE)) == ["resolved"]


def test_unscored_posts_count_neither_way(url: str):
    make_rule(url)
    write(url, "negative", "negative", "negative", None, None)
    assert judge(url, NOON) == []
    write(url, "negative", None)
    [fired] = judge(url, NOON)
    assert (fired.alert.value, fired.alert.posts) == (1.0, 4)


def test_a_rule_looks_at_its_own_topic_and_window(url: str):
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO topics (name, query) VALUES ('tea', 'tea')")
    make_rule(url, name="tea", topic="tea")
    make_rule(url, name="all", threshold=0.9)
    write(url, *["negative"] * 4, topics=("tea",))
    write(url, *["positive"] * 4)
    assert [change.alert.rule_name for change in judge(url, NOON, {"tea"})] == ["tea"]
    assert judge(url, NOON, {"rain"}) == []
    write(url, *["negative"] * 4, at=NOON - 5 * MINUTE)
    assert judge(url, NOON) == [], "what is older than the window does not count"


def test_evaluations_at_once_make_one_transition(url: str):
    make_rule(url)
    for turn in range(6):
        at = NOON + 10 * turn * MINUTE
        write(url, *["negative"] * 4, at=at)
        with ThreadPoolExecutor(4) as executor:
            fired = [change for found in executor.map(lambda _, at=at: judge(url, at), range(4)) for change in found]
            later = at + 5 * MINUTE
            ended = [change for found in executor.map(lambda _, at=later: judge(url, at), range(4)) for change in found]
        assert transitions(fired) == ["fired"]
        assert transitions(ended) == ["resolved"]
    assert states(url) == ["resolved"] * 6


def test_a_second_firing_alert_of_a_rule_cannot_be_written(url: str):
    rule = make_rule(url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    with postgres.transaction(url) as connection:
        measure, firing = rules.measure(connection, [rule], NOON)[rule.id]
        assert firing
        assert alerts.fire(connection, rule, measure, NOON) is None


def test_a_disabled_rule_lets_go_of_its_alert(url: str):
    rule = make_rule(url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    with postgres.transaction(url) as connection:
        changed = rules.update_rule(connection, rule.id, RulePatch.model_validate({"enabled": False}))
    assert not changed.enabled
    assert transitions(judge(url, NOON)) == ["resolved"]
    assert judge(url, NOON) == []


def test_a_batch_names_every_record_and_emits_each_transition(url: str):
    make_rule(url)
    write(url, *["negative"] * 4)
    changed = {"topics": ["*"], "minutes": [NOON.isoformat()] * 2}
    result = on_batch(batch([changed, "{", changed], "stored"), url, NOON)
    assert [end["itemIdentifier"][-1] for end in result.finished] == ["0", "2"]
    assert [end["itemIdentifier"][-1] for end in result.rejections] == ["1"]
    [record] = result.records
    assert record["to"] == "alerts"
    assert record["from"] == result.finished[0]["itemIdentifier"]
    assert record["body"]["alert"]["state"] == "firing"
    assert json.dumps(record["body"])
    again = on_batch(batch([changed], "stored"), url, NOON)
    assert again.records == []


def test_every_record_of_a_batch_has_its_topics_judged(url: str):
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO topics (name, query) VALUES ('tea', 'tea'), ('rain', 'rain')")
    make_rule(url, name="tea", topic="tea")
    make_rule(url, name="rain", topic="rain")
    write(url, *["negative"] * 4, topics=("tea", "rain"))
    result = on_batch(batch([{"topics": ["tea"]}, {"topics": ["rain"]}], "stored"), url, NOON)
    assert {record["body"]["alert"]["rule_name"] for record in result.records} == {"tea", "rain"}


def test_an_alert_whose_notification_cannot_be_written_does_not_fire_unheard(
    url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    """As a crash between the two would leave it: whoever judges next fires it, and tells."""

    def broken(*_: object) -> None:
        raise psycopg.errors.QueryCanceled

    make_rule(url, webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    with monkeypatch.context() as crash:
        crash.setattr(notifications, "enqueue", broken)
        with pytest.raises(psycopg.errors.QueryCanceled):
            judge(url, NOON)
    assert states(url) == []
    assert transitions(judge(url, NOON)) == ["fired"]
    assert list(deliver(url, NOON).values()) == [None]


def test_a_tick_judges_every_rule_and_announces_to_the_stream(url: str, redis_url: str):
    make_rule(url)
    write(url, *["negative"] * 4)
    with redis_py.Redis.from_url(redis_url) as client:
        on_tick(url, client, NOON)
        on_tick(url, client, NOON + MINUTE)
        on_tick(url, client, NOON + 10 * MINUTE)
        bodies = [json.loads(fields[b"body"]) for _, fields in client.xrange(stream_key("alerts", 0))]
    assert [(body["transition"], body["alert"]["state"]) for body in bodies] == [
        ("fired", "firing"),
        ("resolved", "resolved"),
    ]


def test_alerts_are_paged_by_state_newest_first_and_acknowledged_once(url: str):
    make_rule(url)
    for turn in range(5):
        at = NOON + 10 * turn * MINUTE
        write(url, *["negative"] * 4, at=at)
        judge(url, at)
        if turn < 4:
            judge(url, at + 5 * MINUTE)
    with postgres.transaction(url) as connection:
        [firing] = alerts.list_alerts(connection, "firing", limit=10).items
        first = alerts.list_alerts(connection, "resolved", limit=3)
        assert first.next_cursor is not None
        cursor = Cursor.decode(first.next_cursor.encode())
        second = alerts.list_alerts(connection, "resolved", limit=3, cursor=cursor)
        found = [*first.items, *second.items]
        assert [alert.fired_at for alert in found] == [NOON + 10 * turn * MINUTE for turn in (3, 2, 1, 0)]
        assert second.next_cursor is None
        alerts.acknowledge(connection, firing.id, "ann", NOON)
        kept = alerts.acknowledge(connection, firing.id, "bob", NOON + MINUTE)
        assert (kept.acknowledged_by, kept.acknowledged_at) == ("ann", NOON)
        with pytest.raises(NotFoundError):
            alerts.acknowledge(connection, make_rule(url, name="other").id, "ann", NOON)


def test_rules_are_made_changed_listed_and_deleted(url: str):
    rule = make_rule(url, webhook_url="https://example.org/hook")
    with pytest.raises(ConflictError):
        make_rule(url)
    other = make_rule(url, name="other")
    with postgres.transaction(url) as connection:
        assert rules.get_rule(connection, rule.id) == rule
        assert [found.name for found in rules.list_rules(connection)] == ["other", "storm"]
        patch = RulePatch.model_validate({"threshold": 0.25, "webhook_url": None})
        changed = rules.update_rule(connection, rule.id, patch)
        assert (changed.threshold, changed.webhook_url, changed.name) == (0.25, None, "storm")
        assert changed.window_seconds == 300
    with pytest.raises(ConflictError), postgres.transaction(url) as connection:
        rules.update_rule(connection, other.id, RulePatch.model_validate({"name": "storm"}))
    with postgres.transaction(url) as connection:
        rules.delete_rule(connection, other.id)
        for gone in (
            lambda: rules.delete_rule(connection, other.id),
            lambda: rules.get_rule(connection, other.id),
            lambda: rules.update_rule(connection, other.id, patch),
        ):
            with pytest.raises(NotFoundError):
                gone()


def test_the_handler_serves_batches_and_the_clock(url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BAROMETER_DATABASE_URL", url)
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_url)
    now = datetime.now(UTC)
    make_rule(url)
    write(url, *["negative"] * 4, at=now)
    response = app.handler(example("alert"), Context())
    assert [record["to"] for record in response["records"]] == ["alerts"]
    write(url, *["positive"] * 8, at=now)
    assert app.handler(example("alert-tick"), Context()) is None
    assert states(url) == ["resolved"]


def test_a_tick_whose_alert_cannot_be_announced_says_that_redis_is_away(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BAROMETER_DATABASE_URL", url)
    monkeypatch.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1/0")
    make_rule(url)
    write(url, *["negative"] * 4, at=datetime.now(UTC))
    with pytest.raises(UnavailableError, match="Redis does not answer"):
        app.handler(example("alert-tick"), Context())
    assert states(url) == ["firing"]
