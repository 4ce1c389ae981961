"""Tests that start containers: one worker runs them, one after the other, where an engine is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.compose import Compose, composed
from tests.containers.engine import missing

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = ""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.xdist_group("containers"))
            reason = reason or missing() or "-"
            if reason != "-":
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """One Barometer in containers for all tests that leave it running."""
    with composed() as running:
        yield running


@pytest.fixture
def artifacts() -> Path:
    """Where a test leaves what a person may want to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
