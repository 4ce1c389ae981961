"""How many records a second the poller moves, with a function that only echoes: ``python -m tests.bench.poller``.

Everything is on this machine: a Redis, an echo that speaks Lambda's Invoke API in a process of its own, and pollers.
Prints a line for each batch size: records a second, and the share of one core that the poller took.
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
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
from aiohttp import web
from redis import Redis

from barometer.streams import stream_key
from infra.local.services import redis_service

ROOT = Path(__file__).parents[2]
BODY = orjson.dumps({"receipt": "0" * 32, "post": {"text": "The quick brown fox jumps over the lazy dog. " * 4}})
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


def measure(batch_size: int, factor: int, pollers: int, records: int) -> tuple[float, float]:
    """Records a second from the first to the last, and the pollers' share of one core meanwhile."""
    with _redis() as url, _echo(_pipes(batch_size, factor)) as endpoint, Redis.from_url(url) as client:
        for start in range(0, records, 1_000):
            with client.pipeline(transaction=False) as pipeline:
                for _ in range(start, min(records, start + 1_000)):
                    pipeline.xadd(stream_key("raw", 0), {"body": BODY})
                pipeline.execute()
        with contextlib.ExitStack() as running:
            processes = [running.enter_context(_poller(url, endpoint)) for _ in range(pollers)]
            _wait(client, 1)
            began, busy, done = time.perf_counter(), _cpu(processes), client.xlen(stream_key("posts", 0))
            _wait(client, records)
            took = time.perf_counter() - began
            return (records - done) / took, (_cpu(processes) - busy) / took


def _wait(client: Redis, length: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.xlen(stream_key("posts", 0)) < length:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{length:,} records did not come through in {PATIENCE_SECONDS} s")
        time.sleep(0.01)  # between two looks


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def main() -> None:
    """Measure each batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100, 1_000])
    parser.add_argument("--factor", type=int, default=2)
    parser.add_argument("--pollers", type=int, default=1)
    parser.add_argument("--records", type=int, default=50_000)
    options = parser.parse_args()
    for size in options.sizes:
        records = min(options.records, size * 2_000)
        rate, share = measure(size, options.factor, options.pollers, records)
        sys.stdout.write(
            f"batch {size:>5,}  factor {options.factor}  pollers {options.pollers}  {records:>7,} records"
            f"  {rate:>8,.0f} records/s  {share:>4.0%} of a core  {share / rate * 1e6:>6.1f} µs a record\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
