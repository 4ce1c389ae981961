"""The whole embedded Barometer as its users meet it: by its command line, its address and its key."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from infra.feeds.simulate.simulator import Simulator

T = TypeVar("T")
BAROMETER = Path(sys.executable).with_name("barometer")


class NotSoonEnoughError(AssertionError):
    """A condition was waited for in vain."""


def wait_for(look: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """The first truthy thing that ``look`` gives."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NotSoonEnoughError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)  # between two looks
    return found


def simulated_posts(seed: int, count: int) -> list[dict[str, Any]]:
    """So many posts of the simulator, as a client would send them."""
    simulator, now = Simulator(seed), datetime.now(UTC)
    return [simulator.next(now).post for _ in range(count)]


def barometer(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [BAROMETER, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )


@dataclass(frozen=True)
class Stack:
    """One running Barometer."""

    home: Path
    url: str
    key: str
    sign_in: str

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30) as client:
            yield client

    def get(self, path: str, **params: str | int) -> Any:
        with self.client() as client:
            answer = client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

    def post(self, path: str, body: object, status: int = 202) -> Any:
        with self.client() as client:
            answer = client.post(path, json=body)
            assert answer.status_code == status, answer.text
            return answer.json()

    def books(self) -> dict[str, Any]:
        return self.get("/api/pipeline")

    def settled(self, seconds: float = 120) -> dict[str, Any]:
        """The books once nothing is in flight."""

        def look() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.TransportError, AssertionError):
                books = self.books()
                return books if books["in_flight"] == 0 else None
            return None

        return wait_for(look, "the pipeline comes to rest", seconds)

    def process(self, name: str) -> psutil.Process | None:
        """A process that ``up`` started, if it lives."""
        state = json.loads((self.home / "run" / "state.json").read_text())
        for record in state["processes"]:
            if record["name"] == name:
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(record["pid"])
                    if abs(process.create_time() - record["created"]) < 2 and process.status() != psutil.STATUS_ZOMBIE:
                        return process
        return None

    def function_processes(self, step: str) -> list[psutil.Process]:
        """The execution environments of one function."""
        runner = self.process("runner")
        found = []
        for child in runner.children(recursive=True) if runner else []:
            with contextlib.suppress(psutil.Error):
                if f"functions.{step}.app.handler" in child.cmdline():
                    found.append(child)
        return found

    def audit(self) -> dict[str, Any]:
        answer = barometer("audit", "--home", self.home, "--json")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout)


@contextlib.contextmanager
def up(home: Path, *options: str) -> Iterator[Stack]:
    """Start one, and stop it again with all that belongs to it."""
    started = barometer("up", "--detach", "--json", "--port", "0", "--home", home, *options, timeout=300)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        said = json.loads(started.stdout)
        yield Stack(home=home, url=said["url"], key=said["key"], sign_in=said["sign_in"])
    finally:
        stopped = barometer("down", "--home", home)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
