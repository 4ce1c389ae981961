"""A Lambda service for tests: the real runner and real awslambdaric, over handlers written for the test.

Its environments are processes, or containers of an image that holds the same handlers (``tests/integration/conftest``
has a ``service`` that is one for one run of a test and the other for another).
"""

import asyncio
import base64
import contextlib
import dataclasses
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
from aiohttp import web
from botocore.config import Config

from infra.local.runner.api import LambdaApi
from infra.local.runner.containers import container_launcher
from infra.local.runner.errors import UnknownFunctionError
from infra.local.runner.events import EventQueue
from infra.local.runner.functions import Function
from infra.local.runner.processes import ProcessLauncher
from infra.local.runner.service import Runner
from infra.local.runner.settings import RunnerSettings
from tests.images import docker

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from infra.local.runner.launcher import Launcher

HANDLERS = """
import json, os, resource, shutil, signal, socket, subprocess, sys, time

STARTED = time.time()
CALLS = 0

def echo(event, context):
    return event

def whoami(event, context):
    global CALLS
    CALLS += 1
    print("hello from", event)
    return {"pid": os.getpid(), "host": socket.gethostname(), "calls": CALLS,
            "request": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb,
            "group": context.log_group_name, "stream": context.log_stream_name, "env": dict(os.environ),
            "cwd": os.getcwd(), "client": context.client_context.custom if context.client_context else None}

def sleep(event, context):
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "host": socket.gethostname()}

def touch_and_sleep(event, context):
    with open(event["path"], "w") as file:
        file.write(str(os.getpid()))
    os.rename(event["path"], event["path"] + ".ready")
    time.sleep(event["seconds"])

def child_and_sleep(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(event["path"], "w") as file:
        file.write(str(child.pid))
    time.sleep(600)

def fail(event, context):
    raise KeyError("no such key")

def leave(event, context):
    os._exit(event["code"])

def die(event, context):
    os.kill(os.getpid(), signal.SIGKILL)

def large(event, context):
    return "x" * (event["bytes"] - 2)

def hog(event, context):
    block = bytearray(event["mb"] * 1024 * 1024)
    time.sleep(10)
    return len(block)

KEPT = None

def keep(event, context):
    global KEPT
    KEPT = KEPT or bytearray(event["mb"] * 1024 * 1024)

def powers(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return {"uid": os.getuid(), "gid": os.getgid(), "capabilities": int(status["CapBnd"], 16),
            "no_new_privileges": int(status["NoNewPrivs"]), "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "tmp": _write_to("/tmp"), "elsewhere": [_write_to("/var/task"), _write_to("/opt")],
            "tmp_mb": shutil.disk_usage("/tmp").total // 1024 // 1024}

def _write_to(folder):
    try:
        with open(folder + "/test", "w") as file:
            file.write("x")
    except OSError as error:
        return error.strerror
    return ""

def flaky(event, context):
    with open(event["path"], "a") as file:
        file.write("x")
    with open(event["path"]) as file:
        if len(file.read()) < event["works_at"]:
            raise RuntimeError("not yet")

def open_line(event, context):
    sys.stdout.write("no newline at the end")

def loud(event, context):
    print("y" * 10_000)
    print("last words")
"""


class Declared:
    """A source of functions that a test writes to."""

    def __init__(self, *functions: Function) -> None:
        self.functions = {function.name: function for function in functions}
        self.reads = 0

    async def find(self, name: str) -> Function:
        self.reads += 1
        if name not in self.functions:
            raise UnknownFunctionError(name)
        return self.functions[name]


@dataclass
class Lab:
    """A running service, its client, and what it has logged."""

    url: str
    source: Declared
    runner: Runner
    client: "LambdaClient"
    runner_id: str
    contained: bool
    log: list[str] = field(default_factory=list)

    def gone(self, environment: dict[str, Any]) -> bool:
        """Whether the process or container that answered this, with its ``pid`` and ``host``, is no more."""
        if self.contained:
            return environment["host"] not in docker("ps", "--quiet")
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(environment["pid"])
            # While a thread of it still ends, its connections are open.
            return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return True

    async def call(self, name: str, event: object = None, **parameters: str) -> "Reply":
        answer = await asyncio.to_thread(
            self.client.invoke, FunctionName=name, Payload=json.dumps(event).encode(), **parameters
        )
        payload = await asyncio.to_thread(answer["Payload"].read)
        return Reply(
            status=answer["StatusCode"],
            error=answer.get("FunctionError"),
            version=answer.get("ExecutedVersion"),
            body=json.loads(payload) if payload else None,
            log=base64.b64decode(answer.get("LogResult", "")).decode(),
        )


@dataclass(frozen=True)
class Reply:
    """What an AWS client is told."""

    status: int
    error: str | None
    version: str | None
    body: Any
    log: str


def function(handler: str, name: str = "", **settings: Any) -> Function:
    """One of HANDLERS as a function."""
    name = name or handler
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    path = handler if "." in handler else f"handlers.{handler}"
    return Function(**{"name": name, "arn": arn, "handler": path, "timeout": 20, **settings})


@asynccontextmanager
async def lambda_service(
    folder: Path, *functions: Function, image: str = "", runner_id: str = "", **settings: float
) -> AsyncIterator[Lab]:
    """The service over ``functions``, on a port of its own; nothing is left of it afterwards.

    With an ``image``, which holds HANDLERS, every function is a container of it.
    """
    (folder / "handlers.py").write_text(HANDLERS)
    runner_id = runner_id or f"barometer-test-{secrets.token_hex(4)}"
    given = {"task_root": folder, "runner_port": 0, "runner_id": runner_id, "cloud_endpoint": "http://127.0.0.1:9"}
    values = RunnerSettings(**{**given, "runner_stop_seconds": 0.1, **settings})
    source = Declared(*(dataclasses.replace(function, image=function.image or image) for function in functions))
    log: list[str] = []
    async with AsyncExitStack() as stack:
        launcher: Launcher = ProcessLauncher(folder, region="us-east-1", endpoint=values.cloud_endpoint)
        if image:
            launcher = await stack.enter_async_context(container_launcher(values))
        runner = Runner(source, launcher, values, sink=lambda lines: log.extend(lines.decode().splitlines()))
        events = EventQueue(runner, limit=values.runner_event_queue, retry_seconds=values.runner_event_retry_seconds)
        server = web.AppRunner(LambdaApi(runner, events).application(), shutdown_timeout=values.runner_stop_seconds)
        await server.setup()
        stack.push_async_callback(server.cleanup)
        await web.TCPSite(server, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{server.addresses[0][1]}"
        yield Lab(url, source, runner, lambda_client(url), runner_id, bool(image), log)


def lambda_client(url: str) -> "LambdaClient":
    """An ordinary AWS client that does not hide a refusal behind retries."""
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=20),
    )


def identity(environment: dict[str, Any]) -> tuple[str, int]:
    """Tells environments apart by what they answered: processes by their id, containers by their host's name."""
    return environment["host"], environment["pid"]


def left(runner_id: str) -> list[str]:
    """Ids of the containers that carry a runner's label."""
    return docker("ps", "--all", "--quiet", "--filter", f"label=barometer.runner={runner_id}").split()


async def eventually(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Return once ``condition()`` is true; fail the test if it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
