"""Passwords and keys that lie in Secrets Manager: what the settings make of them, at the endpoint that they name."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest

from barometer.errors import SettingsError, UnavailableError
from barometer.settings import Settings, load
from infra.local.programs import any_free_port
from infra.poller.settings import PollerSettings
from tests.integration.emulator import program, wait_for

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT = {
    "plain": "p@ss/w:rd",
    "json": json.dumps({"username": "x", "password": "p@ss/w:rd"}),
    "llm": json.dumps({"api_key": "sk-secret"}),
    "other": json.dumps({"pass": "x"}),
    "broken": "{no json",
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated Secrets Manager that keeps ``KEPT``."""
    folder, port = tmp_path_factory.mktemp("secrets"), any_free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(folder),
                "SERVICES": "secretsmanager,sts", "SFTP_ENABLED": "0"}  # fmt: skip
    with program(["infra.local.cloud"], folder / "cloud.log", settings) as cloud:
        wait_for(url, cloud)
        manager: SecretsManagerClient = boto3.client(
            "secretsmanager",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for name, text in KEPT.items():
            manager.create_secret(Name=f"barometer/{name}", SecretString=text)
        yield url


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BAROMETER_REDIS_URL": "rediss://cache.test:6380/0?socket_timeout=2",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("name", ["plain", "json"])
@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("rediss://cache.test:6380/0?x=1", "rediss://:p%40ss%2Fw%3Ard@cache.test:6380/0?x=1"),
        ("rediss://cache.test?x=1", "rediss://:p%40ss%2Fw%3Ard@cache.test?x=1"),
        ("rediss+cluster://one:1,two:2", "rediss+cluster://:p%40ss%2Fw%3Ard@one:1,two:2"),
        ("rediss://me@cache.test", "rediss://me:p%40ss%2Fw%3Ard@cache.test"),
    ],
)
@pytest.mark.parametrize("model", [Settings, PollerSettings])
def test_the_password_of_redis_comes_from_its_secret(
    environment: pytest.MonkeyPatch, model: type[Settings], name: str, url: str, whole: str
) -> None:
    environment.setenv("BAROMETER_REDIS_URL", url)
    environment.setenv("BAROMETER_REDIS_SECRET", f"barometer/{name}")
    settings = load(model)

    assert type(settings) is model
    assert settings.redis_url.get_secret_value() == whole
    assert "p%40ss" not in repr(settings)


def test_the_key_of_the_language_model_comes_from_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LLM_API_KEY_SECRET", "barometer/llm")
    settings = load(Settings)

    assert settings.llm_api_key.get_secret_value() == "sk-secret"
    assert settings.redis_url.get_secret_value() == "rediss://cache.test:6380/0?socket_timeout=2"


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"BAROMETER_REDIS_SECRET": "barometer/none"}, "BAROMETER_REDIS_SECRET: .*ResourceNotFound"),
        ({"BAROMETER_REDIS_SECRET": "barometer/other"}, "BAROMETER_REDIS_SECRET: .* without 'password'"),
        ({"BAROMETER_REDIS_SECRET": "barometer/broken"}, "BAROMETER_REDIS_SECRET: .* without 'password'"),
        (
            {"BAROMETER_REDIS_SECRET": "barometer/plain", "BAROMETER_REDIS_URL": "redis://:hidden@cache.test"},
            "BAROMETER_REDIS_URL: with BAROMETER_REDIS_SECRET",
        ),
        (
            {"BAROMETER_REDIS_SECRET": "barometer/plain", "BAROMETER_REDIS_URL": "unix:///a/socket"},
            "BAROMETER_REDIS_URL: with BAROMETER_REDIS_SECRET",
        ),
        ({"LLM_API_KEY_SECRET": "barometer/llm", "LLM_API_KEY": "sk-hidden"}, "LLM_API_KEY_SECRET: .*already"),
        ({"BAROMETER_REDIS_SECRET": "barometer/plain", "AWS_ENDPOINT_URL": "away"}, "BAROMETER_REDIS_SECRET: .*away"),
    ],
)
def test_a_secret_that_is_none_is_named_by_its_variable_and_shown_nowhere(
    environment: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=why) as caught:
        load(Settings)
    assert "hidden" not in str(caught.value)


def test_a_secrets_manager_that_is_away_is_nobodys_fault(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BAROMETER_REDIS_SECRET", "barometer/plain")
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{any_free_port()}")
    with pytest.raises(UnavailableError, match="Secrets Manager does not answer"):
        load(Settings)


def test_who_names_no_secret_asks_for_none(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{any_free_port()}")
    assert load(Settings).redis_url.get_secret_value() == "rediss://cache.test:6380/0?socket_timeout=2"
