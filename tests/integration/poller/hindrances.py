"""What a test puts in the way: a gate in a function, a wire to Redis that can be held up or cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.integration.poller.rig import Body, echo


class Gate:
    """A function that waits, in its first calls, until the test lets it go on."""

    def __init__(self, calls: int) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self._left = calls

    def __call__(self, records: list[Body]) -> Body:
        self._left -= 1
        if self._left >= 0:
            self.entered.release()
            self.open.wait(120)
        return echo(records)


class Wire:
    """A TCP way on loopback to a Redis.

    While ``there`` is not set, what is sent stays on the way and arrives once it is; ``back`` does the same to replies.
    ``leads_to`` may be changed, as a name may in the DNS: for the connections that are made from then on.
    """

    def __init__(self, listener: socket.socket, redis_url: str) -> None:
        self.url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        self.there, self.back = threading.Event(), threading.Event()
        self.there.set()
        self.back.set()
        self.held: list[bytes] = []
        self.leads_to = redis_url
        self._listener = listener
        self._is_cut = False
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Close every connection, and each that is tried."""
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections be made again."""
        self.there.set()
        self.back.set()
        self._is_cut = False

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                try:
                    server = self._connect()
                except ConnectionError:  # nobody is there
                    client.close()
                    continue
                self._ends += client, server
                for pump in ((client, server, self.there), (server, client, self.back)):
                    threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _connect(self) -> socket.socket:
        to = urlsplit(self.leads_to)
        if to.scheme == "redis":
            return socket.create_connection((to.hostname, to.port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(to.path)
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, may: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                self.held.append(data)
                may.wait(120)
                self.held.remove(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def wire_to(redis_url: str) -> Iterator[Wire]:
    """A wire, whole; cut at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener, redis_url)
        yield wire
        wire.mend()
        wire.cut()
