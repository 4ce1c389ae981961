"""A front door before a real ministack and the real runner."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.integration.emulator import Emulator, emulator
from tests.integration.front_door.door import front_door


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("front-door")) as running:
        yield running


@pytest.fixture
async def door(stack: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    apis = f"{stack.cloud_url}/_aws/execute-api"
    async with front_door(f"{apis}/{stack.http_api}", f"{apis}/{stack.socket_api}/live") as session:
        yield session
