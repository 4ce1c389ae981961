"""The door to Secrets Manager: what a setting names there, read once, when a process starts.

A secret that was rotated is read by the processes that start afterwards; those that run go on with what they have.
"""

import json
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from pydantic import SecretStr

from barometer.errors import SettingsError, UnavailableError
from barometer.stores.redis import with_password

if TYPE_CHECKING:
    from barometer.settings import Settings

# Three tries of two seconds each, and the pauses between them, fit into the ten seconds of a function's cold start.
TIMEOUT_SECONDS = 2
TRIES = 3


def with_secrets(settings: "Settings") -> "Settings":
    """The settings with the secrets that they name.

    Raises:
        SettingsError: one cannot be read, or stands in the settings already.
        UnavailableError: Secrets Manager does not answer.
    """
    found: dict[str, SecretStr] = {}
    if name := settings.redis_secret:
        password = secret("BAROMETER_REDIS_SECRET", name, "password")
        found["redis_url"] = SecretStr(with_password(settings.redis_url.get_secret_value(), password))
    if name := settings.llm_api_key_secret:
        if settings.llm_api_key.get_secret_value():
            raise SettingsError("wrong settings: LLM_API_KEY_SECRET: there is an LLM_API_KEY already")
        found["llm_api_key"] = SecretStr(secret("LLM_API_KEY_SECRET", name, "api_key"))
    return settings.model_copy(update=found)


def secret(variable: str, name: str, field: str) -> str:
    """The secret that ``variable`` names.

    Args:
        variable: the environment variable, for messages.
        name: the secret's name or ARN.
        field: what to take of a secret that is a JSON object; any other is taken whole.

    Raises:
        SettingsError: there is none, it may not be read, or it is empty or has no such field.
        UnavailableError: Secrets Manager does not answer, or not now.
    """
    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
    )
    try:
        client = boto3.Session().client("secretsmanager", config=config)
        text = client.get_secret_value(SecretId=name).get("SecretString", "")
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500 or "Throttling" in str(error):
            raise UnavailableError("Secrets Manager does not answer", str(error)) from error
        raise SettingsError(f"wrong settings: {variable}: {error}") from error
    except (NoRegionError, NoCredentialsError, ValueError) as error:
        raise SettingsError(f"wrong settings: {variable}: the secret cannot be read: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise UnavailableError("Secrets Manager does not answer", str(error)) from error
    value = _field(text, field) if text.lstrip().startswith("{") else text
    if not value:
        raise SettingsError(f"wrong settings: {variable}: the secret is empty, or JSON without {field!r}")
    return value


def _field(text: str, field: str) -> str:
    """``field`` of a JSON object; a text that only looks like one is no secret of ours."""
    try:
        return str(json.loads(text).get(field, ""))
    except ValueError:
        return ""
