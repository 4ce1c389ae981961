"""``POST /api/analyze`` asks ``infer``, on the real runner: its score, and its bad days."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from barometer.stores.keys import CreatedKey
from functions.api import scoring
from tests.integration.edge.conftest import Aws
from tests.integration.lambdas import Lab, function, lambda_service

Call = Callable[..., Any]
# Wrong on any machine: a port that nobody has.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def reader(make_key: Callable[..., CreatedKey]) -> CreatedKey:
    return make_key("read")


@pytest.fixture
async def lab(tmp_path: Path, environment: pytest.MonkeyPatch, postgres_url: str, redis_url: str) -> AsyncIterator[Lab]:
    """The runner with the real function, and with some that do worse."""
    variables = {
        "BAROMETER_MODEL": "vader",
        "BAROMETER_DATABASE_URL": postgres_url,
        "BAROMETER_REDIS_URL": redis_url,
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    declared = (
        function("functions.infer.app.handler", "infer", variables=variables, timeout=60),
        function("functions.infer.app.handler", "busy", variables=variables, concurrency=0),
        function("fail"),
        function("handlers.away", "away"),
        function("handlers.half", "half"),
        function("handlers.sleep_long", "slow"),
    )
    async with lambda_service(tmp_path, *declared) as running:
        with (tmp_path / "handlers.py").open("a") as file:
            file.write(BAD_DAYS)
        environment.setenv("AWS_ENDPOINT_URL_LAMBDA", running.url)
        yield running


BAD_DAYS = """
class UnavailableError(Exception):
    pass

def away(event, context):
    raise UnavailableError("the model's own host at 10.1.2.3 does not answer")

def half(event, context):
    last = event["Records"][-1]["messageId"]
    return {"records": [], "finished": [], "rejections": [], "batchItemFailures": [{"itemIdentifier": last}]}

def sleep_long(event, context):
    time.sleep(15)
"""


@pytest.fixture
def ask(call: Call, environment: pytest.MonkeyPatch, reader: CreatedKey) -> Callable[..., Any]:
    """Asks for scores in a thread, as the runner lives in this one, of the function of that name."""

    def at_once(texts: list[str], lang: str | None) -> Any:
        asyncio.set_event_loop(asyncio.new_event_loop())
        return call("POST", "/api/analyze", {"texts": texts, "lang": lang}, key=reader)

    async def asked(name: str, *texts: str, lang: str | None = None) -> Any:
        environment.setenv("BAROMETER_INFER_FUNCTION", name)
        return await asyncio.to_thread(at_once, list(texts), lang)

    return asked


async def test_texts_are_scored_by_the_function_that_scores_posts_and_nothing_is_stored(
    lab: Lab, ask: Callable[..., Any], postgres_url: str
):
    answer = await ask("infer", "I love this!", "I hate this.", "I love this!")
    assert answer.status == 200, answer.text
    items = answer.json["items"]
    assert [item["sentiment"]["label"] for item in items] == ["positive", "negative", "positive"]
    assert items[0] == items[2]
    assert {item["model"] for item in items} == {"vader"}
    assert any("START" in line for line in lab.log)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM posts").fetchone() == (0,)


async def test_a_language_that_no_model_reads_is_not_guessed(lab: Lab, ask: Callable[..., Any]):  # noqa: ARG001
    answer = await ask("infer", "Ich liebe es", lang="de")
    assert answer.json["items"] == [{"sentiment": None, "emotion": None, "model": None}]
    assert (await ask("infer", "fine", lang="en-GB")).json["items"][0]["model"] == "vader"


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("busy", "the model is busy just now"),
        ("fail", "the model cannot be asked just now"),
        ("nobody", "the model cannot be asked just now"),
        ("away", "the model cannot be asked just now"),
        ("half", "the model cannot score texts.0 just now"),
    ],
)
async def test_a_model_that_cannot_be_asked_is_a_problem_that_says_to_come_again(
    lab: Lab,  # noqa: ARG001 (it runs)
    ask: Callable[..., Any],
    name: str,
    detail: str,
):
    answer = await ask(name, "one", "two")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.faults == []
    assert answer.json["detail"] == detail, "and nothing of hosts or traces"


async def test_a_model_that_takes_too_long_is_given_up_before_the_request_is(
    lab: Lab,  # noqa: ARG001 (it runs)
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(scoring, "ANSWER_SECONDS", 1)
    answer = await ask("slow", "one")
    assert answer.status == 503
    assert answer.json["detail"] == "the model cannot be asked just now"


async def test_an_api_of_functions_that_is_down_is_said_so(ask: Callable[..., Any], environment: pytest.MonkeyPatch):
    environment.setenv("AWS_ENDPOINT_URL_LAMBDA", NOWHERE)
    assert (await ask("infer", "one")).status == 503


def test_each_call_sends_posts_that_were_never_seen_before(call: Call, reader: CreatedKey, aws: Aws):
    for _ in range(2):
        assert call("POST", "/api/analyze", {"texts": ["fine", "fine"]}, key=reader).status == 200
    assert [name for name, _ in aws.invoked] == ["barometer-infer"] * 2
    records = [record for _, event in aws.invoked for record in event["Records"]]
    assert len({record["body"] for record in records}) == 4, "their ids differ"
    assert {record["stream"] for record in records} == {"analyze"}
