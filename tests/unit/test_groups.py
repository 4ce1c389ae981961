"""Tests that share one machine's worth of processes run on one worker; pytest-xdist has lost that silently once."""

import os

import pytest

pytestmark = pytest.mark.xdist_group("of-this-file")


def test_a_group_is_one_worker_s() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("there is one worker, and so one group")
    assert "@of-this-file" in os.environ["PYTEST_CURRENT_TEST"]
