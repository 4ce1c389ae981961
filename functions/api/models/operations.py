"""Health and the books."""

from typing import Literal

from pydantic import BaseModel, Field


class PipelineHealth(BaseModel):
    """How much is under way, and how long the oldest of it has been waiting."""

    lag: int
    oldest_ms: int


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
    dropped: int


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
