"""The step ``alert`` on a real Postgres: each transition once, told to whoever listens."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
import redis as redis_py

from barometer.alerts import Rule, RuleDraft, RulePatch
from barometer.cursors import Cursor
from barometer.errors import ConflictError, NotFoundError, UnavailableError
from barometer.steps.aggregate import aggregate
from barometer.steps.alert import MOST_DELIVERIES, Change, deliver, judge, on_batch, on_tick
from barometer.stores import alerts, notifications, postgres, rules
from barometer.streams import stream_key
from functions.alert import app
from tests.scored import NOON, Context, batch, example, no_cache, post

MINUTE = timedelta(minutes=1)


@dataclass
class Receiver:
    """Somebody's webhook: what it was sent, and what it is to answer."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            state.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            state.ids.append(self.headers["barometer-notification"])
            status = state.statuses.pop(0) if state.statuses else 204
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{state.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    postgres.pool(postgres_url).close()


def make_rule(url: str, **fields: object) -> Rule:
    draft = {"name": "storm", "threshold": 0.5, "window_seconds": 300, "minimum_posts": 4}
    with postgres.transaction(url) as connection:
        return rules.create_rule(connection, RuleDraft.model_validate(draft | fields))


def write(url: str, *moods: str | None, at: datetime = NOON, topics: tuple[str, ...] = ()) -> None:
    said = [post(mood, at=at, topics=list(topics)) for mood in moods]
    result = aggregate(batch(said), url, no_cache())
    assert len(result.finished) == len(moods)


def transitions(changes: list[Change]) -> list[str]:
    return [change.transition for change in changes]


def states(url: str) -> list[str]:
    with postgres.transaction(url) as connection:
        return [alert.state for alert in alerts.list_alerts(connection, limit=100).items]


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


def test_a_webhook_hears_of_both_transitions(url: str, receiver: Receiver):
    make_rule(url, webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    changed = batch([{"topics": ["*"]}], "stored")
    on_batch(changed, url, NOON)
    on_batch(changed, url, NOON + 5 * MINUTE)
    assert [(body["transition"], body["alert"]["state"]) for body in receiver.got] == [
        ("fired", "firing"),
        ("resolved", "resolved"),
    ]
    assert receiver.got[0]["window"] == {"seconds": 300, "value": 1.0, "posts": 4}
    assert receiver.got[1]["window"] == {"seconds": 300, "value": 0.0, "posts": 0}
    assert len(set(receiver.ids)) == 2
    assert deliver(url, NOON + timedelta(days=1)) == {}


def test_a_webhook_that_fails_is_sent_to_again_in_order_until_it_answers(url: str, receiver: Receiver):
    receiver.statuses = [500, 302, 404]
    make_rule(url, webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    judge(url, NOON + 5 * MINUTE)
    now = NOON + 5 * MINUTE
    [error] = deliver(url, now).values()
    assert error == "answered 500"
    assert deliver(url, now) == {}, "nothing is due, and what follows waits its turn"
    for wait, expected in ((15, "answered 302"), (30, "answered 404"), (60, None)):
        now += timedelta(seconds=wait)
        assert list(deliver(url, now).values()) == [expected]
    assert list(deliver(url, now).values()) == [None]
    assert [body["transition"] for body in receiver.got] == ["fired"] * 4 + ["resolved"]
    assert len(set(receiver.ids)) == 2, "a receiver can tell that it has seen one"


def test_a_webhook_that_is_never_there_is_given_up_and_delays_nobody_else(url: str, receiver: Receiver):
    make_rule(url, name="nobody", webhook_url="http://127.0.0.1:9/")
    make_rule(url, name="somebody", webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    now = NOON
    attempts = 0
    for _ in range(notifications.MOST_ATTEMPTS + 2):
        attempts += sum(error is not None for error in deliver(url, now).values())
        now += timedelta(hours=2)
    assert attempts == notifications.MOST_ATTEMPTS
    assert len(receiver.got) == 1
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT attempts, delivered_at IS NOT NULL, failed_at IS NOT NULL, last_error FROM notifications"
            " ORDER BY failed_at NULLS FIRST"
        ).fetchall()
    assert rows[0] == (1, True, False, None)
    assert rows[1][:3] == (notifications.MOST_ATTEMPTS, False, True)
    assert "Connection" in rows[1][3]


def test_a_webhook_that_answers_a_byte_at_a_time_delays_nobody_for_long(url: str, receiver: Receiver):
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.1):
                    client.sendall(b"x")

        dripping = Thread(target=drip)
        dripping.start()
        make_rule(url, name="dripping", webhook_url=f"http://127.0.0.1:{server.getsockname()[1]}/")
        make_rule(url, name="well", webhook_url=receiver.url)
        write(url, *["negative"] * 4)
        judge(url, NOON)
        began = time.monotonic()
        outcomes = list(deliver(url, NOON, seconds=1).values())
        assert time.monotonic() - began < 5
        over.set()
        dripping.join(5)
    assert sorted(outcomes, key=str) == [None, "not taken within 1 s"]


def test_a_notification_whose_sender_died_is_sent_by_another(url: str, receiver: Receiver):
    make_rule(url, webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    with postgres.transaction(url) as connection:
        assert len(notifications.claim(connection, NOON, 10)) == 1
    assert deliver(url, NOON) == {}, "somebody else has it"
    assert list(deliver(url, NOON + timedelta(seconds=15)).values()) == [None]
    assert len(receiver.got) == 1


def test_senders_at_once_send_each_notification_once(url: str, receiver: Receiver):
    for n in range(MOST_DELIVERIES + 4):
        make_rule(url, name=f"rule {n}", webhook_url=receiver.url)
    write(url, *["negative"] * 4)
    judge(url, NOON)
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda _: deliver(url, NOON), range(4)))
    assert len(receiver.got) == len(set(receiver.ids)) == MOST_DELIVERIES + 4


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
