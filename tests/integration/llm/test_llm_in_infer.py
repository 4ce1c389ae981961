"""The function ``infer`` with a language model: English by the model of our own, other languages by the provider's."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
import redis

from barometer.errors import SettingsError
from barometer.settings import settings
from barometer.stores.spending import Spending
from functions.infer import app
from tests.integration.llm.provider import KEY, Day, FakeProvider
from tests.scored import Context, post

Handle = Callable[..., dict[str, Any]]


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch, fake: FakeProvider, redis_url: str, provider: str) -> Iterator[Handle]:
    """The handler of a process that has just started, called with posts of these languages and texts."""
    variables = {
        "BAROMETER_MODEL": "vader",
        "BAROMETER_REDIS_URL": redis_url,
        "LLM_PROVIDER": provider,
        "LLM_API_KEY": KEY,
        "LLM_MODEL": "m",
        "LLM_BASE_URL": fake.base_url(provider),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app.chain.cache_clear()
    settings.cache_clear()

    def handle(*posts: tuple[str, str]) -> dict[str, Any]:
        records = [
            {
                "messageId": f"{number}-0",
                "body": json.dumps(asdict(post(lang=lang, text=text).post)),
                "stream": "posts",
                "attributes": {"SentTimestamp": "1763812800000"},
            }
            for number, (lang, text) in enumerate(posts)
        ]
        answer = app.handler({"Records": records}, Context())
        assert answer["batchItemFailures"] == answer["rejections"] == []
        return {record["from"]: record["body"]["score"] for record in answer["records"]}

    yield handle
    app.chain.cache_clear()


ENGLISH, GERMAN = ("en", "I love this tram"), ("de", "Die Straßenbahn war heute richtig gut")


def test_english_stays_here_and_german_goes_to_the_language_model(
    handle: Handle, fake: FakeProvider, provider: str, redis_url: str, capsys: pytest.CaptureFixture[str]
):
    scores = handle(ENGLISH, GERMAN)
    assert scores["0-0"]["model"] == "vader"
    assert scores["1-0"]["model"] == f"llm:{provider}/m"
    assert scores["0-0"]["sentiment"]["label"] == scores["1-0"]["sentiment"]["label"] == "positive"
    assert scores["1-0"]["emotion"]["label"] == "neutral"
    assert fake.asked() == [[GERMAN[1]]]

    spent = Spending.from_settings(settings(), redis.Redis.from_url(redis_url)).today()
    assert (spent.requests, spent.tokens_in, spent.tokens_out, spent.micro_usd) == (1, 1_000, 100, 7_500)
    told = "".join(capsys.readouterr())
    assert '"LlmTokensIn"' in told
    assert KEY not in told


@pytest.mark.parametrize("day", [Day(status=500), Day(status=401), Day(hangs=True), Day(text=lambda _scores: "no")])
def test_a_language_model_that_is_away_or_raves_holds_up_nothing(
    handle: Handle, fake: FakeProvider, day: Day, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_LLM_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("BAROMETER_LLM_TOTAL_SECONDS", "2")
    fake.usual = day
    scores = handle(ENGLISH, GERMAN)
    assert scores["0-0"]["model"] == "vader"
    assert scores["1-0"] == {"sentiment": None, "emotion": None, "model": None}


def test_a_budget_that_is_spent_leaves_other_languages_unscored(
    handle: Handle, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_LLM_DAILY_USD", "0")
    scores = handle(ENGLISH, GERMAN)
    assert scores["0-0"]["model"] == "vader"
    assert scores["1-0"]["model"] is None
    assert fake.requests == []


@pytest.mark.parametrize("provider", ["groq"])
@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_language_model_without_a_redis_for_its_budget_is_a_wrong_setting(
    handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_REDIS_URL", "")
    with pytest.raises(SettingsError, match="BAROMETER_REDIS_URL"):
        handle(ENGLISH)
