"""Tests that start containers: one worker runs them, one after the other, where an engine is."""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.compose import Compose, composed
from tests.containers.engine import missing

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"


@pytest.hookimpl(wrapper=True)  # before xdist reads the groups, whoever was registered first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    reason = ""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.xdist_group("containers"))
            reason = reason or missing() or "-"
            if reason != "-":
                item.add_marker(pytest.mark.skip(reason=reason))
    yield


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """One Barometer in containers for all tests that leave it running."""
    with composed() as running:
        yield running


@dataclass(frozen=True)
class Deployment:
    """A Barometer that runs, by its addresses and a key of an administrator."""

    urls: list[str]
    key: str


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The one that the environment names, else the one in containers."""
    if url := os.environ.get("BAROMETER_SMOKE_URL"):
        return Deployment([url], os.environ["BAROMETER_SMOKE_KEY"])
    compose: Compose = request.getfixturevalue("compose")
    return Deployment(compose.urls, compose.key)


@pytest.fixture
def artifacts() -> Path:
    """Where a test leaves what a person may want to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
