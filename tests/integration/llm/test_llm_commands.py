"""``barometer analyze`` and ``barometer eval`` with a language model: no Redis needed, but a budget kept."""

import json
from pathlib import Path

import pytest
import redis
import typer
from typer.testing import CliRunner, Result

from barometer.errors import UnavailableError
from infra.evaluation import cli as evaluation
from infra.feeds import cli as feeds
from tests.integration.llm.provider import KEY, FakeProvider

GERMAN = "Das war heute wirklich ganz furchtbar schlecht."


def barometer(*arguments: str, stdin: str = "") -> Result:
    app = typer.Typer()
    feeds.register(app)
    evaluation.register(app)
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    if isinstance(result.exception, UnavailableError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def _configured(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LLM_PROVIDER": "openai", "LLM_API_KEY": KEY, "LLM_MODEL": "m", "LLM_BASE_URL": fake.base_url("openai"),
        "BAROMETER_MODEL": "vader",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def test_a_language_that_the_model_does_not_read_goes_to_the_language_model_and_no_other_text(fake: FakeProvider):
    said = barometer("analyze", "--json", "-", stdin=f"I love this tram\n{GERMAN}\n")
    english, german = map(json.loads, said.stdout.splitlines())
    assert (english["model"], german["model"]) == ("vader", "llm:openai/m")
    assert german["sentiment"]["label"] == "negative"
    assert german["emotion"]["label"] == "neutral"
    assert fake.asked() == [[GERMAN]]
    assert said.stderr == "", "each was scored by the best that reads it"


def test_it_can_be_measured_as_any_other(tmp_path: Path, fake: FakeProvider):
    file = tmp_path / "posts.tsv"
    file.write_text("positive\tso gut\nnegative\tso schlecht\nneutral\tauch gut\n")
    said = json.loads(barometer("eval", str(file), "--task", "sentiment", "--model", "llm", "--json").stdout)
    assert (said["model"], said["texts"]) == ("llm:openai/m", 3)
    assert said["accuracy"] == pytest.approx(2 / 3)
    assert fake.requests


def test_a_command_spends_no_more_than_a_days_budget(
    tmp_path: Path, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_LLM_DAILY_TOKENS", "10")
    file = tmp_path / "posts.tsv"
    file.write_text("positive\tso gut\n")
    with pytest.raises(UnavailableError, match="budget spent"):
        barometer("eval", str(file), "--task", "sentiment", "--model", "llm")
    assert fake.requests == []


def test_where_a_redis_is_named_the_budget_is_shared(redis_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BAROMETER_REDIS_URL", redis_url)
    barometer("analyze", GERMAN)
    with redis.Redis.from_url(redis_url) as client:
        assert [client.hget(key, "requests") for key in client.keys("*llm:spent*")] == [b"1"]


def test_a_language_that_only_a_model_reads_that_is_away_stays_unscored(fake: FakeProvider):
    fake.usual.status = 401
    said = barometer("analyze", "--model", "llm", GERMAN)
    assert said.stdout.startswith("unscored"), "never guessed"
    assert "llm:" in said.stdout, "and it is said why"
