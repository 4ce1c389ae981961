"""The settings of ``barometer up``: those of every process that it starts, and its own."""

from typing import Literal

from pydantic import Field

from infra.feeds.settings import FeedSettings


class UpSettings(FeedSettings):
    """``BAROMETER_REDIS_FSYNC``."""

    redis_fsync: Literal["everysec", "always"] = Field(
        default="everysec",
        description="when the Redis that it starts writes to the disk: every second, or before each answer",
    )
