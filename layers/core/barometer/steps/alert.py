"""Alert: judge the rules by the rollups, when they change and once a minute, and tell whom it concerns.

Promises: each time a rule begins or ceases to fire there is one transition, whoever judges and however often, since the
alert, its transition and its notification are one transaction, and the rule is locked while it is judged. What comes in
only says which rules to look at: a message that is repeated or lost changes no verdict. A webhook that is slow or down
delays neither verdicts nor posts: what it did not take is sent again by a later tick of the clock.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from barometer.alerts import Alert, Measure, Rule, Verdict, verdict
from barometer.errors import UnavailableError
from barometer.events import BatchResult, StreamEvent
from barometer.observability import logger
from barometer.stores import alerts, notifications, rules, webhooks
from barometer.stores.notifications import Notification, Transition
from barometer.stores.postgres import transaction
from barometer.streams import stream_key

if TYPE_CHECKING:
    from barometer.stores.redis import Client

# With the webhook's timeouts, two rounds of these take less than half of the function's time.
DELIVERIES_AT_ONCE: Final = 8
MOST_DELIVERIES: Final = 16
# For all of them together, whatever each does: a receiver that answers a byte at a time outlasts every timeout.
DELIVERY_SECONDS: Final = 14.0
# The clock's alerts go to the stream without a poller; as anywhere, the oldest are trimmed (they may be lost).
MOST_ANNOUNCED: Final = 2_000


class _Changed(BaseModel):
    """What a record of ``stored`` is read for; the minutes that changed are no matter, a rule's window is its own."""

    model_config = ConfigDict(strict=True, frozen=True)

    topics: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """One transition of one alert."""

    transition: Transition
    alert: Alert

    def as_public(self) -> dict[str, Any]:
        """The record of ``alerts``."""
        return {"transition": self.transition, "alert": self.alert.as_public()}


def on_batch(event: StreamEvent, database_url: str, now: datetime) -> BatchResult:
    """Judge the rules of the topics that changed; emits each transition to ``alerts``.

    Raises:
        UnavailableError: the database cannot be had; no rule was judged.
    """
    result = BatchResult()
    topics: set[str] = set()
    for record in event.records:
        try:
            changed = _Changed.model_validate_json(record.body)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            result.reject(record.message_id, f"names no topics: {fault['msg']}")
        else:
            topics.update(changed.topics)
            result.finish(record.message_id, "judged")
    changes = judge(database_url, now, topics)
    for change in changes:
        result.emit(result.finished[0]["itemIdentifier"], "alerts", change.as_public())
    if changes:
        _deliver_if_possible(database_url, now)
    return result


def on_tick(database_url: str, client: "Client", now: datetime) -> list[Change]:
    """Judge every rule, announce the transitions, and deliver what is due.

    Nobody moves what a tick's answer says, so it writes to the stream ``alerts`` itself.

    Raises:
        UnavailableError: the database cannot be had; no rule was judged.
    """
    changes = judge(database_url, now)
    _deliver_if_possible(database_url, now)
    for change in changes:
        body = orjson.dumps(change.as_public())
        client.xadd(stream_key("alerts", 0), {"body": body}, maxlen=MOST_ANNOUNCED, approximate=True)
    return changes


def judge(database_url: str, now: datetime, topics: Collection[str] | None = None) -> list[Change]:
    """Judge the rules of ``topics``, or all, as of ``now``; give the transitions that this made."""
    if topics is not None and not topics:
        return []
    with transaction(database_url) as connection:
        locked = rules.lock_for_judging(connection, topics)
        measured = rules.measure(connection, locked, now)
        changes = []
        for rule in locked:
            measure, firing = measured[rule.id]
            match verdict(rule, measure, firing=firing):
                case Verdict.FIRE:
                    change = _change("fired", alerts.fire(connection, rule, measure, now))
                case Verdict.RESOLVE:
                    change = _change("resolved", alerts.resolve(connection, rule, now))
                case Verdict.KEEP:
                    change = None
            if change is not None:
                changes.append(change)
                if rule.webhook_url is not None:
                    body = _notification(change, rule, measure)
                    notifications.enqueue(connection, change.alert.id, change.transition, rule.webhook_url, body)
    for change in changes:
        logger.info("alert %s", change.transition, extra={"rule": change.alert.rule_name})
    return changes


def _change(transition: Transition, alert: Alert | None) -> Change | None:
    return None if alert is None else Change(transition, alert)


def _notification(change: Change, rule: Rule, measure: Measure) -> dict[str, Any]:
    """What a webhook is sent: the transition, and what the window says now (the alert keeps what it fired at)."""
    window = {"seconds": rule.window_seconds, "value": measure.share, "posts": measure.scored}
    return change.as_public() | {"window": window}


def _deliver_if_possible(database_url: str, now: datetime) -> None:
    """The verdicts are committed: an outbox that cannot be emptied now is no reason to give them up."""
    try:
        deliver(database_url, now)
    except (UnavailableError, psycopg.Error) as error:
        logger.warning("notifications wait for the next tick: %s", error)


def deliver(database_url: str, now: datetime, seconds: float = DELIVERY_SECONDS) -> Mapping[int, str | None]:
    """Send the notifications that are due, at most ``MOST_DELIVERIES``; give each one's error, if any, by its id.

    What was not taken within ``seconds`` counts as an error of that receiver, and of no other.
    """
    with transaction(database_url) as connection:
        claimed = notifications.claim(connection, now, MOST_DELIVERIES)
    if not claimed:
        return {}
    executor = ThreadPoolExecutor(min(DELIVERIES_AT_ONCE, len(claimed)), thread_name_prefix="webhook")
    sendings = [executor.submit(_send, notification) for notification in claimed]
    wait(sendings, seconds)
    # Who still sends by now sends into the void: at most as many threads as notifications have attempts.
    executor.shutdown(wait=False, cancel_futures=True)
    outcomes = [
        sending.result() if sending.done() and not sending.cancelled() else f"not taken within {seconds:g} s"
        for sending in sendings
    ]
    with transaction(database_url) as connection:
        for notification, error in zip(claimed, outcomes, strict=True):
            if error is None:
                notifications.delivered(connection, notification, now)
            else:
                logger.warning("webhook failed", extra={"notification": notification.id, "error": error})
                notifications.failed(connection, notification, error, now)
    return {notification.id: error for notification, error in zip(claimed, outcomes, strict=True)}


def _send(notification: Notification) -> str | None:
    return webhooks.send(notification.url, notification.body, notification.id)
