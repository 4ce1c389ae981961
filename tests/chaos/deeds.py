"""Does what the schedule says: kills, freezes and restarts processes of one stack, and writes down each deed.

Deeds are done one after the other by one thread; a frozen process is woken by another, so that a deed that takes long
(``up`` is started anew) does not keep it frozen. At the end everything is awake and ``up`` runs.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Sequence

import psutil

from tests.chaos.journal import Done, Journal
from tests.chaos.schedule import Deed
from tests.chaos.stack import Stack, StackError, is_alive

# A victim that is just being started again is waited for so long; a deed that finds nobody is left undone.
_PATIENCE_SECONDS = 4.0
_LOOK_SECONDS = 0.1
# ``up`` ends its children one after the other when it is asked to end.
_END_SECONDS = 150.0


class Deeds(threading.Thread):
    """The thread that does them.

    Args:
        stack: whose processes.
        schedule: what and when, in order.
        journal: where each is written down.
        say: takes a line for a person.
    """

    def __init__(self, stack: Stack, schedule: Sequence[Deed], journal: Journal, say: Callable[[str], None]) -> None:
        super().__init__(name="deeds", daemon=True)
        self.done: list[Done] = []
        self.error: StackError | None = None
        self._stack = stack
        self._schedule = schedule
        self._journal = journal
        self._say = say
        self._over = threading.Event()
        self._abandoned = False
        self._sleepers = Sleepers()

    def run(self) -> None:
        started = time.monotonic()
        try:
            for deed in self._schedule:
                if self._over.wait(max(0.0, started + deed.at - time.monotonic())):
                    return
                self._do(deed)
        except StackError as error:
            self.error = error

    def abandon(self) -> None:
        """Do nothing more, and wake whoever sleeps; harmless after ``finish``."""
        self._abandoned = True
        self._over.set()
        self._sleepers.wake_all()

    def finish(self) -> None:
        """No more deeds; everything is woken, and ``up`` runs.

        Raises:
            StackError: ``up`` did not start again.
        """
        self._over.set()
        self.join()
        self._sleepers.wake_all()
        if self.error is not None:
            raise self.error
        if not self._stack.ready():
            self._stack.up()

    def _do(self, deed: Deed) -> None:
        victim = self._find(deed.victim)
        if victim is None:
            return
        with contextlib.suppress(psutil.Error):
            at = time.time()
            if deed.act == "freeze":
                self._sleepers.freeze(_family(victim) if deed.victim == "postgres" else [victim], deed.seconds)
            elif deed.act == "kill":
                victim.kill()
            else:
                victim.send_signal(self._stack.asked_to_end(deed.victim))
                # A process that is stopped hears of it only when it goes on.
                victim.send_signal(signal.SIGCONT)
            done = Done(at, deed.act, deed.victim, deed.seconds)
            self.done.append(done)
            self._journal.done(done)
        if deed.victim == "up" and deed.act != "freeze":
            self._say(f"{deed.act} of barometer up; starting it again")
            psutil.wait_procs([victim], timeout=_END_SECONDS)
            self._stack.up(lambda: not self._abandoned)

    def _find(self, name: str) -> psutil.Process | None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (victim := self._stack.find(name)) is None and time.monotonic() < deadline:
            if self._over.wait(_LOOK_SECONDS):
                return None
        return victim


class Sleepers:
    """Frozen processes, each with the timer that wakes it."""

    def __init__(self) -> None:
        self._timers: list[tuple[threading.Timer, list[psutil.Process]]] = []

    def freeze(self, processes: list[psutil.Process], seconds: float) -> None:
        """Stop them, and let them go on ``seconds`` later."""
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        timer = threading.Timer(seconds, wake, [processes])
        timer.daemon = True
        timer.start()
        self._timers.append((timer, processes))

    def wake_all(self) -> None:
        """Nobody sleeps any more."""
        for timer, processes in self._timers:
            timer.cancel()
            wake(processes)


def wake(processes: list[psutil.Process]) -> None:
    """Let them go on: those that still live; psutil tells another process of the same id apart."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if is_alive(process):
                process.resume()


def _family(process: psutil.Process) -> list[psutil.Process]:
    """Postgres does its work in its children."""
    return [process, *process.children(recursive=True)]
