"""A database for alerts, and a webhook that keeps what it hears."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from barometer.stores import postgres
from tests.integration.alerting.mood import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            state.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            state.ids.append(self.headers["barometer-notification"])
            status = state.statuses.pop(0) if state.statuses else 204
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{state.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    postgres.pool(postgres_url).close()
