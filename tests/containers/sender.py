"""A client that never stops: sends posts, sends them again where it got no answer, keeps what was acknowledged."""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx

_POSTS = 5
_PAUSE_SECONDS = 0.1
_ASK_SECONDS = 15.0


class Sender:
    """Posts of one source, until the block ends.

    Args:
        url: of the front door.
        key: of a client that may write.
    """

    def __init__(self, url: str, key: str) -> None:
        self.source = f"sender-{secrets.token_hex(4)}"
        self.acknowledged: list[str] = []
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(_ASK_SECONDS)
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=2 * _ASK_SECONDS)
        self._client.close()
        assert not self._thread.is_alive(), "the sender hangs"

    def _send(self) -> None:
        number = 0
        while not self._stop.is_set():
            ids = [f"{self.source}-{number + index}" for index in range(_POSTS)]
            posts = [{"text": f"What a day, number {one}", "source": self.source, "source_id": one} for one in ids]
            if self._taken(posts):
                self.acknowledged += ids
                number += _POSTS
            self._stop.wait(_PAUSE_SECONDS)

    def _taken(self, posts: list[dict[str, str]]) -> bool:
        # No answer, or that of somebody on the way: the same posts are sent again, and counted once.
        with contextlib.suppress(httpx.TransportError):
            return self._client.post("/api/posts", json={"posts": posts}).status_code == httpx.codes.ACCEPTED
        return False


def stored(client: httpx.Client, source: str) -> Iterator[str]:
    """The ``source_id`` of every stored post of a source."""
    cursor: str | None = None
    while True:  # ends with the last page
        query: dict[str, str | int] = {"source": source, "limit": 200} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/posts", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from (post["source_id"] for post in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return
