from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The run of the oracle waits more than it works: a group of its own leaves the other worker to the rest."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group("chaos"))
