"""Ends what an ``up`` left behind that was killed before it could end it itself.

Two ways to find it: the state file names what was started, and every process that was started, with all that it starts
in turn, carries the mark ``MARK`` with its home in its environment. The second also finds the functions' processes, and
one whose start was the last thing that its supervisor did.
"""

import contextlib
import os
import signal
from collections.abc import Iterable

import psutil

from infra.local.home import Home
from infra.local.state import ProcessRecord, State

MARK = "BAROMETER_SUPERVISED_HOME"
_KILL_SECONDS = 5.0


def end_leftovers(home: Home, state: State) -> list[str]:
    """End everything of a home that nobody supervises any more; the caller holds the home. Gives what was ended.

    Last started, first ended, each asked first; so the pipeline drains into a Redis and a Postgres that still stand.
    """
    ended = []
    for record in reversed(state.processes):
        if process := record.process():
            _end(process, record)
            ended.append(record.name)
    strays = list(_marked(home))
    if strays:
        _kill(strays)
        ended.append(f"{len(strays)} more")
    return ended


def _end(process: psutil.Process, record: ProcessRecord) -> None:
    with contextlib.suppress(psutil.Error):
        family = [process, *process.children(recursive=True)]
        process.send_signal(record.stop_signal)
        _, alive = psutil.wait_procs([process], timeout=record.stop_seconds)
        # Those it started itself have no reason to outlive it.
        _kill(alive + [member for member in family if member.is_running()])


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, timeout=_KILL_SECONDS)


def _marked(home: Home) -> Iterable[psutil.Process]:
    """Processes that were started under this home."""
    ourselves = os.getpid()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != ourselves and process.environ().get(MARK) == str(home.root):
                yield process
