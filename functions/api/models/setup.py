"""Topics, rules and alerts."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from barometer.topics import MAX_QUERY, TOPIC_NAME
from functions.api.models.lists import Input, Page

TopicQuery = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_QUERY),
    Field(
        description='`+required`, `optional` and `-excluded` words, `"phrases"`, `#tags`, AND, OR, NOT, parentheses',
        examples=['+rust (cargo OR crate) -"rust belt"'],
    ),
]


class TopicIn(Input):
    """A topic to make."""

    name: Annotated[str, StringConstraints(pattern=TOPIC_NAME)] = Field(description="Never changes", examples=["rust"])
    query: TopicQuery


class TopicPatch(Input):
    """What to change of a topic."""

    query: TopicQuery


class Topic(BaseModel):
    """A topic: which posts belong to it."""

    name: str
    query: str
    created_at: datetime
    updated_at: datetime


class TopicPage(Page[Topic]):
    """Every topic."""


class Rule(BaseModel):
    """An alert rule."""

    id: UUID
    name: str
    kind: Literal["negative_share"]
    topic: str
    threshold: float
    window_seconds: int
    minimum_posts: int
    webhook_url: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime


class RulePage(Page[Rule]):
    """Every rule."""


class Alert(BaseModel):
    """One time that a rule fired."""

    id: UUID
    rule_id: UUID
    rule_name: str
    topic: str
    state: Literal["firing", "resolved"]
    value: float = Field(description="The negative share at which it fired, 0 to 1")
    posts: int = Field(description="Scored posts in the rule's window when it fired")
    threshold: float
    fired_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertPage(Page[Alert]):
    """Some alerts."""
