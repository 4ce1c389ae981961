"""The provider's bad days: slow, busy, broken, away; and that none of them holds a batch for long or tells a secret."""

import logging
import socket
import time
import traceback
from email.utils import formatdate

import pytest

from barometer.analyzers import UnscorableError
from barometer.analyzers.llm import LlmAnalyzer
from barometer.analyzers.llm.breaker import Breaker
from barometer.analyzers.llm.line import Patience
from barometer.errors import UnavailableError
from barometer.settings import Settings
from tests.integration.llm.conftest import Make, Purse
from tests.integration.llm.provider import KEY, Day, FakeProvider

TEXTS = ["das war gut", "das war schlecht"]
IMPATIENT = Patience(each=0.3, total=5, tries=2, pause=0.01, longest=0.02)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def labels(analyzer: LlmAnalyzer, texts: list[str] | None = None) -> list[str]:
    return [score.sentiment.label for score in analyzer.analyze(texts or TEXTS) if score.sentiment]


def fault(analyzer: LlmAnalyzer) -> str:
    with pytest.raises(UnavailableError) as caught:
        analyzer.analyze(TEXTS)
    return caught.value.what


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529, 408])
def test_an_error_that_passes_is_tried_again(make: Make, fake: FakeProvider, status: int):
    fake.days = [Day(status=status), Day(status=status)]
    analyzer = make()
    assert labels(analyzer) == ["positive", "negative"]
    assert len(fake.requests) == 3
    assert analyzer.unavailable_because is None


def test_the_sdk_makes_no_retries_of_its_own(make: Make, fake: FakeProvider):
    fake.usual = Day(status=500)
    assert fault(make()) == "answered 500 (some_error)"
    assert len(fake.requests) == Patience().tries


@pytest.mark.parametrize("header", ["seconds", "milliseconds", "date"])
def test_a_wait_that_the_provider_asks_for_is_waited(make: Make, fake: FakeProvider, header: str):
    headers = {
        "seconds": {"Retry-After": "1"},
        "milliseconds": {"retry-after-ms": "600", "Retry-After": "30"},
        "date": {"Retry-After": formatdate(time.time() + 2, usegmt=True)},
    }[header]
    fake.days = [Day(status=429, headers=headers)]
    started = time.monotonic()
    assert labels(make()) == ["positive", "negative"]
    assert 0.5 < time.monotonic() - started < 5


def test_a_wait_longer_than_the_batch_may_take_is_not_begun_and_opens_the_circuit(make: Make, fake: FakeProvider):
    clock = Clock()
    fake.days = [Day(status=429, headers={"Retry-After": "120"})]
    analyzer = make(breaker=Breaker(clock=clock))
    started = time.monotonic()
    assert fault(analyzer).startswith("rate limited")
    assert time.monotonic() - started < 3
    clock.now = 119
    assert fault(analyzer) == "circuit open"
    assert len(fake.requests) == 1
    clock.now = 121
    assert labels(analyzer) == ["positive", "negative"]


def test_a_provider_that_hangs_costs_its_timeouts_and_no_more(make: Make, fake: FakeProvider):
    fake.usual = Day(hangs=True)
    analyzer = make(patience=IMPATIENT)
    started = time.monotonic()
    assert fault(analyzer) == "timed out"
    assert time.monotonic() - started < 3
    assert analyzer.unavailable_because == "timed out"


def test_a_batch_ends_when_its_time_is_over_and_keeps_what_it_has(make: Make, fake: FakeProvider):
    fake.days = [Day(), Day(hangs=True)]
    analyzer = make(patience=Patience(each=30, total=1.5), llm_posts=1, llm_requests=1)
    started = time.monotonic()
    with pytest.raises(UnscorableError, match="1 of 2 texts were scored: timed out") as caught:
        analyzer.analyze(TEXTS)
    assert time.monotonic() - started < 5
    assert [score is not None for score in caught.value.scores] == [True, False]


def test_a_connection_that_breaks_is_made_again(make: Make, fake: FakeProvider):
    fake.days = [Day(hangs_up=True)]
    assert labels(make()) == ["positive", "negative"]


def test_a_provider_that_nobody_answers_for_is_away_and_costs_nothing(make: Make, purse: Purse):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    analyzer = make(llm_base_url=f"http://127.0.0.1:{port}")
    assert fault(analyzer) == "no connection"
    assert {used.micro_usd for used in purse.used} == {0}


@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b"", b"null", b"[]", b"{}", b'{"choices": []}'])
def test_an_answer_of_somebody_else_is_nobodys_fault(make: Make, fake: FakeProvider, body: bytes):
    fake.usual = Day(body=body, headers={"Content-Type": "text/html" if body.startswith(b"<") else "application/json"})
    assert fault(make()).startswith("not understood")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_wrong_key_or_model_is_not_tried_twice(make: Make, fake: FakeProvider, status: int):
    fake.usual = Day(status=status)
    analyzer = make()
    assert fault(analyzer) == f"answered {status} (some_error)"
    assert len(fake.requests) == 1
    assert fault(analyzer) == "circuit open"
    assert analyzer.unavailable_because == f"circuit open: answered {status} (some_error)"
    assert len(fake.requests) == 1


def test_the_circuit_opens_after_failures_and_one_request_closes_it_again(make: Make, fake: FakeProvider):
    clock = Clock()
    analyzer = make(breaker=Breaker(failures=3, seconds=30, clock=clock), llm_posts=1)
    fake.usual = Day(status=500)
    fault(analyzer)
    sent = len(fake.requests)
    assert sent <= 4  # of two texts with three tries each
    assert fault(analyzer) == "circuit open"
    assert len(fake.requests) == sent

    clock.now = 31
    assert analyzer.unavailable_because is None
    fault(analyzer)
    assert len(fake.requests) == sent + 1, "half-open: one request alone finds out"
    clock.now = 62
    assert fault(analyzer) == "circuit open", "the second time it is open for twice as long"

    clock.now = 92
    fake.usual = Day()
    assert labels(analyzer) == ["positive", "negative"], "the one that found out, and then the other"
    assert analyzer.unavailable_because is None


def test_posts_that_the_provider_refuses_fail_alone_and_open_no_circuit(make: Make, fake: FakeProvider):
    fake.refused_word = "verboten"
    analyzer = make(breaker=Breaker(failures=2))
    with pytest.raises(UnscorableError, match="2 of 3 texts were scored: answered 400") as caught:
        analyzer.analyze([*TEXTS, "verboten"])
    assert [score is not None for score in caught.value.scores] == [True, True, False]
    assert analyzer.unavailable_because is None


def test_the_key_is_in_no_error_and_no_log(make: Make, fake: FakeProvider, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    days = [Day(status=401), Day(status=500), Day(status=400), Day(body=KEY.encode()), Day(hangs_up=True)]
    told = ""
    for day in days:
        fake.usual = day
        analyzer = make(breaker=Breaker())
        try:
            analyzer.analyze(TEXTS)
        except (UnavailableError, UnscorableError) as error:
            told += "".join(traceback.format_exception(error)) + repr(vars(error)) + str(analyzer.unavailable_because)
        told += repr(vars(analyzer)) + repr(vars(analyzer._line.provider))
    assert len(told) > 1_000
    assert KEY not in told
    assert KEY not in caplog.text
    assert fake.keys
    assert set(fake.keys) == {KEY}


@pytest.mark.parametrize("key", ["two\nlines-geheim", "a\r\nX-Geheim: b-geheim"])
def test_a_key_that_fits_no_header_is_not_quoted(make: Make, key: str):
    analyzer = make(llm_api_key=key)
    with pytest.raises(UnavailableError) as caught:
        analyzer.analyze(TEXTS)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


def test_white_space_around_a_key_is_none_of_it(make: Make, fake: FakeProvider):
    make(llm_api_key=f" {KEY}\n").analyze(TEXTS)
    assert fake.keys == [KEY]


@pytest.mark.parametrize("missing", [{"llm_provider": ""}, {"llm_api_key": ""}, {"llm_api_key": "  "}])
def test_without_a_provider_or_a_key_there_is_no_analyzer(purse: Purse, missing: dict[str, str]):
    settings = Settings.model_validate({"llm_provider": "groq", "llm_api_key": KEY} | missing)
    assert LlmAnalyzer.from_settings(settings, purse) is None


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "GROQ_BASE_URL", "ANTHROPIC_BASE_URL"])
def test_the_sdks_own_variables_lead_nowhere_else(make: Make, monkeypatch: pytest.MonkeyPatch, variable: str):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert labels(make()) == ["positive", "negative"]
