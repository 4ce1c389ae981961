"""A rig for each test: real poller processes, a stand-in for Lambda, and a real Redis: one server, and a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import connected
from tests.integration.poller.hindrances import Gate, Wire, wire_to
from tests.integration.poller.rig import Rig, Streams, fake_aws


@pytest.fixture(params=["server", "cluster"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A test runs on one server with one partition and on a cluster of three nodes with three, or says `one_server`."""
    url = request.getfixturevalue(f"redis_{request.param}_url")
    with fake_aws() as aws, connected(url) as client:
        rig = Rig(aws, Streams(client, 1 if request.param == "server" else 3), url, tmp_path)
        yield rig
        rig.end()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(calls=1)
    yield gate
    gate.open.set()


@pytest.fixture
def wire(redis_url: str) -> Iterator[Wire]:
    with wire_to(redis_url) as wire:
        yield wire
