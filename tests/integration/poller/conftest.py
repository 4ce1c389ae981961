"""A rig for each test: a real Redis, real poller processes, and a stand-in for Lambda."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.integration.poller.rig import Rig, Streams, fake_aws


@pytest.fixture
def rig(redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    with fake_aws() as aws, Redis.from_url(redis_url) as client:
        rig = Rig(aws, Streams(client), redis_url, tmp_path)
        yield rig
        rig.end()
