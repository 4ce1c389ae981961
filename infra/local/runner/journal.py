"""What one environment logs: its function's own lines between Lambda's START, END and REPORT.

Every line goes out whole and under its function's name, so that the runner's one output can be read, and searched, as
many log streams.
"""

import contextlib
import sys
from collections.abc import Callable

from infra.local.runner.functions import LATEST, Function

# Lambda's LogResult is the last 4 KB.
TAIL_BYTES = 4096
# A line longer than this goes out in parts: what waits for its end is held in memory.
LONGEST_LINE = 64 * 1024

Sink = Callable[[bytes], None]


def to_stdout(lines: bytes) -> None:
    """Write to our own stdout; a reader that is gone takes the lines with it, not the requests."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()


class Journal:
    """The log of one environment.

    Args:
        function: whose.
        number: of the environment, to tell it from its siblings.
        sink: takes whole lines.
    """

    def __init__(self, function: Function, number: int, sink: Sink) -> None:
        self._function = function
        self._prefix = f"{function.name}[{number}] ".encode()
        self._sink = sink
        self._partial = b""
        self._tail = bytearray()

    def write(self, output: bytes) -> None:
        """Take what the function wrote, be it whole lines or not."""
        lines, newline, rest = (self._partial + output).rpartition(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, newline, rest = self._partial + output, b"\n", b""
        self._partial = rest
        if newline:
            self._emit(lines)

    def start(self, request_id: str) -> None:
        """A request begins."""
        self._tail.clear()
        self._emit(f"START RequestId: {request_id} Version: {LATEST}".encode())

    def note(self, line: str) -> None:
        """Something that Lambda has to say between a function's own lines."""
        self._emit(line.encode())

    def end(self, request_id: str, *, seconds: float, memory: int, init_seconds: float | None, status: str) -> None:
        r"""A request has ended.

        Args:
            request_id: its id.
            seconds: that it took, without the start of the environment.
            memory: most bytes of memory seen.
            init_seconds: that the environment took to start, if it started for this request.
            status: ``""`` or Lambda's words for what went wrong, as ``timeout`` or ``error\tError Type: …``.
        """
        if self._partial:
            # A line the function left open must not swallow ours.
            self.write(b"\n")
        ms = seconds * 1000
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {ms:.2f} ms\tBilled Duration: {int(-(-ms // 1))} ms"
            f"\tMemory Size: {self._function.memory} MB\tMax Memory Used: {memory // 1_048_576} MB"
        )
        if init_seconds is not None:
            report += f"\tInit Duration: {init_seconds * 1000:.2f} ms"
        if status:
            report += f"\tStatus: {status}"
        self._emit(f"END RequestId: {request_id}\n{report}".encode())

    def tail(self) -> bytes:
        """The end of what was logged since the last ``start``."""
        return bytes(self._tail)

    def _emit(self, lines: bytes) -> None:
        self._tail += lines + b"\n"
        if len(self._tail) > TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        self._sink(b"".join(self._prefix + line + b"\n" for line in lines.split(b"\n")))
