"""Rules, a mood that changes, and somebody who is told of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from barometer.alerts import Rule, RuleDraft
from barometer.steps.aggregate import aggregate
from barometer.steps.alert import Change
from barometer.stores import alerts, postgres, rules
from tests.scored import NOON, batch, no_cache, post

MINUTE = timedelta(minutes=1)


@dataclass
class Receiver:
    """Somebody's webhook: what it was sent, and what it is to answer."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


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
