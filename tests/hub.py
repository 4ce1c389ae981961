"""A Hugging Face Hub on a port of this machine: what its client asks to download a repository, over folders."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A running one: where it is, and the paths that were asked for."""

    url: str
    asked: list[str]


@contextmanager
def hub(repositories: Mapping[str, Path], fault: int | None = None) -> Iterator[Hub]:
    """Serve ``repositories``, each with one commit; or answer everything with the status ``fault``."""
    server = _Server(repositories, fault)
    running = Hub(f"http://127.0.0.1:{server.server_port}", server.asked)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, repositories: Mapping[str, Path], fault: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.fault = fault
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = next((name for name in self.server.repositories if f"/{name}/" in self.path), None)
        if self.server.fault:
            self._say(self.server.fault, b"{}")
        elif found is None:
            self._say(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        else:
            self._answer(found, self.path.partition("?")[0])

    do_HEAD = do_GET  # noqa: N815 (as http.server calls it)

    def _answer(self, name: str, path: str) -> None:
        folder = self.server.repositories[name]
        files = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
        if path.startswith(f"/api/models/{name}/revision/"):
            if path.rsplit("/", 1)[1] not in {"main", COMMIT}:
                self._say(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
                return
            self._say(200, json.dumps({"id": name, "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith(f"/api/models/{name}/tree/"):
            tree = [
                {"type": "file", "path": path, "size": file.stat().st_size, "oid": _tag(file)}
                for path, file in files.items()
            ]
            self._say(200, json.dumps(tree).encode())
        else:
            file = files[path.removeprefix(f"/{name}/resolve/{COMMIT}/")]
            self._say(200, file.read_bytes(), {"ETag": f'"{_tag(file)}"', "X-Repo-Commit": COMMIT})

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


def _tag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
