"""Health and the books."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from barometer.stores.models import InUse


class PipelineHealth(BaseModel):
    """How much is under way, and how long the oldest of it has been waiting."""

    lag: int
    oldest_ms: int


class ModelInUse(BaseModel):
    """Which model scores the posts."""

    in_use: str | None = Field(
        description="what scores most of the posts that the chosen model reads; null: nothing can at the moment"
    )
    since: datetime
    fallback_because: str | None = Field(
        description="why it is not the chosen model (missing, away, failing, overloaded); null: it is"
    )

    @classmethod
    def of(cls, it: InUse | None) -> Self | None:
        """As noted by `infer`."""
        return None if it is None else cls(in_use=it.model, since=it.since, fallback_because=it.because or None)


class Health(BaseModel):
    """Whether the whole works, and which part does not."""

    status: Literal["ok", "degraded", "down"]
    database: Literal["ok", "down"]
    redis: Literal["ok", "down"]
    functions: Literal["ok", "behind", "unknown"] = Field(
        description="`behind`: a post has been waiting longer than functions that work leave one waiting;"
        " `unknown`: Redis, which would tell, is down"
    )
    pipeline: PipelineHealth | None = Field(description="null when Redis is down")
    model: ModelInUse | None = Field(description="null when nothing was scored for a day, or Redis is down")


class Stage(BaseModel):
    """One stream of posts under way."""

    length: int
    oldest_ms: int


class Pipe(BaseModel):
    """One pipe: what waits before it, what its function holds, and what it has done since the beginning."""

    name: str
    source: str
    lag: int
    pending: int
    oldest_ms: int
    taken: int
    written: int
    retried: int
    dead: int
    rejected: int
    duplicates: int
    filtered: int
    dropped: int
    redriven: int


class ScoredBy(BaseModel):
    """How many posts one model scored for one reason."""

    model: str | None = Field(description="null: they were left unscored")
    because: str | None = Field(description="why nothing better scored them; null: it is the model for them")
    posts: int


class Pipeline(BaseModel):
    """The books: accepted = stored + duplicates + rejected + dead + in_flight."""

    accepted: int
    stored: int
    duplicates: int
    rejected: int
    dead: int
    in_flight: int
    balanced: bool
    streams: dict[str, Stage]
    pipes: list[Pipe]
    model: ModelInUse | None = Field(description="null when nothing was scored for a day")
    scored_by: list[ScoredBy] = Field(
        description="the last 24 hours, most posts first; readings, not books: a batch that is repeated counts again"
    )
