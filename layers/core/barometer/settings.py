"""The one settings model: environment variables under ``BAROMETER_``, checked once, when a process starts.

A process that needs more than this (poller, feeds, the embedded cloud) extends ``Settings`` in its own folder, so
that each process still has exactly one model. ``load`` turns a wrong variable into one sentence that names it, and
``settings`` is how a function reads its own.

Five variables have no prefix, since that is what they have always been called: ``LLM_PROVIDER``, ``LLM_API_KEY`` (or
``LLM_API_KEY_SECRET``), ``LLM_MODEL`` and ``LLM_BASE_URL``.

Where ``BAROMETER_SECRETS_DIR`` names a folder, a setting that no variable gives is read from the file there that is
called as the variable in lower case (``barometer_database_url``): what a container is given as a secret.

What ``BAROMETER_REDIS_SECRET`` and ``LLM_API_KEY_SECRET`` name in Secrets Manager is read with the settings, and stands
in them where it would have stood without.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from barometer.errors import SettingsError
from barometer.posts import Language

MOST_PARTITIONS: Final = 64


class Settings(BaseSettings):
    """What every function and daemon may need to know."""

    model_config = SettingsConfigDict(env_prefix="BAROMETER_", extra="ignore", frozen=True, validate_by_name=True)

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="libpq connection string or URI of the Postgres database; postgresql+iam:// logs in by IAM",
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""), description="redis://, rediss://, unix:// or redis+cluster:// URL"
    )
    redis_secret: str = Field(
        default="", description="name or ARN of the secret with the Redis' password (JSON: `password`); empty for none"
    )
    partitions: int = Field(
        default=1, ge=1, le=MOST_PARTITIONS, description="how many partitions the streams are spread over; never fewer"
    )
    pipes_parameter: str = Field(default="/barometer/pipes", description="SSM parameter of streams and pipes")
    retention_days: int = Field(default=30, ge=1, le=3650, description="how long posts and rollups are kept")
    default_language: Language = Field(default="en", description="language of a text too short to tell")
    model: str = Field(default="local", description="which analyzer scores the posts first")
    overload_after_seconds: int = Field(
        default=0, ge=0, description="age from which a waiting post is scored by the linear model; 0 for never"
    )
    score_cache_seconds: int = Field(
        default=3_600, ge=0, le=86_400, description="how long a text's score is remembered; 0 for not at all"
    )
    sentiment_checkpoint: str = Field(
        default="distilbert-base-uncased-finetuned-sst-2-english",
        min_length=1,
        description="of `transformers`: a classifier's name on the Hugging Face Hub, or a folder (/…, ./… or ~/…)",
    )
    sentiment_revision: str = Field(default="", description="its branch, tag or commit; empty for the default's own")
    emotion_checkpoint: str = Field(
        default="j-hartmann/emotion-english-distilroberta-base",
        description="of `transformers`: as above; empty for no emotions",
    )
    emotion_revision: str = Field(default="", description="its branch, tag or commit; empty for the default's own")
    checkpoint_languages: str = Field(
        default="en",
        pattern=r"^(\*|[a-z]{2,3}(,[a-z]{2,3})*)$",
        description="of `transformers`: the languages that both checkpoints read (en,de), or * for any",
    )
    neutral_below: float = Field(
        default=0.9,
        ge=0.5,
        lt=1,
        description="of `transformers`, where a checkpoint knows no neutral: the share below which its surer class is",
    )
    public_origin: str = Field(
        default="http://127.0.0.1:8000", pattern=r"^https?://[^/]+$", description="origin the dashboard is served from"
    )
    socket_endpoint: str = Field(default="", description="management endpoint of the WebSocket API")
    infer_function: str = Field(default="barometer-infer", description="name or ARN of the function that scores")
    cache_seconds: int = Field(default=60, ge=0, le=60, description="how long a summary or trend may be cached")

    llm_provider: Literal["", "groq", "openai", "anthropic"] = Field(
        default="", validation_alias="LLM_PROVIDER", description="whose language model scores; empty for none"
    )
    llm_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="LLM_API_KEY", description="its key; empty for no language model"
    )
    llm_api_key_secret: str = Field(
        default="",
        validation_alias="LLM_API_KEY_SECRET",
        description="name or ARN of the secret with that key (JSON: `api_key`); empty for none",
    )
    llm_model: str = Field(
        default="", max_length=200, validation_alias="LLM_MODEL", description="which of its models; empty: our choice"
    )
    llm_base_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", validation_alias="LLM_BASE_URL", description="empty: its own address"
    )
    llm_posts: int = Field(default=20, ge=1, le=100, description="most posts in one request; 1 isolates each")
    llm_requests: int = Field(default=4, ge=1, le=16, description="most requests at once")
    llm_timeout_seconds: float = Field(default=10, gt=0, le=30, description="for one try of a request")
    llm_total_seconds: float = Field(default=20, gt=0, le=40, description="for a batch with every try and pause")
    llm_daily_usd: float = Field(default=1, ge=0, le=1_000_000, description="most to spend in a UTC day; 0: nothing")
    llm_daily_tokens: int = Field(
        default=2_000_000, ge=0, le=10**12, description="most tokens in a UTC day, in and out"
    )
    # Dearer than most models, so that a price that was not set spends too little rather than too much.
    llm_usd_per_million_in: float = Field(default=5, ge=0, le=10_000, description="price of a million tokens read")
    llm_usd_per_million_out: float = Field(default=25, ge=0, le=10_000, description="price of a million tokens written")


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(model: type[SettingsT]) -> SettingsT:
    """Read ``model`` from the environment, what is not there from the folder of secrets, and what Secrets Manager has.

    Raises:
        SettingsError: naming each variable at fault and why.
        UnavailableError: Secrets Manager does not answer.
    """
    folder = os.environ.get("BAROMETER_SECRETS_DIR")
    if folder and not Path(folder).is_dir():
        raise SettingsError(f"wrong settings: BAROMETER_SECRETS_DIR: there is no folder {folder}")
    try:
        read = model(_secrets_dir=folder or None)
    except ValidationError as error:
        faults = "; ".join(
            f"{_variable(model, '_'.join(str(part) for part in fault['loc']))}: {fault['msg']}"
            for fault in error.errors()
        )
        raise SettingsError(f"wrong settings: {faults}") from None
    if not isinstance(read, Settings) or not (read.redis_secret or read.llm_api_key_secret):
        return read
    # boto3 takes a tenth of a second to import, for those alone who name a secret.
    from barometer.stores.secrets import with_secrets  # noqa: PLC0415

    return cast("SettingsT", with_secrets(read))


def variable_of(model: type[BaseSettings], field: str) -> str:
    """The environment variable that a field is read from."""
    alias = model.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{model.model_config.get('env_prefix', '')}{field}".upper()


def _variable(model: type[BaseSettings], place: str) -> str:
    """The same of what an error calls its place: a field's name, or its alias."""
    if place in model.model_fields:
        return variable_of(model, place)
    aliases = {field.validation_alias for field in model.model_fields.values()}
    return place if place in aliases else f"{model.model_config.get('env_prefix', '')}{place}".upper()


@cache
def settings() -> Settings:
    """The settings of this process, read once; a function asks at its cold start, so that a wrong one ends it there.

    Raises:
        SettingsError: naming each variable at fault and why.
        UnavailableError: Secrets Manager does not answer.
    """
    return load(Settings)
