"""The dashboard's files, as a single-page application is served.

A path of the application itself is answered with ``index.html``, which is asked for again each time; a file whose name
holds its content's hash never changes and may be kept for ever. Whoever comes by another name of this machine
(``localhost``) is sent to the public origin: from any other, the socket would refuse the page.
"""

from pathlib import Path

from aiohttp import web
from yarl import URL

from infra.local.front_door.problems import problem

# Vite puts what it hashes here, and nothing else.
_HASHED = "assets"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
# Only these are sent on, and only to each other: behind a proxy, any other Host may be the proxy's own doing.
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Dashboard:
    """Serves the built dashboard.

    Args:
        folder: what ``npm run build`` wrote.
        origin: where browsers find it.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder = folder.resolve()
        self._origin = URL(origin).origin()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer GET and HEAD of any path outside the APIs."""
        index = self._folder / "index.html"
        if not index.is_file():
            return problem(503, "the dashboard is not built; `make setup` builds it. The API is there, under /api.")
        path = request.match_info["path"]
        file = self._file(path)
        if file is not None:
            hashed = file.parent.parent == self._folder and file.parent.name == _HASHED
            return web.FileResponse(file, headers={"Cache-Control": _FOR_EVER if hashed else _ASK_AGAIN})
        if "." in path.rpartition("/")[2]:
            # A file that is not there, perhaps of an older build; a page in its place would only break elsewhere.
            return problem(404, f"there is no file /{path}")
        if self._comes_by_another_name(request):
            return web.Response(status=307, headers={"Location": str(self._origin.join(request.rel_url))})
        return web.FileResponse(index, headers={"Cache-Control": _ASK_AGAIN})

    def _comes_by_another_name(self, request: web.Request) -> bool:
        try:
            host = URL(f"http://{request.host}")
        except ValueError:
            return False
        return (
            {host.host, self._origin.host} <= _LOOPBACK
            and host.host != self._origin.host
            and host.port == self._origin.port
        )

    def _file(self, path: str) -> Path | None:
        """The file under the folder that ``path`` names, if it names one; links do not lead out either."""
        if not path or "\0" in path:
            return None
        try:
            file = (self._folder / path).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        except OSError:
            # A name longer than the file system takes.
            return None
