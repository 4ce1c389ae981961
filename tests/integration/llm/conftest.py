"""The language model's analyzer before a provider of this machine's own."""

from collections.abc import Callable, Iterator

import pytest

from barometer.analyzers.llm import LlmAnalyzer
from barometer.analyzers.llm.breaker import Breaker
from barometer.analyzers.llm.budget import Budget, Reservation, Usage
from barometer.analyzers.llm.line import Patience
from barometer.settings import Settings
from tests.integration.llm.provider import KEY, FakeProvider, fake_provider

Make = Callable[..., LlmAnalyzer]


class Purse:
    """A budget without a bottom, that remembers."""

    def __init__(self) -> None:
        self.reserved: list[Usage] = []
        self.used: list[Usage] = []

    def reserve(self, most: Usage) -> Reservation:
        self.reserved.append(most)
        return Reservation("2026-11-22", most)

    def settle(self, reservation: Reservation, used: Usage) -> None:
        assert reservation.most in self.reserved
        self.used.append(used)


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as fake:
        yield fake


@pytest.fixture(params=["groq", "openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def purse() -> Purse:
    return Purse()


@pytest.fixture
def make(fake: FakeProvider, provider: str, purse: Purse) -> Make:
    """An analyzer of the provider, whose patience is short and whose breaker is given."""

    def make(
        *,
        patience: Patience | None = None,
        breaker: Breaker | None = None,
        budget: Budget | None = None,
        **more: object,
    ) -> LlmAnalyzer:
        given = {"llm_base_url": fake.base_url(provider), "llm_model": "m", "llm_api_key": KEY, **more}
        analyzer = LlmAnalyzer.from_settings(
            Settings.model_validate({"llm_provider": provider, **given}),
            budget or purse,
            patience=patience or Patience(each=10, total=20, pause=0.01, longest=0.02),
            breaker=breaker,
        )
        assert analyzer is not None
        return analyzer

    return make
