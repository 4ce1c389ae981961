"""What the poller says of itself: ``/metrics`` for Prometheus, and ``/healthz``.

Both are served from a thread of their own, so that they answer even when the event loop does not; health is then told
by how long ago the loop last heard from Redis.
"""

import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from barometer.errors import SettingsError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BATCH_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
INVOKE_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# Redis is asked every couple of seconds; several silent ones in a row are an outage.
SILENT_SECONDS = 15.0


class Meters:
    """Every meter of the poller. Gauges are of one partition, the rest of a pipe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.lag = self._gauge("lag_records", "Records that no poller has taken yet")
        self.pending = self._gauge("pending_records", "Records that pollers hold")
        self.oldest = self._gauge("oldest_age_seconds", "How long the oldest unfinished record has been waiting")
        self.in_flight = self._gauge("in_flight_records", "Records that this poller holds")
        self.flights = self._gauge("flights", "Calls that may be in flight at once, as the function bears them")
        self.backpressure = self._gauge("backpressure", "1 while reading rests because a target is full")
        self.batch_size = Histogram(
            "barometer_poller_batch_records",
            "Records in an invocation",
            ["pipe"],
            buckets=BATCH_SIZES,
            registry=self.registry,
        )
        self.invoke = Histogram(
            "barometer_poller_invoke_seconds",
            "How long an invocation took",
            ["pipe", "outcome"],
            buckets=INVOKE_SECONDS,
            registry=self.registry,
        )
        self.ended = self._counter("ended_records", "Records that a commit acknowledged")
        self.written = self._counter("written_records", "Records that a commit wrote to a next stream")
        self.duplicates = self._counter("duplicate_records", "Outputs not written because their key was seen")
        self.retries = self._counter("retried_records", "Attempts that failed and will be repeated")
        self.filtered = self._counter("filtered_records", "Records that no filter let through to the function")
        self.letters = self._counter("dead_letters", "Records that died", "kind")
        self.lost = self._counter("lost_records", "Records that another poller had taken over before the commit")
        self.taken_over = self._counter("taken_over_records", "Records taken over from a poller that let its lease go")
        self.losses = Counter(
            "barometer_poller_redis_lost_records",
            "What Redis lost: accepted posts not even counted any more, and unfinished records",
            ["partition", "what"],
            registry=self.registry,
        )
        self.faults = self._counter("redis_errors", "Calls of Redis that failed")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"barometer_poller_{name}", text, ["pipe", "partition"], registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"barometer_poller_{name}", text, ["pipe", *labels], registry=self.registry)


class Health:
    """Whether the poller does its work: it has heard from Redis lately. Read by the serving thread."""

    def __init__(self) -> None:
        self._heard = 0.0
        self._draining = False

    def heard(self) -> None:
        """Redis answered just now."""
        self._heard = time.monotonic()

    def drain(self) -> None:
        """The poller takes nothing new."""
        self._draining = True

    def status(self) -> tuple[bool, str]:
        """Whether it is healthy, and in a word."""
        if self._draining:
            return False, "draining"
        if time.monotonic() - self._heard > SILENT_SECONDS:
            return False, "redis does not answer"
        return True, "ok"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 (the base class's own signature)
        """Scrapes are not worth a line each."""


def serve(host: str, port: int, meters: Meters, health: Health) -> tuple[str, Callable[[], None]]:
    """Serve both pages until the second of what is returned is called; the first is the address.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    metrics = make_wsgi_app(meters.registry)

    def pages(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return cast("Iterable[bytes]", metrics(environ, start))
        if path == "/healthz":
            healthy, word = health.status()
            start("200 OK" if healthy else "503 Service Unavailable", [("Content-Type", "application/json")])
            return [orjson.dumps({"status": word})]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics or /healthz\n"]

    try:
        server = make_server(host, port, pages, server_class=_Server, handler_class=_Silent)
    except OSError as error:
        raise SettingsError(f"BAROMETER_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="telemetry", daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return f"http://{host}:{server.server_port}", close
