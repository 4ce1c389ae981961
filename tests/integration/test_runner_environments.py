"""How the runner keeps environments: as many as are needed, none left behind, none that harms another."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import Service
from tests.integration.lambdas import eventually, function, identity, lambda_service


def gone(pid: int) -> bool:
    """Whether a process is no more; while a thread of it still ends, its connections are open."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    return True


async def test_a_warm_environment_is_used_again(service: Service):
    async with service(function("whoami")) as lab:
        first = (await lab.call("whoami")).body
        second = (await lab.call("whoami")).body
        assert identity(first) == identity(second)
        assert (first["calls"], second["calls"]) == (1, 2)
        assert first["request"] != second["request"]


async def test_environments_grow_to_the_reserved_concurrency_and_the_next_request_is_429(service: Service):
    async with service(function("sleep", concurrency=3)) as lab:
        busy = [asyncio.create_task(lab.call("sleep", {"seconds": 1.5})) for _ in range(3)]
        await eventually(lambda: lab.runner.environments().get("sleep", {}).get("busy") == 3)
        with pytest.raises(ClientError) as caught:
            await lab.call("sleep", {"seconds": 0})
        refused = caught.value
        assert isinstance(refused, lab.client.exceptions.TooManyRequestsException)
        assert refused.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        replies = await asyncio.gather(*busy)
        assert len({identity(reply.body) for reply in replies}) == 3
        assert (await lab.call("sleep", {"seconds": 0})).error is None


async def test_a_burst_at_a_cold_function_takes_what_is_free_first_and_does_not_start_one_each(service: Service):
    async with service(function("whoami", concurrency=12)) as lab:
        replies = await asyncio.gather(*(lab.call("whoami") for _ in range(12)))
        assert [reply.error for reply in replies] == [None] * 12
        assert len({identity(reply.body) for reply in replies}) < 8
        assert lab.runner.environments()["whoami"]["environments"] < 8


async def test_a_function_that_reserves_nothing_gets_the_default_and_one_that_reserves_zero_gets_none(service: Service):
    functions = function("sleep"), function("echo", concurrency=0)
    async with service(*functions, runner_concurrency=1) as lab:
        busy = asyncio.create_task(lab.call("sleep", {"seconds": 1}))
        await eventually(lambda: lab.runner.environments().get("sleep", {}).get("busy") == 1)
        with pytest.raises(ClientError) as caught:
            await lab.call("sleep", {"seconds": 0})
        assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            await lab.call("echo")
        await busy


async def test_a_function_is_killed_at_its_timeout_and_the_next_request_gets_a_fresh_one(tmp_path: Path):
    async with lambda_service(tmp_path, function("touch_and_sleep", timeout=1)) as lab:
        path = tmp_path / "pid"
        started = time.monotonic()
        reply = await lab.call("touch_and_sleep", {"path": str(path), "seconds": 30}, LogType="Tail")
        assert 1 <= time.monotonic() - started < 3
        assert reply.error == "Unhandled"
        assert reply.body["errorType"] == "Sandbox.Timedout"
        assert reply.body["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
        assert "Task timed out after 1.00 seconds" in reply.log
        assert "Status: timeout" in reply.log
        assert gone(int((tmp_path / "pid.ready").read_text()))
        assert (await lab.call("touch_and_sleep", {"path": str(path), "seconds": 0})).error is None


@pytest.mark.parametrize(("handler", "event", "message"), [
    ("leave", {"code": 3}, "Runtime exited with error: exit status 3"),
    ("leave", {"code": 0}, "Runtime exited without providing a reason"),
    ("die", {}, "Runtime exited with error: signal: killed"),
])  # fmt: skip
async def test_a_process_that_ends_in_the_middle_is_an_exit_error(
    service: Service, handler: str, event: dict[str, int], message: str
):
    async with service(function(handler)) as lab:
        reply = await lab.call(handler, event, LogType="Tail")
        assert reply.error == "Unhandled"
        assert reply.body["errorType"] == "Runtime.ExitError"
        assert reply.body["errorMessage"].endswith(f"Error: {message}")
        assert "Status: error\tError Type: Runtime.ExitError" in reply.log
        assert lab.runner.environments()[handler] == {"environments": 0, "busy": 0}


async def test_kill_9_of_a_process_in_the_middle_fails_that_request_only(tmp_path: Path):
    async with lambda_service(tmp_path, function("touch_and_sleep", concurrency=2)) as lab:
        victim, other = tmp_path / "victim", tmp_path / "other"
        calls = [
            asyncio.create_task(lab.call("touch_and_sleep", {"path": str(path), "seconds": 2}))
            for path in (victim, other)
        ]
        await eventually(lambda: victim.with_name("victim.ready").exists() and other.with_name("other.ready").exists())
        os.kill(int((tmp_path / "victim.ready").read_text()), signal.SIGKILL)
        killed, unharmed = await asyncio.gather(*calls)
        assert killed.body["errorType"] == "Runtime.ExitError"
        assert unharmed.error is None
        assert (await lab.call("touch_and_sleep", {"path": str(victim), "seconds": 0})).error is None


async def test_a_process_killed_while_idle_costs_no_request(tmp_path: Path):
    async with lambda_service(tmp_path, function("whoami", concurrency=1)) as lab:
        for _ in range(5):
            body = (await lab.call("whoami")).body
            os.kill(body["pid"], signal.SIGKILL)
            # From here on its connection is closed, whether or not anybody has noticed yet.
            await eventually(lambda pid=body["pid"]: gone(pid))
            reply = await lab.call("whoami")
            assert reply.error is None
            assert reply.body["pid"] != body["pid"]


async def test_what_a_function_started_dies_with_it(tmp_path: Path):
    async with lambda_service(tmp_path, function("child_and_sleep", timeout=1)) as lab:
        path = tmp_path / "pid"
        await lab.call("child_and_sleep", {"path": str(path)})
        await eventually(lambda: gone(int(path.read_text())))


async def test_a_function_over_its_memory_is_killed(service: Service):
    async with service(function("hog", memory=128)) as lab:
        assert (await lab.call("hog", {"mb": 200})).body["errorType"] == "Runtime.ExitError"
        assert any("Memory limit exceeded" in line and "of 128 MB" in line for line in lab.log)


async def test_idle_environments_go_but_for_the_last(service: Service):
    async with service(function("sleep", concurrency=3), runner_idle_seconds=0.1) as lab:
        replies = await asyncio.gather(*(lab.call("sleep", {"seconds": 0.5}) for _ in range(3)))
        started = [reply.body for reply in replies]
        await eventually(lambda: sum(map(lab.gone, started)) == 2)
        await asyncio.sleep(1)
        assert lab.runner.environments()["sleep"] == {"environments": 1, "busy": 0}
        assert identity((await lab.call("sleep", {"seconds": 0})).body) in map(identity, started)


async def test_settings_are_read_once_for_a_burst_and_again_when_they_are_old(service: Service):
    whoami = function("whoami", concurrency=4)
    async with service(whoami, runner_settings_seconds=0.3) as lab:
        await asyncio.gather(*(lab.call("whoami") for _ in range(4)))
        assert lab.source.reads == 1
        before = (await lab.call("whoami")).body
        changed = dataclasses.replace(lab.source.functions["whoami"], variables={"MOOD": "new"}, memory=256)
        lab.source.functions["whoami"] = changed
        await asyncio.sleep(0.3)
        await lab.call("whoami")
        await eventually(lambda: lab.gone(before))
        after = (await lab.call("whoami")).body
        assert (after["env"]["MOOD"], after["memory"]) == ("new", "256")


async def test_a_function_that_was_deleted_is_unknown_and_its_processes_go(service: Service):
    settings = {"runner_settings_seconds": 0.1, "runner_forget_seconds": 0}
    async with service(function("whoami"), **settings) as lab:
        before = (await lab.call("whoami")).body
        lab.source.functions.clear()
        await asyncio.sleep(0.1)
        await lab.call("whoami")
        await eventually(lambda: lab.gone(before))
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            await lab.call("whoami")


async def test_a_function_that_is_missing_for_a_moment_runs_on(service: Service):
    whoami = function("whoami")
    async with service(whoami, runner_settings_seconds=0.05, runner_forget_seconds=30) as lab:
        before = identity((await lab.call("whoami")).body)
        declared = lab.source.functions.pop("whoami")
        reads = lab.source.reads
        for _ in range(5):
            await asyncio.sleep(0.06)
            assert identity((await lab.call("whoami")).body) == before
        assert lab.source.reads > reads
        lab.source.functions["whoami"] = declared
        assert identity((await lab.call("whoami")).body) == before


async def test_reload_reads_the_code_afresh_and_lets_what_runs_finish(service: Service):
    async with service(function("sleep"), function("whoami")) as lab:
        before = (await lab.call("whoami")).body
        running = asyncio.create_task(lab.call("sleep", {"seconds": 1}))
        await eventually(lambda: lab.runner.environments().get("sleep", {}).get("busy") == 1)
        lab.runner.reload()
        assert identity((await lab.call("whoami")).body) != identity(before)
        await eventually(lambda: lab.gone(before))
        reply = await running
        assert reply.error is None
        await eventually(lambda: lab.gone(reply.body))


async def test_closing_stops_every_process_even_a_busy_one_in_bounded_time(tmp_path: Path):
    async with lambda_service(tmp_path, function("touch_and_sleep"), function("whoami")) as lab:
        idle = (await lab.call("whoami")).body["pid"]
        busy = asyncio.create_task(lab.call("touch_and_sleep", {"path": str(tmp_path / "pid"), "seconds": 60}))
        await eventually((tmp_path / "pid.ready").exists)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert gone(idle)
    assert gone(int((tmp_path / "pid.ready").read_text()))
    with contextlib.suppress(Exception):
        await busy
