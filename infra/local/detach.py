"""``barometer up --detach``: the same ``up``, in a session of its own; this process only watches until it is ready."""

import subprocess
import sys
import time
from pathlib import Path

from barometer.errors import BarometerError
from infra.local.admin import read_admin_key
from infra.local.program import bound_log
from infra.local.report import READY, Report
from infra.local.state import read_state
from infra.local.up import Options

_LOOK_SECONDS = 0.05
# Longer than every part of a start together may take; what hangs longer, hangs.
_SECONDS = 300.0
_FAULT = "barometer: "


def detached(options: Options, report: Report) -> None:
    """Start ``up`` and return when it is ready; its lines go to the log ``up`` and, until then, to ``report``.

    Raises:
        BarometerError: it could not start; nothing is left running.
    """
    home = options.home
    home.prepare()
    log = home.log("up")
    bound_log(log)
    with log.open("ab") as output:
        told = output.tell()
        process = subprocess.Popen(  # noqa: S603 (ourselves)
            [
                sys.executable, "-m", "infra.local.cli", "up",
                "--home", str(home.root), "--port", str(options.port), "--feed", options.feed,
                "--pollers", str(options.pollers), "--template", str(options.template), "--json",
            ],
            # With --json its lines go to stderr and the sign-in key to stdout: that one is for no log.
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output, start_new_session=True,
        )  # fmt: skip
    fault = f"{_FAULT}it ended while starting (see {log})"
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        ended, state = process.poll() is not None, read_state(home)
        lines, told = _news(log, told)
        for line in lines:
            if line.startswith(_FAULT):
                fault = line
            elif line.startswith(READY):
                # What follows tells how to stop it in its terminal, of which it has none.
                break
            else:
                report.say(line)
        if ended:
            raise BarometerError(fault.removeprefix(_FAULT))
        if state.phase == "ready" and state.supervisor is not None and state.supervisor.pid == process.pid:
            report.steps = state.steps
            report.ready(home, state.url, read_admin_key(home))
            return
        time.sleep(_LOOK_SECONDS)
    process.terminate()
    raise BarometerError(f"it was not ready within {_SECONDS:.0f} s (see {log})")


def _news(log: Path, told: int) -> tuple[list[str], int]:
    """The whole lines written since, and where they end."""
    with log.open("rb") as written:
        written.seek(told)
        text, newline, _ = written.read().rpartition(b"\n")
    return text.decode(errors="replace").split("\n") if newline else [], told + len(text) + len(newline)
