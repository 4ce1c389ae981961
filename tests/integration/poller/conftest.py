"""A rig for each test: a real Redis, real poller processes, and a stand-in for Lambda."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.integration.poller.hindrances import Gate, Wire, wire_to
from tests.integration.poller.rig import Rig, Streams, fake_aws


@pytest.fixture
def rig(redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    with fake_aws() as aws, Redis.from_url(redis_url) as client:
        rig = Rig(aws, Streams(client), redis_url, tmp_path)
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
