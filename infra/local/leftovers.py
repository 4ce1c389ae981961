"""Ends what an ``up`` left behind that was killed before it could end it itself.

Two ways to find it: the state file names what was started, and every process that was started, with all that it starts
in turn, carries the mark ``MARK`` with its home in its environment. The second also finds the functions' processes, and
one whose start was the last thing that its supervisor did.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence

import psutil

from infra.local.home import Home
from infra.local.state import ProcessRecord, State

MARK = "BAROMETER_SUPERVISED_HOME"
_KILL_SECONDS = 5.0
_LOOK_SECONDS = 0.02


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
        _wait([process], record.stop_seconds)
        # Those it started itself have no reason to outlive it.
        _kill(family)


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = [process for process in processes if not _has_ended(process)]
    for process in killed:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    _wait(killed, _KILL_SECONDS)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(map(_has_ended, processes)):
        time.sleep(_LOOK_SECONDS)


def _has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or only waits for its parent to notice: in some containers nobody ever does."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _marked(home: Home) -> Iterable[psutil.Process]:
    """Processes that were started under this home."""
    ourselves = os.getpid()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != ourselves and process.environ().get(MARK) == str(home.root):
                yield process
