"""A Docker engine that is away, hangs or is started again: said in a sentence, and never waited for without end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from barometer.errors import BarometerError
from barometer.settings import load
from infra.local.runner.containers import container_launcher
from infra.local.runner.engine import DEFAULT_HOST, Engine, EngineError
from infra.local.runner.place import own_container
from infra.local.runner.settings import RunnerSettings
from tests.integration.conftest import Service
from tests.integration.lambdas import eventually, function, left

needs_an_engine = pytest.mark.containers


class Way:
    """The way to the engine, which can be blocked, and broken."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def block(self) -> None:
        self._open.clear()

    def unblock(self) -> None:
        self._open.set()

    def break_off(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._engine)
        self._writers |= {writer, back}
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def way(short_tmp: Path, handlers_image: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Way, str]]:
    """A way to the engine, and its address."""
    del handlers_image  # an engine is there
    host = load(RunnerSettings).docker_host or DEFAULT_HOST
    if not host.startswith("unix://"):
        pytest.skip("the engine is not behind a unix socket")
    way = Way(host.removeprefix("unix://"))
    path = short_tmp / f"{request.node.name[:24]}.sock"
    server = await asyncio.start_unix_server(way.serve, path)
    yield way, f"unix://{path}"
    way.unblock()
    way.break_off()
    server.close()


@needs_an_engine
async def test_a_timeout_is_told_though_the_engine_hangs_and_the_kill_arrives_when_it_is_back(
    containers: Service, way: tuple[Way, str]
):
    road, host = way
    async with containers(function("sleep", timeout=1), docker_host=host) as lab:
        await lab.call("sleep", {"seconds": 0})
        call = asyncio.create_task(lab.call("sleep", {"seconds": 60}))
        await eventually(lambda: lab.runner.environments()["sleep"]["busy"] == 1)
        road.block()
        started = time.monotonic()
        reply = await call
        assert reply.body["errorType"] == "Sandbox.Timedout"
        assert time.monotonic() - started < 9
        road.unblock()
        await eventually(lambda: not left(lab.runner_id), seconds=30)
        assert (await lab.call("sleep", {"seconds": 0})).error is None


@needs_an_engine
async def test_a_container_whose_engine_was_lost_is_given_up_and_removed(containers: Service, way: tuple[Way, str]):
    road, host = way
    async with containers(function("sleep"), docker_host=host) as lab:
        call = asyncio.create_task(lab.call("sleep", {"seconds": 60}))
        await eventually(lambda: lab.runner.environments().get("sleep", {}).get("busy") == 1)
        await eventually(lambda: any(" START " in line for line in lab.log))
        road.break_off()
        reply = await call
        assert reply.body["errorType"] == "Runtime.ExitError"
        await eventually(lambda: not left(lab.runner_id))
        assert (await lab.call("sleep", {"seconds": 0})).error is None


async def test_an_engine_that_is_not_there_is_said_in_a_sentence(tmp_path: Path):
    socket = tmp_path / "docker.sock"
    with pytest.raises(
        BarometerError, match=r"no Docker engine at unix:///.*: there is no such socket \(DOCKER_HOST\)"
    ):
        async with container_launcher(RunnerSettings(docker_host=f"unix://{socket}")):
            pass
    with pytest.raises(BarometerError, match="DOCKER_HOST=ssh://there is neither"):
        async with container_launcher(RunnerSettings(docker_host="ssh://there")):
            pass


async def test_an_engine_that_hangs_holds_nobody_up(short_tmp: Path):
    over = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(hang, short_tmp / "hangs.sock")
    async with server:
        engine = Engine(f"unix://{short_tmp}/hangs.sock")
        try:
            with pytest.raises(EngineError, match="has not answered GET /version"):
                await engine.call("GET", "/version", seconds=0.2)
        finally:
            await engine.close()
            over.set()


@needs_an_engine
async def test_a_network_or_container_that_is_not_there_is_named_with_its_setting(handlers_image: str):
    del handlers_image  # an engine is there
    for settings, message in (
        (
            {"runner_network": "barometer-test-nowhere"},
            r"no network 'barometer-test-nowhere' \(BAROMETER_RUNNER_NETWORK",
        ),
        ({"runner_container": "barometer-test-nobody"}, r"no container barometer-test-nobody \(BAROMETER_RUNNER_CONTA"),
    ):
        with pytest.raises(BarometerError, match=message):
            async with container_launcher(RunnerSettings(**settings)):
                pass


def test_its_own_container_is_what_the_kernel_says(tmp_path: Path):
    name = "0123456789abcdef" * 4
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "615 606 254:1 /var/lib/docker/containers/" + name + "/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw\n"
        "616 606 254:1 /var/lib/docker/containers/" + name + "/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
    )
    assert own_container(mounts) == name
    # What a host sees of its containers.
    mounts.write_text(f"99 28 0:50 / /var/lib/docker/containers/{name}/mounts/shm rw - tmpfs shm rw\n")
    assert own_container(mounts) == ""
    assert own_container(tmp_path / "nowhere") == ""
