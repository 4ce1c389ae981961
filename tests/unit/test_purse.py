"""The budget of a command: nothing is promised twice."""

import pytest

from barometer.analyzers.llm.budget import Usage
from barometer.errors import UnavailableError
from infra.feeds.purse import Purse


def test_what_is_set_aside_is_not_there_for_another_request_until_it_is_settled():
    purse = Purse(usd=1, tokens=1_000)
    first = purse.reserve(Usage(1, 400, 200, 600_000))
    with pytest.raises(UnavailableError, match="budget spent"):
        purse.reserve(Usage(1, 100, 100, 600_000))
    purse.settle(first, Usage(1, 100, 50, 100_000))
    second = purse.reserve(Usage(1, 100, 100, 900_000))
    purse.settle(second, Usage())
    assert purse.used == Usage(1, 100, 50, 100_000)


def test_tokens_are_bounded_as_dollars_are():
    purse = Purse(usd=1_000, tokens=100)
    purse.settle(purse.reserve(Usage(1, 60, 40, 0)), Usage(1, 60, 40, 0))
    with pytest.raises(UnavailableError):
        purse.reserve(Usage(1, 1, 0, 0))
