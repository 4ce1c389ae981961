"""The settings of the feed process: what every process needs, and which feed to run, how fast."""

from typing import Literal

from pydantic import Field

from barometer.settings import Settings
from infra.feeds.simulate import DEFAULT_RATE
from infra.feeds.writer import PATIENCE_SECONDS


class FeedSettings(Settings):
    """``BAROMETER_FEED``, ``BAROMETER_FEED_RATE``, ``BAROMETER_FEED_SEED``."""

    feed: Literal["simulate", "stdin"] = Field(default="simulate", description="which feed to run")
    feed_rate: float = Field(
        default=DEFAULT_RATE,
        gt=0,
        le=10_000,
        description="posts a second: the mean of simulate, the most of any other feed",
    )
    feed_seed: int | None = Field(default=None, description="seed of simulate; without one, each start draws its own")
    feed_patience_seconds: float = Field(
        default=PATIENCE_SECONDS, gt=0, description="how long to wait for a full or vanished Redis before giving up"
    )
