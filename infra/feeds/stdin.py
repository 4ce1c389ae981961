"""Standard input as a feed: one post a line, as JSON, or as bare text."""

import asyncio
import threading
from collections.abc import AsyncGenerator

from barometer.errors import InvalidInputError
from infra.feeds.lines import MOST_LINE_BYTES, Line, lines
from infra.feeds.source import RawPostJson, read_json

_END = None
_READ_AHEAD = 500


class StdinFeed:
    """Reads in a thread of its own, since a pipe may be silent for as long as it likes.

    Args:
        descriptor: what to read, a line at a time.
        source: source of the posts that name none.
        text: whether a line is a post's text; else it is the JSON of a ``RawPost``.
    """

    name = "stdin"

    def __init__(self, descriptor: int = 0, *, source: str = "stdin", text: bool = False) -> None:
        self._descriptor, self._source, self._text = descriptor, source, text

    async def posts(self) -> AsyncGenerator[RawPostJson | InvalidInputError, None]:
        """Its posts until the input ends; blank lines are skipped."""
        queue: asyncio.Queue[Line | None] = asyncio.Queue(_READ_AHEAD)
        # A daemon: a read that never returns must not hold up the end of the process.
        threading.Thread(target=self._read, args=(queue, asyncio.get_running_loop()), daemon=True).start()
        while (line := await queue.get()) is not _END:
            if line.data is None:
                yield InvalidInputError("", f"line {line.number} is longer than {MOST_LINE_BYTES:,} bytes")
            elif line.data.strip():
                yield self._post(line.number, line.data)

    def _read(self, queue: asyncio.Queue[Line | None], loop: asyncio.AbstractEventLoop) -> None:
        # Not sys.stdin: the interpreter aborts when it closes that while a thread reads it.
        file = open(self._descriptor, "rb", closefd=False)  # noqa: SIM115 (a descriptor; it ends with us)
        try:
            for line in lines(file):
                asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(queue.put(_END), loop).result()
        except RuntimeError:
            return  # the loop has closed: nobody listens any more

    def _post(self, number: int, data: bytes) -> RawPostJson | InvalidInputError:
        try:
            body = {"text": data.decode()} if self._text else read_json(data)
        except InvalidInputError as error:
            return InvalidInputError(error.field, f"line {number} {error.reason}")
        except UnicodeDecodeError as error:
            return InvalidInputError("", f"line {number} is not valid UTF-8 at byte {error.start + 1}")
        body.setdefault("source", self._source)
        return body
