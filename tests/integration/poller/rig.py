"""A poller as a real process, between a real Redis and a stand-in for Lambda whose functions a test writes."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis, RedisCluster, ResponseError

from barometer.stores.streams import Books, books
from barometer.streams import stream_key

Body = dict[str, Any]
Function = Callable[[list[Body]], Any]
T = TypeVar("T")
# For a test that has a Redis of its own, or whose matter is the function or the batch: a cluster would add nothing.
one_server = pytest.mark.parametrize("rig", ["server"], indirect=True)
ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60.0
REQUEST_ID = "4a7f8b4e-0000-4000-8000-000000000000"


@dataclass
class RefusedError(Exception):
    """What a function raises to have the API refuse the call."""

    status: int
    code: str
    message: str = ""


@dataclass
class HandlerError(Exception):
    """What a function raises to fail as a handler does."""

    error_type: str
    message: str = "no reason"
    stack_trace: tuple[str, ...] = ()


@dataclass
class Call:
    """One invocation that was answered, or is being answered."""

    function: str
    records: list[Body]

    @property
    def ids(self) -> list[str]:
        return [record["messageId"] for record in self.records]


@dataclass
class FakeAws:
    """Lambda's Invoke API and SSM's GetParameter, served on loopback."""

    pipes: Body = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def answer(self, function: str, event: Body) -> tuple[int, dict[str, str], bytes]:
        self.calls.append(Call(function, event["Records"]))
        try:
            said = self.functions[function](event["Records"])
        except HandlerError as error:
            told = {"errorType": error.error_type, "errorMessage": error.message, "stackTrace": error.stack_trace}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(told).encode()
        except RefusedError as error:
            told = {"__type": error.code, "message": error.message or error.code}
            return error.status, {"X-Amzn-ErrorType": error.code}, json.dumps(told).encode()
        return 200, {}, said if isinstance(said, bytes) else json.dumps(said).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    aws: FakeAws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        called = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", self.path)
        if called:
            status, headers, payload = self.aws.answer(called[1], json.loads(body))
        else:
            name = json.loads(body)["Name"]
            parameter = {"Name": name, "Type": "String", "Value": json.dumps(self.aws.pipes)}
            status, headers, payload = 200, {}, json.dumps({"Parameter": parameter}).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            headers |= {"Content-Length": str(len(payload)), "x-amzn-RequestId": REQUEST_ID}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A killed poller leaves broken connections behind; that is the test's doing."""


@dataclass
class Streams:
    """What lies in Redis, by the names that a test uses."""

    client: Redis
    partitions: int = 1

    def add(self, stream: str, *bodies: object, partition: int | None = None) -> list[str]:
        """Add records to one partition; without it, in turn to each. Where there is but one, all at once."""
        with self.client.pipeline(transaction=self.partitions == 1) as pipeline:
            for number, body in enumerate(bodies):
                pipeline.xadd(
                    stream_key(stream, number % self.partitions if partition is None else partition),
                    {"body": body if isinstance(body, bytes) else json.dumps(body)},
                )
            return [entry_id.decode() for entry_id in pipeline.execute()]

    def length(self, stream: str, partition: int | None = None) -> int:
        return sum(self.client.xlen(key) for key in self._keys(stream, partition))

    def bodies(self, stream: str, partition: int | None = None) -> list[Any]:
        return [json.loads(entry[b"body"]) for entry in self._entries(stream, partition)]

    def numbers(self) -> list[int]:
        """The ``n`` of each body in ``posts``."""
        return sorted(body["n"] for body in self.bodies("posts"))

    def letters(self) -> list[dict[str, str]]:
        return [
            {name.decode(): value.decode(errors="replace") for name, value in entry.items()}
            for entry in self._entries("dead", None)
        ]

    def counters(self, partition: int | None = None) -> dict[str, int]:
        total: Counter[str] = Counter()
        for key in self._keys("counters", partition):
            total.update({name.decode(): int(value) for name, value in self.client.hgetall(key).items()})
        return dict(total)

    def pending(self, stream: str, pipe: str, partition: int | None = None) -> int:
        return sum(self.consumers(stream, pipe, partition).values())

    def consumers(self, stream: str, pipe: str, partition: int | None = None) -> dict[str, int]:
        """Each consumer's pending records; none before a poller has made the group."""
        total: Counter[str] = Counter()
        for key in self._keys(stream, partition):
            with contextlib.suppress(ResponseError):
                for consumer in self.client.xinfo_consumers(key, pipe):
                    total[consumer["name"].decode()] += consumer["pending"]
        return dict(total)

    def books(self) -> Books:
        return books(self.client, self.partitions)

    def count_calls_anew(self) -> None:
        for server in self._servers():
            server.config_resetstat()

    def calls(self, command: str) -> int:
        """How often Redis was called with it, on all servers, since they were told to count anew."""
        counts = [server.info("commandstats").get(f"cmdstat_{command}", {"calls": 0}) for server in self._servers()]
        return sum(count["calls"] for count in counts)

    def _servers(self) -> list[Redis]:
        if isinstance(self.client, RedisCluster):
            return [node.redis_connection for node in self.client.get_primaries()]
        return [self.client]

    def _entries(self, stream: str, partition: int | None) -> list[dict[bytes, bytes]]:
        return [entry for key in self._keys(stream, partition) for _, entry in self.client.xrange(key)]

    def _keys(self, stream: str, partition: int | None) -> list[str]:
        return [stream_key(stream, number) for number in (range(self.partitions) if partition is None else [partition])]


@dataclass
class Poller:
    """A running poller process."""

    process: subprocess.Popen[bytes]
    log: Path

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def lines(self) -> list[Body]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def told(self, message: str) -> list[Body]:
        return [line for line in self.lines() if line["message"] == message]

    @property
    def address(self) -> str:
        return str(self.told("polling")[0]["address"])

    @property
    def consumer(self) -> str:
        return str(self.told("polling")[0]["consumer"])

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=5) as response:  # noqa: S310 (loopback http)
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def until(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)  # between two looks
    return value


def deployment(**pipe: object) -> Body:
    """One pipe from ``raw`` through function ``ingest`` to ``posts``; keyword arguments are the pipe's settings."""
    dead = {"OnFailure": {"Destination": "dead"}}
    return {
        "Streams": {
            "raw": {"MaximumLength": 100_000},
            "posts": {"MaximumLength": 100_000},
            "events": {"MaximumLength": 100, "WhenFull": "trim"},
            "dead": {"MaximumLength": 100_000},
        },
        "Pipes": [
            {
                "Name": "ingest",
                "Source": "raw",
                "FunctionName": "ingest",
                "Targets": ["posts", "events"],
                "DestinationConfig": dead,
                **pipe,
            }
        ],
    }


def echo(records: list[Body]) -> Body:
    """The function that sends every record on to ``posts`` as it is."""
    return {"records": [{"from": r["messageId"], "to": "posts", "body": json.loads(r["body"])} for r in records]}


class Rig:
    """One test's whole world; ``start`` puts a poller into it."""

    def __init__(self, aws: FakeAws, streams: Streams, redis_url: str, folder: Path) -> None:
        self.aws = aws
        self.streams = streams
        self.pollers: list[Poller] = []
        self.redis_url = redis_url
        self._folder = folder

    def start(self, *, ready: bool = True, **settings: object) -> Poller:
        """Start a poller; keyword arguments are settings."""
        defaults = {
            "redis_url": self.redis_url,
            "partitions": self.streams.partitions,
            "lambda_endpoint": self.aws.url,
            "metrics_port": 0,
            "lease_seconds": 1.5,
            "retry_base_seconds": 0.01,
            "retry_cap_seconds": 0.1,
            "drain_seconds": 10,
        }
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_SSM": self.aws.url,
            **{f"BAROMETER_{name.upper()}": str(value) for name, value in (defaults | settings).items()},
        }
        log = self._folder / f"poller-{len(self.pollers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.poller"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        poller = Poller(process, log)
        self.pollers.append(poller)
        if ready:
            until(lambda: process.poll() is not None or poller.told("polling"))
            assert process.poll() is None, log.read_text()
        return poller

    def end(self) -> None:
        """Leave no poller behind."""
        for poller in self.pollers:
            if poller.process.poll() is None:
                poller.kill()


@contextlib.contextmanager
def fake_aws() -> Iterator[FakeAws]:
    """The stand-in, serving."""
    fake = FakeAws()
    handler = type("Handler", (_Handler,), {"aws": fake})
    with _Server(("127.0.0.1", 0), handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()
