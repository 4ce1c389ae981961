"""The API, socket and push handlers on a real Postgres and Redis, and a stand-in for what only AWS has.

The stand-in answers the calls that leave this machine: SSM's GetParameter, API Gateway's @connections, and Lambda's
Invoke, which has the real ``infer`` answer unless a test says otherwise.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
import psycopg
import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters import base as parameters_base

from barometer.scores import SENTIMENTS
from barometer.settings import settings
from barometer.stores import keys, postgres, redis, sockets

DEPLOYMENT = {
    "Streams": {
        **{name: {"MaximumLength": 50} for name in ("raw", "posts", "scored", "stored")},
        "dead": {"MaximumLength": 1_000},
        **{name: {"MaximumLength": 50, "WhenFull": "trim"} for name in ("events", "metrics", "alerts")},
    },
    "Pipes": [
        {
            "Name": "ingest",
            "Source": "raw",
            "FunctionName": "barometer-ingest",
            "Targets": ["posts"],
            "DestinationConfig": {"OnFailure": {"Destination": "dead"}},
        }
    ],
}


@dataclass
class Aws:
    """What the stand-in was told, and what it is to answer."""

    url: str = ""
    deployment: dict[str, Any] = field(default_factory=lambda: DEPLOYMENT)
    frames: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def socket_endpoint(self) -> str:
        return f"{self.url}/_aws/execute-api/socket/live"


def _handler(aws: Aws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A reply in two packets waits 40 ms for the first to be acknowledged, unless told not to.
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("x-amz-target") == "AmazonSSM.GetParameter":
                value = {"Name": json.loads(body)["Name"], "Type": "String", "Value": json.dumps(aws.deployment)}
                return self._answer(200, json.dumps({"Parameter": value}).encode())
            if self.path.endswith("/invocations"):
                from functions.infer.app import handler

                event = json.loads(body)
                aws.invoked.append((self.path.split("/")[3], event))
                return self._answer(200, json.dumps(handler(event, Context())).encode())
            connection = unquote(self.path.rpartition("/")[2])
            with aws.lock:
                status = aws.statuses.get(connection, 200)
                if status == 200:
                    aws.sizes.append(len(body))
                    aws.frames.setdefault(connection, []).append(json.loads(body))
            return self._answer(status, b"" if status == 200 else b'{"message":"no"}')

        def do_DELETE(self):
            with aws.lock:
                aws.closed.append(unquote(self.path.rpartition("/")[2]))
            self._answer(204, b"")

        def _answer(self, status: int, body: bytes):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object):
            pass

    return Handler


@pytest.fixture
def aws() -> Iterator[Aws]:
    standing = Aws()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(standing)) as server:
        server.daemon_threads = True
        standing.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield standing
        server.shutdown()
        thread.join(5)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, redis_url: str, aws: Aws
) -> Iterator[pytest.MonkeyPatch]:
    """A function's environment, and a process in which nothing is remembered from the test before."""
    for name, value in {
        "BAROMETER_DATABASE_URL": postgres_url,
        "BAROMETER_REDIS_URL": redis_url,
        "BAROMETER_SOCKET_ENDPOINT": aws.socket_endpoint,
        "BAROMETER_PUBLIC_ORIGIN": "http://127.0.0.1:8000",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield monkeypatch
    with closing(postgres.pool(postgres_url)):
        redis.connect(redis_url).close()
    _forget()


def _forget() -> None:
    # Functions read their settings at cold start: that is now, so that a test may still change a variable.
    import functions.api.app
    import functions.infer.app
    import functions.push.app
    import functions.socket.app  # noqa: F401 (for its cold start)
    from functions.api import scoring

    for remembered in (settings, postgres.pool, redis.connect, sockets.sockets, scoring.functions):
        remembered.cache_clear()
    parameters.clear_caches()
    parameters_base.DEFAULT_PROVIDERS.clear()


@pytest.fixture
def make_key(postgres_url: str) -> Callable[..., keys.CreatedKey]:
    def make(*scopes: str, name: str = "test") -> keys.CreatedKey:
        with psycopg.connect(postgres_url) as connection:
            return keys.create_key(connection, name, scopes)

    return make


class Context:
    """As much of Lambda's context as the handlers read."""

    function_name = "barometer-test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:barometer-test"
    aws_request_id = "2f1e6f4e-0000-4000-8000-000000000000"


@pytest.fixture
def context() -> Context:
    return Context()


@dataclass
class Answer:
    """What API Gateway would make of a handler's answer."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def faults(self) -> list[tuple[str, str]]:
        assert self.headers["content-type"] == "application/problem+json", self.text
        assert self.json["status"] == self.status
        return [(fault["field"], fault["reason"]) for fault in self.json["errors"]]


Call = Callable[..., Answer]


@pytest.fixture
def call(environment: pytest.MonkeyPatch, main_loop: None, context: Context) -> Call:  # noqa: ARG001 (for what they do)
    """Calls the API's handler as API Gateway would, with the event that ministack makes: no ``cookies``."""
    from functions.api.app import handler

    def request(
        method: str,
        path: str,
        body: object = None,
        *,
        key: keys.CreatedKey | None = None,
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        sent = {"host": "127.0.0.1:8000", **(headers or {})}
        if key is not None:
            sent["authorization"] = f"Bearer {key.secret_text}"
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "ANY /api/{proxy+}",
            "rawPath": path,
            "rawQueryString": urlencode(query),
            "headers": sent,
            "requestContext": {
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
                "requestId": "request",
                "stage": "$default",
            },
            "isBase64Encoded": isinstance(body, bytes),
        }
        if body is not None:
            sent.setdefault("content-type", "application/json")
            event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else json.dumps(body)
        answer = handler(event, context)
        assert not answer["isBase64Encoded"]
        return Answer(answer["statusCode"], answer["headers"], answer.get("cookies", []), answer["body"])

    return request


@pytest.fixture
def stored(postgres_url: str, redis_url: str) -> Callable[..., list[str]]:
    """Puts posts into the database by the aggregate step, oldest first, a second apart; gives their ids."""
    from barometer.events import StreamEvent
    from barometer.posts import Post, ScoredPost
    from barometer.scores import Distribution, Score
    from barometer.steps.aggregate import aggregate
    from barometer.stores.cache import Cache

    def store(
        *texts: str,
        source: str = "test",
        author: str | None = None,
        topics: Sequence[str] = (),
        minutes_ago: int = 2,
        shares: tuple[int, int, int] = (7_000, 2_000, 1_000),
    ) -> list[str]:
        with psycopg.connect(postgres_url) as connection:
            for topic in topics:
                connection.execute("INSERT INTO topics (name, query) VALUES (%s, 'x') ON CONFLICT DO NOTHING", (topic,))
        began = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        label = SENTIMENTS[shares.index(max(shares))]
        score = Score(Distribution(label, shares), None, "test")
        posts = [
            Post(
                id=str(uuid.uuid4()),
                receipt=uuid.uuid4().hex,
                text=text,
                source=source,
                source_id=None,
                author=author,
                created_at=(began + timedelta(seconds=n)).isoformat(),
                received_at=datetime.now(UTC).isoformat(),
                url=None,
                lang="en",
                topics=list(topics),
                metadata=None,
            )
            for n, text in enumerate(texts)
        ]
        records = [
            {
                "messageId": f"{n}-0",
                "body": orjson.dumps(ScoredPost(post, score).as_json()).decode(),
                "stream": "scored",
                "attributes": {"SentTimestamp": "0"},
            }
            for n, post in enumerate(posts)
        ]
        result = aggregate(
            StreamEvent.model_validate({"Records": records}), postgres_url, Cache(redis.connect(redis_url), 60)
        )
        assert not result.rejections
        return [post.id for post in posts]

    return store
