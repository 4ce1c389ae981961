"""A language model's provider on this machine: speaks Groq's, OpenAI's and Anthropic's protocols, on good days and bad.

What it answers is decided by ``mind`` (a score for each post) and, for one request each, by what lies in ``days``.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from barometer.analyzers.llm.isolation import _GLAD, _SAD
from barometer.scores import EMOTIONS, SENTIMENTS

KEY = "sk-secret-0123456789"
Scores = list[dict[str, Any]]
PATHS = {"openai": "/v1/chat/completions", "groq": "/openai/v1/chat/completions", "anthropic": "/v1/messages"}


def score(id_: str, sentiment: str, emotion: str = "neutral") -> dict[str, Any]:
    def parts(labels: tuple[str, ...], label: str, most: int) -> dict[str, int]:
        rest = (100 - most) // (len(labels) - 1)
        parts = dict.fromkeys(labels, rest)
        return parts | {label: 100 - rest * (len(labels) - 1)}

    return {"id": id_, "sentiment": parts(SENTIMENTS, sentiment, 80), "emotion": parts(EMOTIONS, emotion, 70)}


def mood_of(text: str) -> str:
    if text in _GLAD or "gut" in text:
        return "positive"
    return "negative" if text in _SAD or "schlecht" in text else "neutral"


def sober(posts: list[dict[str, str]]) -> Scores:
    """Measures each post by itself."""
    return [score(post["id"], mood_of(post["text"])) for post in posts]


@dataclass
class Day:
    """What happens to one request, if not the usual: an error, a wrong answer, silence."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    text: Callable[[Scores], str] | None = None
    ending: str = "stop"
    hangs: bool = False
    hangs_up: bool = False


@dataclass
class FakeProvider:
    """What was asked of it, and how it answers."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    usual: Day = field(default_factory=Day)
    refused_forms: set[str] = field(default_factory=set)
    refused_word: str = ""
    mind: Callable[[list[dict[str, str]]], Scores] = sober
    tokens: tuple[int, int] | None = (1_000, 100)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def base_url(self, provider: str) -> str:
        return f"{self.url}/v1" if provider == "openai" else self.url

    def asked(self) -> list[list[str]]:
        """The texts of each request, without our own controls."""
        return [
            [post["text"] for post in document(body)["posts"] if post["text"] not in (*_GLAD, *_SAD)]
            for body in self.requests
        ]


def document(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the user's message."""
    (message,) = (message for message in body["messages"] if message["role"] == "user")
    parsed: dict[str, Any] = json.loads(message["content"])
    return parsed


def form_of(body: dict[str, Any]) -> str:
    """How the JSON was asked for."""
    if "output_config" in body:
        return "schema"
    wanted = body.get("response_format", {})
    if wanted.get("type") == "json_schema":
        return "strict" if wanted["json_schema"]["strict"] else "schema"
    return "object" if wanted else "plain"


def error_body(path: str, code: str) -> bytes:
    message = f"about your key {KEY}"
    if path == PATHS["anthropic"]:
        return json.dumps({"type": "error", "error": {"type": code, "message": message}}).encode()
    return json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()


def answer_body(path: str, text: str, day: Day, tokens: tuple[int, int] | None) -> bytes:
    if path == PATHS["anthropic"]:
        into, out = tokens or (0, 0)
        ending = {"stop": "end_turn", "length": "max_tokens"}[day.ending]
        return json.dumps({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None,
            "content": [{"type": "text", "text": text}], "stop_reason": ending,
            "usage": {"input_tokens": into, "output_tokens": out},
        }).encode()  # fmt: skip
    usage = tokens and {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
        "choices": [{"index": 0, "finish_reason": day.ending, "message": {"role": "assistant", "content": text}}],
    }).encode()  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    fake: FakeProvider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("x-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        with fake.lock:
            day = fake.days.pop(0) if fake.days else fake.usual
            fake.requests.append(body)
            fake.keys.append(key)
        if day.hangs or day.hangs_up:
            if day.hangs:
                fake.ended.wait(60)
            self.close_connection = True
            return
        if self.path not in PATHS.values():
            self._reply(404, {}, error_body(self.path, "no_such_path"))
        elif day.status != 200:
            self._reply(day.status, day.headers, error_body(self.path, "some_error") if day.body is None else day.body)
        elif form_of(body) in fake.refused_forms or (fake.refused_word and fake.refused_word in str(body)):
            self._reply(400, {}, error_body(self.path, "unsupported_form"))
        elif day.body is not None:
            self._reply(200, {}, day.body)
        else:
            scores = fake.mind(document(body)["posts"])
            text = day.text(scores) if day.text else json.dumps({"scores": scores})
            self._reply(200, {}, answer_body(self.path, text, day, fake.tokens))

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_arguments: object) -> None:
            """A client that hangs up is no news."""

    class Handler(_Handler):
        pass

    server = Server(("127.0.0.1", 0), Handler)
    fake = FakeProvider(f"http://127.0.0.1:{server.server_address[1]}")
    Handler.fake = fake
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
