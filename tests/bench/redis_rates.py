"""What Redis does by itself, to compare the poller with: records a second written and read, and nothing done with them.

``redis-benchmark`` (Debian's redis-tools) or ``valkey-benchmark`` measures where it is on PATH, with its own 50
connections. Elsewhere a client of ours does, over one connection with commands packed beforehand; ``Rates.by`` tells.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hiredis
from redis import Redis
from redis.connection import Connection

KEY, GROUP = "bench:rates", "bench"
RECORDS = 100_000
_SECONDS = 300
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Rates:
    """Records a second by XADD, pipelined ``batch`` at once, and by XREADGROUP COUNT ``batch``; ``by`` whom."""

    xadd: float
    xreadgroup: float
    by: str


def rates(url: str, batch: int, body: bytes) -> Rates:
    """Measure the Redis at ``url``, a unix socket's, with records of ``body``, ``batch`` at once."""
    path = url.removeprefix("unix://")
    tool = next(filter(None, map(shutil.which, ("redis-benchmark", "valkey-benchmark"))), None)
    add = ["XADD", KEY, "*", "body", body.decode()]
    read = ["XREADGROUP", "GROUP", GROUP, "bench", "COUNT", str(batch), "STREAMS", KEY, ">"]
    with Redis.from_url(url) as client:
        xadd = _rate(tool, path, add, RECORDS, pipelined=batch)
        client.xgroup_create(KEY, GROUP, "0")
        xreadgroup = batch * _rate(tool, path, read, RECORDS // batch, pipelined=1)
        client.delete(KEY)
    return Rates(xadd, xreadgroup, "a client of ours: no redis-benchmark on PATH" if tool is None else Path(tool).name)


def _rate(tool: str | None, path: str, command: Sequence[str], times: int, *, pipelined: int) -> float:
    """How often ``command`` is answered in a second."""
    if tool is None:
        return _by_ourselves(path, command, times, pipelined)
    answer = subprocess.run(
        [tool, "-s", path, "--csv", "-n", str(times), "-P", str(pipelined), *command],
        capture_output=True, text=True, timeout=_SECONDS, check=True,
    )  # fmt: skip
    # The command comes first in the row, its quotes not escaped: fields are counted from the end.
    heading, *_, row = answer.stdout.splitlines()
    return float(row.rsplit('","', heading.count(","))[1])


def _by_ourselves(path: str, command: Sequence[str], times: int, pipelined: int) -> float:
    packed = b"".join(Connection().pack_command(*command)) * pipelined
    replies = hiredis.Reader()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        began = time.perf_counter()
        for _ in range(0, times, pipelined):
            connection.sendall(packed)
            left = pipelined
            while left:
                replies.feed(connection.recv(_CHUNK))
                while (reply := replies.gets()) is not False:
                    if isinstance(reply, Exception):
                        raise reply
                    left -= 1
        return times / (time.perf_counter() - began)
