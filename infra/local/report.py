"""What ``up`` tells a person: what is starting, and how long each part took."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from infra.local.home import Home

# How the line begins that says so; whoever reads our lines waits for it.
READY = "ready"


class Report:
    """Lines for a person, and the seconds of each step for whoever asks later.

    Args:
        output: takes the lines; a terminal that goes away is no reason to stop.
    """

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._started = time.monotonic()
        self.steps: dict[str, float] = {}

    def say(self, line: str) -> None:
        """One line."""
        try:
            self._output.write(f"{line}\n")
            self._output.flush()
        except (OSError, ValueError):
            # Nobody listens any more.
            self._output = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open as long as we are)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step and tell when it is done; what the block adds to the list is told with it."""
        notes: list[str] = []
        started = time.monotonic()
        yield notes
        self.steps[name] = round(time.monotonic() - started, 3)
        self.say(f"  {name:<12}{self.steps[name]:6.2f} s" + (f"  {', '.join(notes)}" if notes else ""))

    def ready(self, home: Home, url: str, key: str) -> None:
        """It runs; this is how to come in, and how to end it."""
        self._say_ready(home)
        self.say(f"\n  {sign_in(url, key)}\n")

    def _say_ready(self, home: Home) -> None:
        self.say(f"{READY} in {time.monotonic() - self._started:.1f} s; logs in {home.logs}")


class JsonReport(Report):
    """Lines to stderr, and to stdout one JSON object once it is ready."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def ready(self, home: Home, url: str, key: str) -> None:
        """See ``Report.ready``; the key goes to stdout alone."""
        self._say_ready(home)
        answer = {"url": url, "sign_in": sign_in(url, key), "key": key, "home": str(home.root), "steps": self.steps}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def sign_in(url: str, key: str) -> str:
    """The address that opens the dashboard signed in; what follows # is never sent to a server."""
    return f"{url}/#key={key}"
