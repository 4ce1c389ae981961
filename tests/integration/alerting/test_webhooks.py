"""Notifications of alerts: each is sent until it is taken, in order, by one sender, and delays nobody else."""

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread

import psycopg

from barometer.steps.alert import MOST_DELIVERIES, deliver, judge, on_batch
from barometer.stores import notifications, postgres
from tests.integration.alerting.mood import MINUTE, Receiver, make_rule, write
from tests.scored import NOON, batch


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
