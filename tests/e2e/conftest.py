import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, up

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"


@pytest.hookimpl(wrapper=True)  # before xdist reads the groups, whoever was registered first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """All of these share one machine's worth of processes: one worker runs them, one after the other."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))
    yield


@pytest.fixture(scope="session")
def short_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="baro-e2e-"))
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def stack(short_home: Path) -> Iterator[Stack]:
    """One Barometer for all tests that leave it running; each uses a source of its own."""
    with up(short_home / "home", "--feed", "none") as running:
        yield running


@pytest.fixture
def source() -> str:
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def artifacts() -> Path:
    """Where a test leaves what a person may want to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
