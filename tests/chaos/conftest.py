from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)  # before xdist reads the groups, whoever was registered first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """The run of the oracle waits more than it works: a group of its own leaves the other worker to the rest."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group("chaos"))
    yield
