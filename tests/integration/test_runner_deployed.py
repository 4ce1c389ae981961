"""The runner as a process of its own, behind a real ministack: one deployment, signals, and its end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.programs import any_free_port
from infra.local.runner.errors import UnknownFunctionError
from infra.local.runner.functions import DeployedFunctions
from tests.integration.emulator import Emulator, emulator, program, wait_for
from tests.integration.lambdas import eventually, lambda_client

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("deployed")) as running:
        yield running


def functions_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


async def test_settings_are_those_of_the_deployed_function(stack: Emulator):
    source = DeployedFunctions(stack.cloud_url, "us-east-1")
    api = await source.find("test-api")
    assert (api.name, api.handler, api.timeout, api.memory) == ("test-api", "handlers.api", 20, 256)
    assert (api.concurrency, api.retries, api.image) == (3, 2, "test:api")
    assert api.arn == "arn:aws:lambda:us-east-1:000000000000:function:test-api"
    assert api.variables == {"DISCONNECTS": str(stack.folder / "disconnects")}, "the emulator's own is left out"
    with pytest.raises(UnknownFunctionError):
        await source.find("nobody")


async def test_event_limits_are_those_of_the_deployed_function(stack: Emulator):
    stack.aws_lambda().put_function_event_invoke_config(
        FunctionName="test-socket", MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
    socket = await DeployedFunctions(stack.cloud_url, "us-east-1").find("test-socket")
    assert (socket.retries, socket.event_age) == (0, 60)


def test_ministack_reaches_a_function_through_the_runner_and_hears_what_aws_would_say(stack: Emulator):
    through_ministack = stack.aws_lambda()
    event = {"rawPath": "/api/problem"}
    answer = through_ministack.invoke(FunctionName="test-api", Payload=json.dumps(event).encode())
    assert json.loads(answer["Payload"].read())["statusCode"] == 422
    answer = through_ministack.invoke(FunctionName="test-api", Payload=b"{}")
    assert answer["FunctionError"], "a failing function is an error, not a result that looks like one"
    url = f"{stack.cloud_url}/_aws/execute-api/{stack.http_api}/api/crash"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=20)  # noqa: S310 (our own server)
    with caught.value as error:
        assert error.code == 500
        assert json.loads(error.read()) == {"message": "Internal Server Error"}


async def test_a_changed_deployment_is_seen_at_sighup(stack: Emulator):
    runner = lambda_client(stack.runner_url)

    def invoked() -> bool:
        answer = runner.invoke(FunctionName="test-api", Payload=b'{"rawPath": "/api/nothing"}')
        return "FunctionError" not in answer

    assert await asyncio.to_thread(invoked)
    await asyncio.to_thread(stack.aws_lambda().update_function_configuration, FunctionName="test-api", MemorySize=333)
    stack.runner.send_signal(signal.SIGHUP)
    await eventually(lambda: invoked() and "Memory Size: 333 MB" in stack.log())


async def test_sigterm_stops_every_function_and_ends_with_0(stack: Emulator):
    port = any_free_port()
    settings = {"BAROMETER_RUNNER_PORT": str(port), "BAROMETER_CLOUD_ENDPOINT": stack.cloud_url,
                "BAROMETER_TASK_ROOT": str(stack.folder), "BAROMETER_RUNNER_STOP_SECONDS": "0.2"}  # fmt: skip
    with program(["infra.local.runner"], stack.folder / "second.log", settings) as second:
        wait_for(f"http://127.0.0.1:{port}/healthz", second)
        client = lambda_client(f"http://127.0.0.1:{port}")
        await asyncio.to_thread(client.invoke, FunctionName="test-api", Payload=b'{"rawPath": "/api/nothing"}')
        sleeping = asyncio.create_task(
            asyncio.to_thread(client.invoke, FunctionName="test-api", Payload=b'{"rawPath": "/api/sleep"}')
        )
        await asyncio.sleep(0.3)
        functions = functions_of(second)
        assert functions
        started = time.monotonic()
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, 10) == 0
        assert time.monotonic() - started < 3
        assert not any(map(psutil.Process.is_running, functions))
        await asyncio.gather(sleeping, return_exceptions=True)


async def test_functions_of_a_killed_runner_end_by_themselves(stack: Emulator):
    port = any_free_port()
    settings = {"BAROMETER_RUNNER_PORT": str(port), "BAROMETER_CLOUD_ENDPOINT": stack.cloud_url,
                "BAROMETER_TASK_ROOT": str(stack.folder)}  # fmt: skip
    with program(["infra.local.runner"], stack.folder / "third.log", settings) as third:
        wait_for(f"http://127.0.0.1:{port}/healthz", third)
        client = lambda_client(f"http://127.0.0.1:{port}")
        await asyncio.to_thread(client.invoke, FunctionName="test-api", Payload=b'{"rawPath": "/api/nothing"}')
        functions = functions_of(third)
        assert functions
        third.kill()
        await eventually(lambda: not any(map(psutil.Process.is_running, functions)), seconds=5)


@pytest.mark.parametrize(("setting", "value", "sentence"), [
    ("BAROMETER_RUNNER_PORT", "many", "BAROMETER_RUNNER_PORT"),
    ("BAROMETER_RUNNER_PORT", "taken", "cannot listen on 127.0.0.1"),
])  # fmt: skip
def test_a_wrong_setting_is_one_sentence_and_exit_1(stack: Emulator, setting: str, value: str, sentence: str):
    value = stack.runner_url.rpartition(":")[2] if value == "taken" else value
    ended = subprocess.run(
        [sys.executable, "-m", "infra.local.runner"],
        env={**os.environ, setting: value},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
