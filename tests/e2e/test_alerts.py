"""An alert, from posts to the webhook that is told, and back to calm."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.stack import Stack, wait_for


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and what was sent to it."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_rule_fires_once_when_the_mood_turns_and_resolves_when_it_is_over(
    stack: Stack, source: str, webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, told = webhook
    stack.post("/api/topics", {"name": source, "query": source}, status=201)
    rule = {"name": source, "topic": source, "threshold": 0.5, "minimum_posts": 10, "window_seconds": 300}
    stack.post("/api/rules", rule | {"webhook_url": url}, status=201)

    def said(text: str) -> int:
        """Send ten posts that say so; how many of the topic there are."""
        stack.post("/api/posts", {"posts": [{"text": f"{source} {text}", "source": source}] * 10})
        return stack.get("/api/summary", topic=source, window="1h")["posts"]

    # A topic is picked up within seconds: posts are sent until some have it.
    wait_for(lambda: said("is a horrible, terrible failure and I hate it") >= 20, "posts have the topic")
    wait_for(lambda: [note["transition"] for note in told] == ["fired"], "the webhook is told that it fires")
    [alert] = [alert for alert in stack.get("/api/alerts", state="firing")["items"] if alert["topic"] == source]
    assert alert["value"] > 0.5

    wait_for(lambda: said("is wonderful, I love it, great, brilliant") and len(told) == 2, "it resolves", seconds=60)
    assert [note["transition"] for note in told] == ["fired", "resolved"]
    resolved = stack.get("/api/alerts", state="resolved")["items"]
    assert alert["id"] in {other["id"] for other in resolved}
