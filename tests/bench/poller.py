"""How many records a second the poller moves, with a function that only echoes: ``python -m tests.bench.poller``.

Everything is on this machine: a Redis, an echo that speaks Lambda's Invoke API in a process of its own, and pollers.
All records are there at once when all pollers are waiting. Beside each batch size stands what the same Redis does by
itself in the same run (``redis_rates``).
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
from aiohttp import web
from redis import Redis, ResponseError
from rich.console import Console
from rich.table import Table

from barometer.streams import stream_key
from infra.local.services import redis_service
from tests.bench.redis_rates import Rates, rates

ROOT = Path(__file__).parents[2]
BODY = orjson.dumps({"receipt": "0" * 32, "post": {"text": "The quick brown fox jumps over the lazy dog. " * 4}})
# All records in one step, so that no poller has a lead.
FILL = "for _ = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'body', ARGV[2]) end"
PATIENCE_SECONDS = 300


def _pipes(batch_size: int, factor: int) -> str:
    return json.dumps(
        {
            "Streams": {name: {"MaximumLength": 10_000_000} for name in ("raw", "posts", "dead")},
            "Pipes": [
                {
                    "Name": "bench",
                    "Source": "raw",
                    "FunctionName": "echo",
                    "Targets": ["posts"],
                    "BatchSize": batch_size,
                    "ParallelizationFactor": factor,
                    "DestinationConfig": {"OnFailure": {"Destination": "dead"}},
                }
            ],
        }
    )


def _serve(listening: socket.socket, pipes: str) -> None:
    async def invoke(request: web.Request) -> web.Response:
        records = orjson.loads(await request.read())["Records"]
        outputs = [
            {"from": record["messageId"], "to": "posts", "body": orjson.loads(record["body"])} for record in records
        ]
        return web.Response(body=orjson.dumps({"records": outputs}))

    async def parameter(_: web.Request) -> web.Response:
        return web.json_response({"Parameter": {"Name": "pipes", "Type": "String", "Value": pipes}})

    app = web.Application(client_max_size=16_000_000)
    app.router.add_post("/2015-03-31/functions/echo/invocations", invoke)
    app.router.add_post("/", parameter)
    web.run_app(app, sock=listening, print=None, loop=asyncio.new_event_loop())


@contextlib.contextmanager
def _echo(pipes: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = multiprocessing.Process(target=_serve, args=(listening, pipes), daemon=True)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.terminate()
            server.join()


@contextlib.contextmanager
def _redis() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="baro-"))
    service = redis_service(folder, fsync="everysec")
    process = subprocess.Popen(service.command, stdout=subprocess.DEVNULL, **service.identity())
    try:
        service.wait_ready(lambda: process.poll() is None)
        yield service.url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


@contextlib.contextmanager
def _poller(redis_url: str, endpoint: str) -> Iterator[psutil.Process]:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_SSM": endpoint,
        "BAROMETER_LAMBDA_ENDPOINT": endpoint,
        "BAROMETER_REDIS_URL": redis_url,
        "BAROMETER_METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "infra.poller"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class Moved:
    """One run: records a second from the first to the last, and the cores that the pollers took meanwhile."""

    batch_size: int
    pollers: int
    records: int
    rate: float
    cores: float
    redis: Rates


def measure(batch_size: int, factor: int, pollers: int, records: int) -> Moved:
    """Move so many records."""
    with _redis() as url, _echo(_pipes(batch_size, factor)) as endpoint, Redis.from_url(url) as client:
        alone = rates(url, batch_size, BODY)
        with contextlib.ExitStack() as running:
            processes = [running.enter_context(_poller(url, endpoint)) for _ in range(pollers)]
            _wait(lambda: _consumers(client) == pollers, "all pollers are waiting for records")
            client.eval(FILL, 1, stream_key("raw", 0), records, BODY)
            began, busy = time.perf_counter(), _cpu(processes)
            _wait(lambda: client.xlen(stream_key("posts", 0)) == records, f"{records:,} records came through")
            took = time.perf_counter() - began
            return Moved(batch_size, pollers, records, records / took, (_cpu(processes) - busy) / took, alone)


def _consumers(client: Redis) -> int:
    try:
        return len(client.xinfo_consumers(stream_key("raw", 0), "bench"))
    except ResponseError:  # no group yet
        return 0


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.01)  # between two looks


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def main() -> None:
    """Measure each batch size with one poller, and one of them with several."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100, 1_000])
    parser.add_argument("--factor", type=int, default=2, help="the pipe's ParallelizationFactor")
    parser.add_argument("--pollers", type=int, default=4, help="how many share the work in the last run")
    parser.add_argument("--shared", type=int, default=100, help="the batch size of the last run")
    parser.add_argument("--records", type=int, default=50_000)
    options = parser.parse_args()
    table = Table(
        *("batch", "pollers", "records", "records/s", "cores", "µs/record", "XADD/s", "XREADGROUP/s"),
        box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for column in table.columns:
        column.justify = "right"
    by = ""
    for size, pollers in [*((size, 1) for size in options.sizes), (options.shared, options.pollers)]:
        moved = measure(size, options.factor, pollers, min(options.records, size * 2_000))
        by = moved.redis.by
        table.add_row(
            f"{moved.batch_size:,}", f"{moved.pollers}", f"{moved.records:,}", f"{moved.rate:,.0f}",
            f"{moved.cores:.2f}", f"{1e6 * moved.cores / moved.rate:.0f}",
            f"{moved.redis.xadd:,.0f}", f"{moved.redis.xreadgroup:,.0f}",
        )  # fmt: skip
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"the poller alone, {os.cpu_count()} CPUs, a function that only echoes {len(BODY)} bytes:")
    console.print(table)
    console.print(f"XADD (pipelined) and XREADGROUP in records/s, with as many at once as the batch has: {by}")


if __name__ == "__main__":
    main()
