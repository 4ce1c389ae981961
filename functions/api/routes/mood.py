"""The running picture: how much was posted and in what mood, now and over time. Cached for a minute at most.

An answer is kept under the minute that its window ends with, so a cached one says what a fresh one would.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from barometer.rollups import ALL_TOPICS, MINUTE, Span, Subject, floor
from barometer.stores import rollups
from barometer.stores.cache import Cache
from functions.api.deps import CacheDep, Database, Reader
from functions.api.models.lists import Word
from functions.api.models.mood import Summary, Trend

router = APIRouter(prefix="/api", tags=["mood"])


class SummaryQuery(BaseModel):
    """Of what, and how long back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Word = Field(default=ALL_TOPICS, description="Name of a topic; `*` is every post")
    source: Word | None = Field(default=None, description="Only posts that come from here")
    window: str = Field(default="1h", max_length=10, description="`5m`, `24h`, `7d`: up to 31 days", examples=["1h"])

    @property
    def subject(self) -> Subject:
        """What is counted."""
        return Subject(self.topic, self.source)


class TrendQuery(SummaryQuery):
    """Of what, how long back, and how finely."""

    window: str = Field(default="24h", max_length=10, description="`5m`, `24h`, `7d`: up to 31 days", examples=["24h"])
    bucket: str = Field(default="5m", max_length=10, description="Divides the window evenly", examples=["5m"])


@router.get("/summary", response_model=Summary)
async def get_summary(
    _: Reader, wanted: Annotated[SummaryQuery, Query()], connection: Database, cache: CacheDep
) -> Response:
    """Totals of a window that ends with the running minute, and of the one of the same length before it."""
    window, now = Span.parse(wanted.window, "window"), datetime.now(UTC)
    return _cached(
        cache,
        wanted,
        now,
        lambda: Summary.model_validate(rollups.summary(connection, wanted.subject, window, now).as_public()),
    )


@router.get("/trend", response_model=Trend)
async def get_trend(
    _: Reader, wanted: Annotated[TrendQuery, Query()], connection: Database, cache: CacheDep
) -> Response:
    """A window in equal buckets, oldest first; one in which nothing was posted counts nothing, but is there."""
    window, bucket = Span.parse(wanted.window, "window"), Span.parse(wanted.bucket, "bucket")
    now = datetime.now(UTC)
    return _cached(
        cache,
        wanted,
        now,
        lambda: Trend.model_validate(rollups.trend(connection, wanted.subject, window, bucket, now).as_public()),
    )


def _cached(cache: Cache, wanted: SummaryQuery, now: datetime, make: Callable[[], Summary | Trend]) -> Response:
    name = orjson.dumps([type(wanted).__name__, wanted.model_dump(), floor(now, MINUTE)]).decode()
    body = cache.get_or_make(name, [wanted.topic], lambda: make().model_dump_json().encode())
    return Response(body, HTTPStatus.OK, media_type="application/json")
