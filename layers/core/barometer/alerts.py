"""Alert rules and what they conclude: pure, so that every verdict can be tested with numbers alone.

One kind so far: the share of negative posts among the scored posts of a topic's window is at or above a threshold,
and the window holds at least ``minimum_posts`` of them. There is one threshold for firing and resolving. When the
volume falls below the minimum, nothing new is known: what fires keeps firing, until enough posts say that the mood is
calm, or until the window is empty, when there is no mood left to warn of. A disabled rule that fires is resolved.
"""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from barometer.rollups import MINUTE, Span

State = Literal["firing", "resolved"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
TopicName = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$")]
Threshold = Annotated[float, Field(gt=0, le=1)]
# Rollups are by the minute, so a window is whole minutes, a day at most.
WindowSeconds = Annotated[int, Field(ge=MINUTE, le=86_400, multiple_of=MINUTE)]
MinimumPosts = Annotated[int, Field(ge=1, le=1_000_000)]
WebhookUrl = Annotated[
    str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00-\x1f/]+(/[^\s\x00-\x1f]*)?$")
]


class RuleDraft(BaseModel):
    """A rule as a client writes it: the body of ``POST /api/rules``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name
    kind: Literal["negative_share"] = "negative_share"
    topic: TopicName = "*"
    threshold: Threshold
    window_seconds: WindowSeconds = 300
    minimum_posts: MinimumPosts = 20
    webhook_url: WebhookUrl | None = None
    enabled: bool = True


# A default that nobody reads, since only the fields that were sent are; the API's description does not show it.
_ABSENT: Any = Field(default_factory=lambda: None)


class RulePatch(BaseModel):
    """The changes to a rule; what is absent stays as it is, and a ``webhook_url`` of null takes it away."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name = _ABSENT
    topic: TopicName = _ABSENT
    threshold: Threshold = _ABSENT
    window_seconds: WindowSeconds = _ABSENT
    minimum_posts: MinimumPosts = _ABSENT
    webhook_url: WebhookUrl | None = _ABSENT
    enabled: bool = _ABSENT

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names nothing to change")
        return self


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is stored."""

    id: UUID
    name: str
    kind: str
    topic: str
    threshold: float
    window_seconds: int
    minimum_posts: int
    webhook_url: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime

    @property
    def window(self) -> Span:
        """Its window."""
        return Span(f"{self.window_seconds // MINUTE}m", self.window_seconds)

    def as_public(self) -> dict[str, Any]:
        """The rule of the HTTP contract."""
        return _public(asdict(self))


@dataclass(frozen=True, slots=True)
class Alert:
    """One time that a rule fired. ``value`` and ``posts`` (scored posts in the window) are those it fired at."""

    id: UUID
    rule_id: UUID
    rule_name: str
    topic: str
    state: State
    value: float
    posts: int
    threshold: float
    fired_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None

    def as_public(self) -> dict[str, Any]:
        """The alert of the HTTP and socket contracts."""
        return _public(asdict(self))


ALERT_COLUMNS = tuple(field.name for field in fields(Alert))
RULE_COLUMNS = tuple(field.name for field in fields(Rule))


@dataclass(frozen=True, slots=True)
class Measure:
    """What the rollups of a rule's window say."""

    scored: int
    negative: int

    @property
    def share(self) -> float:
        """The negative share, 0 to 1; of nothing it is 0."""
        return self.negative / self.scored if self.scored else 0.0


class Verdict(Enum):
    """What is to be done about a rule's alert."""

    FIRE = "fire"
    RESOLVE = "resolve"
    KEEP = "keep"


def verdict(rule: Rule, measure: Measure, *, firing: bool) -> Verdict:
    """Judge a rule, where ``firing`` says whether it has an alert that is not resolved."""
    if not rule.enabled or measure.scored == 0:
        hot = False
    elif measure.scored < rule.minimum_posts:
        hot = firing
    else:
        hot = measure.share >= rule.threshold
    if hot == firing:
        return Verdict.KEEP
    return Verdict.FIRE if hot else Verdict.RESOLVE


def _public(fields_: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in fields_.items()
    }
