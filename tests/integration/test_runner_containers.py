"""What only containers promise: what a function may do in one, whose they are, and that none outlives its runner."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

import pytest

from barometer.settings import load
from infra.local.runner.containers import container_launcher
from infra.local.runner.engine import Engine
from infra.local.runner.functions import UnknownFunctionError
from infra.local.runner.images import BuiltImages
from infra.local.runner.settings import RunnerSettings
from tests.images import docker, image_of
from tests.integration.conftest import Service
from tests.integration.lambdas import HANDLERS, Declared, eventually, function, lambda_service, left

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.containers


async def test_a_function_sees_the_context_and_the_environment_that_lambda_gives(containers: Service):
    whoami = function("whoami", memory=256, timeout=9, variables={"MOOD": "calm"})
    async with containers(whoami) as lab:
        body = (await lab.call("whoami")).body
        assert (body["memory"], body["cwd"], body["arn"]) == ("256", "/var/task", whoami.arn)
        assert 8000 < body["left"] <= 9000
        environment = body["env"]
        assert environment["MOOD"] == "calm"
        assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
        assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
        assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/whoami"


async def test_a_function_may_write_to_tmp_and_nowhere_else_and_has_no_power(containers: Service):
    async with containers(function("powers", memory=256)) as lab:
        powers = (await lab.call("powers")).body
        assert (powers["uid"], powers["gid"]) == (10001, 10001)
        assert powers["capabilities"] == 0
        assert powers["no_new_privileges"] == 1
        assert powers["files"] == 1024
        assert powers["tmp"] == ""
        assert powers["elsewhere"] == ["Read-only file system"] * 2
        assert powers["tmp_mb"] == 512


async def test_a_container_is_named_for_its_runner_and_function_and_may_use_what_the_function_may(containers: Service):
    async with containers(function("echo", memory=256)) as lab:
        await lab.call("echo", 1)
        (container,) = left(lab.runner_id)
        (facts,) = json.loads(docker("inspect", container))
        assert facts["Name"].startswith(f"/{lab.runner_id}-echo-")
        limits = facts["HostConfig"]
        assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (256 << 20, 256 << 20, 1024)
        assert limits["CpuShares"] == 1024 * 256 // 1769
    assert not left(lab.runner_id)


async def test_memory_is_told_as_last_seen(containers: Service):
    async with containers(function("keep", memory=256)) as lab:
        reports: list[str] = []

        async def reported() -> int:
            reports.append((await lab.call("keep", {"mb": 100}, LogType="Tail")).log)
            return int(reports[-1].rpartition("Max Memory Used: ")[2].split()[0])

        deadline = time.monotonic() + 15
        while (used := await reported()) < 100:
            assert time.monotonic() < deadline, reports
            await asyncio.sleep(0.1)
        assert used <= 150


async def test_a_timeout_removes_the_container(containers: Service):
    async with containers(function("sleep", timeout=1)) as lab:
        started = time.monotonic()
        reply = await lab.call("sleep", {"seconds": 60}, LogType="Tail")
        assert 1 <= time.monotonic() - started < 5
        assert reply.body["errorType"] == "Sandbox.Timedout"
        assert "Status: timeout" in reply.log
        await eventually(lambda: not left(lab.runner_id))
        assert (await lab.call("sleep", {"seconds": 0})).error is None


async def test_a_container_killed_while_idle_costs_no_request(containers: Service):
    async with containers(function("whoami", concurrency=1)) as lab:
        first = (await lab.call("whoami")).body
        docker("kill", first["host"])
        reply = await lab.call("whoami")
        assert reply.error is None
        assert reply.body["host"] != first["host"]


async def test_closing_stops_every_container_even_a_busy_one_in_bounded_time(containers: Service):
    async with containers(function("sleep"), function("echo")) as lab:
        await lab.call("echo", 1)
        busy = asyncio.create_task(lab.call("sleep", {"seconds": 60}))
        await eventually(lambda: lab.runner.environments().get("sleep", {}).get("busy") == 1)
        await eventually(lambda: len(left(lab.runner_id)) == 2)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert not left(lab.runner_id)
    with contextlib.suppress(Exception):
        await busy


async def test_a_start_that_is_given_up_leaves_no_container(containers: Service):
    async with containers(function("echo"), runner_init_seconds=0.05) as lab:
        reply = await lab.call("echo")
        assert reply.body["errorType"] == "Sandbox.Timedout"
    assert not left(lab.runner_id)


async def test_an_image_that_is_not_there_is_named_with_what_builds_it(containers: Service):
    async with containers(function("echo", image="barometer-test:nobody-built-it")) as lab:
        reply = await lab.call("echo", LogType="Tail")
        assert reply.body["errorType"] == "Runtime.InvalidEntrypoint"
        message = "there is no image barometer-test:nobody-built-it; build it: docker compose build nobody-built-it"
        assert message in reply.body["errorMessage"]
        assert message in reply.log


async def test_an_image_that_was_built_again_is_another_function(handlers_image: str):
    del handlers_image  # an engine is there
    declared = Declared(function("echo", image=f"barometer-test-{secrets.token_hex(4)}:again"), function("bare"))
    engine = Engine(load(RunnerSettings).docker_host)
    source = BuiltImages(declared, engine)
    try:
        unbuilt = await source.find("echo")
        assert unbuilt.image_id == ""
        builds = []
        for code in (HANDLERS, HANDLERS + "# changed\n"):
            with image_of(code, unbuilt.image):
                builds.append(await source.find("echo"))
                assert builds[-1] == await source.find("echo")
        assert len({unbuilt.image_id, *(build.image_id for build in builds)}) == 3
        assert (await source.find("bare")).image_id == ""
        with pytest.raises(UnknownFunctionError):
            await source.find("nobody")
    finally:
        await engine.close()


_RUNNER = """
import asyncio, os, sys
from pathlib import Path
from tests.integration.lambdas import function, lambda_service

async def main(folder, image, runner_id):
    functions = function("echo"), function("sleep", timeout=600)
    async with lambda_service(Path(folder), *functions, image=image, runner_id=runner_id) as lab:
        await lab.call("echo", 1)
        busy = asyncio.create_task(lab.call("sleep", {"seconds": 600}))
        while lab.runner.environments().get("sleep", {}).get("busy") != 1:
            await asyncio.sleep(0.01)
        print("serving", flush=True)
        await busy

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_runner_leaves_only_what_hangs_and_the_next_removes_that(handlers_image: str, tmp_path: Path):
    runner_id = f"barometer-test-{secrets.token_hex(4)}"
    other = function("echo", name="other")
    async with lambda_service(tmp_path, other, image=handlers_image) as lab:
        await lab.call("other", 1)
        runner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _RUNNER, str(tmp_path), handlers_image, runner_id,
            stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        assert runner.stdout is not None
        async with asyncio.timeout(30):
            while (await runner.stdout.readline()).strip() != b"serving":
                assert not runner.stdout.at_eof()
        await eventually(lambda: len(left(runner_id)) == 2)
        os.kill(runner.pid, signal.SIGKILL)
        await runner.wait()
        # The idle one finds its Runtime API gone and ends; the engine removes it. The other one sleeps in its handler.
        await eventually(lambda: len(left(runner_id)) == 1)
        async with container_launcher(RunnerSettings(runner_id=runner_id)):
            await eventually(lambda: not left(runner_id))
        assert len(left(lab.runner_id)) == 1, "those of another runner are let alone"
