"""No alert fired while it was firing, none without a cause, none is left; each transition was told of once."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tests.chaos.finding import Finding
from tests.chaos.journal import Ledger
from tests.chaos.observed import Alert, Observed, Rule


def alerts(observed: Observed) -> Iterator[Finding]:
    fired: dict[str, list[Alert]] = defaultdict(list)
    for alert in observed.alerts:
        fired[alert.rule_id].append(alert)
    for rule_id, ours in fired.items():
        for before, after in pairwise(ours):
            if before.resolved_at is None or before.resolved_at > after.fired_at:
                yield Finding(
                    "alert", f"alert {after.id} fired while {before.id} of the same rule {rule_id} was firing"
                )
        for alert in ours:
            if alert.resolved_at is None:
                yield Finding("alert", f"alert {alert.id} still fires, and its window has been empty")
            elif alert.resolved_at < alert.fired_at:
                yield Finding("alert", f"alert {alert.id} resolved before it fired")
            yield from _cause(observed, observed.rules[rule_id], alert)


def _cause(observed: Observed, rule: Rule, alert: Alert) -> Iterator[Finding]:
    """At the moment it fired its window held at least the posts that it tells of, as the rows now say."""
    if alert.value < rule.threshold or alert.posts < rule.minimum_posts:
        yield Finding("alert", f"alert {alert.id} fired at {alert.value:.3f} of {alert.posts} posts, below its rule")
    until = alert.fired_at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - timedelta(seconds=rule.window_seconds)
    scored, negative = _window(observed, rule.topic, since, until)
    told = round(alert.value * alert.posts)
    if scored < alert.posts or negative < told:
        there = f"its window has {negative} negative of {scored} scored posts"
        yield Finding("alert", f"alert {alert.id} fired for {told} negative of {alert.posts} posts; {there}")


def told(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
    """Each transition has one notification, and what counts as delivered was heard."""
    found = Counter((notification.alert_id, notification.transition) for notification in observed.notifications)
    for alert in observed.alerts:
        for transition, wanted in (("fired", 1), ("resolved", int(alert.resolved_at is not None))):
            times = found.pop((alert.id, transition), 0)
            if times != wanted:
                text = f"alert {alert.id} has {times} notifications that it {transition}; expected {wanted}"
                yield Finding("alert", text)
    for alert_id, transition in found:
        yield Finding("alert", f"a notification says {transition!r} of alert {alert_id}, which is not there")
    for notification in observed.notifications:
        if notification.delivered and not ledger.heard[notification.id]:
            yield Finding("alert", f"notification {notification.id} is called delivered, and nobody heard it")


def _window(observed: Observed, topic: str, since: datetime, until: datetime) -> tuple[int, int]:
    moods = [
        row.sentiment
        for row in observed.rows
        if since <= row.created_at < until and row.sentiment is not None and (topic == "*" or topic in row.topics)
    ]
    return len(moods), moods.count("negative")
