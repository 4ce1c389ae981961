"""A Barometer for one measurement: in a temporary folder, on free ports, without a feed; removed afterwards."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from infra.feeds.simulate import starter_topics

BAROMETER = Path(sys.executable).with_name("barometer")


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """Where it runs; what it says goes to stderr, beside the figures."""
    # Short: a unix socket's path has room for about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="baro-bench-"))
    home = ("--home", str(folder))
    try:
        subprocess.run(
            [BAROMETER, "up", "--detach", "--feed", "none", "--port", "0", *home], check=True, stdout=sys.stderr
        )
        yield folder
    finally:
        subprocess.run([BAROMETER, "down", *home], check=False, stdout=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)


def make_topics(url: str, key: str) -> None:
    """The simulator's topics, so that matching and rollups have their ordinary work."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30) as client:
        for name, query in starter_topics().items():
            answer = client.post("/api/topics", json={"name": name, "query": query})
            if answer.status_code not in {201, 409}:
                raise RuntimeError(f"POST /api/topics: {answer.status_code} {answer.text}")
