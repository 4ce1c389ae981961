"""The one settings model: environment variables under ``BAROMETER_``, checked once, when a process starts.

A process that needs more than this (poller, feeds, the embedded cloud) extends ``Settings`` in its own folder, so
that each process still has exactly one model. ``load`` turns a wrong variable into one sentence that names it, and
``settings`` is how a function reads its own.
"""

from functools import cache
from typing import Final, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from barometer.errors import SettingsError
from barometer.posts import Language

MOST_PARTITIONS: Final = 64


class Settings(BaseSettings):
    """What every function and daemon may need to know."""

    model_config = SettingsConfigDict(env_prefix="BAROMETER_", extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        default=SecretStr(""), description="libpq connection string or URI of the Postgres database"
    )
    redis_url: SecretStr = Field(default=SecretStr(""), description="redis://, rediss:// or unix:// URL")
    partitions: int = Field(
        default=1, ge=1, le=MOST_PARTITIONS, description="how many partitions the streams are spread over; never fewer"
    )
    pipes_parameter: str = Field(default="/barometer/pipes", description="SSM parameter of streams and pipes")
    retention_days: int = Field(default=30, ge=1, le=3650, description="how long posts and rollups are kept")
    default_language: Language = Field(default="en", description="language of a text too short to tell")
    model: str = Field(default="vader", description="which Analyzer scores the posts")
    public_origin: str = Field(
        default="http://127.0.0.1:8000", pattern=r"^https?://[^/]+$", description="origin the dashboard is served from"
    )
    socket_endpoint: str = Field(default="", description="management endpoint of the WebSocket API")
    cache_seconds: int = Field(default=60, ge=0, le=60, description="how long a summary or trend may be cached")


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(model: type[SettingsT]) -> SettingsT:
    """Read ``model`` from the environment.

    Raises:
        SettingsError: naming each variable at fault and why.
    """
    try:
        return model()
    except ValidationError as error:
        prefix = model.model_config.get("env_prefix", "")
        faults = "; ".join(
            f"{prefix}{'_'.join(str(part) for part in fault['loc'])}".upper() + f": {fault['msg']}"
            for fault in error.errors()
        )
        raise SettingsError(f"wrong settings: {faults}") from None


@cache
def settings() -> Settings:
    """The settings of this process, read once; a function asks at its cold start, so that a wrong one ends it there.

    Raises:
        SettingsError: naming each variable at fault and why.
    """
    return load(Settings)
