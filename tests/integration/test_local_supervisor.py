"""What the supervisor promises, with small real processes in the place of the real ones."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from barometer.errors import BarometerError
from infra.local.home import Home
from infra.local.leftovers import MARK, end_leftovers
from infra.local.program import LOG_BYTES, NotReadyError, Program, bound_log
from infra.local.state import ProcessRecord, State
from infra.local.supervisor import Supervisor

SLEEP = "import time; time.sleep(600)"
# Ends only when it is killed.
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
print(child.pid, flush=True)
child.wait()
"""


async def at_once() -> None:
    pass


def says(log: Path) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        if not said(log):
            raise NotReadyError("it has said nothing")

    return probe


def script(
    home: Home,
    name: str,
    code: str,
    probe: Callable[[], Awaitable[None]] = at_once,
    *,
    ready_seconds: float = 10,
    stop_seconds: float = 10,
) -> Program:
    environment = {**os.environ, MARK: str(home.root)}
    command = [sys.executable, "-c", code]
    return Program(name, command, probe, environment, ready_seconds=ready_seconds, stop_seconds=stop_seconds)


def said(log: Path) -> str:
    return log.read_text() if log.exists() else ""


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (other processes set no Event)
            await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class Watched(Supervisor):
    """A supervisor whose words and records a test can read."""

    def __init__(self, home: Home, order: tuple[str, ...] = ("first", "second", "third")) -> None:
        self.lines: list[str] = []
        self.records: tuple[ProcessRecord, ...] = ()
        self.seen: list[list[str]] = []
        super().__init__(home, order, say=self.lines.append, changed=self.keep)

    def keep(self, records: tuple[ProcessRecord, ...]) -> None:
        self.records = records
        self.seen.append([record.name for record in records])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home.at(tmp_path / "home")
    home.prepare()
    yield home
    assert end_leftovers(home, State()) == [], "a test left something running"


async def test_a_process_that_was_killed_runs_again(home: Home) -> None:
    supervisor = Watched(home)
    again = asyncio.Event()

    async def restored() -> None:
        again.set()

    try:
        await supervisor.start(script(home, "first", SLEEP), restored=restored)
        first = supervisor.records[0]
        os.kill(first.pid, signal.SIGKILL)
        await asyncio.wait_for(again.wait(), 10)
        second = supervisor.records[0]
    finally:
        await supervisor.stop()

    assert second.pid != first.pid
    assert second.restarts == 1
    assert "first was killed by SIGKILL; starting it again" in supervisor.lines
    assert not runs(second.pid)


async def test_every_log_of_the_home_is_kept_short(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.supervisor._LOG_CHECK_SECONDS", 0.05)
    home.log("up").write_bytes(b"x" * (LOG_BYTES + 1))
    supervisor = Watched(home)
    try:
        await supervisor.start(script(home, "first", SLEEP))
        await until(lambda: home.log("up").stat().st_size == 0)
    finally:
        await supervisor.stop()


async def test_one_that_does_not_become_ready_says_why(home: Home) -> None:
    async def never() -> None:
        raise NotReadyError("it speaks in riddles")

    supervisor = Watched(home)
    try:
        with pytest.raises(BarometerError, match=r"first was not ready within 0 s: it speaks in riddles"):
            await supervisor.start(script(home, "first", SLEEP, never, ready_seconds=0.2))
    finally:
        await supervisor.stop()


async def test_a_process_that_keeps_ending_is_started_ever_more_slowly(home: Home) -> None:
    log = home.root / "starts"
    supervisor = Watched(home)
    try:
        await supervisor.start(script(home, "first", f"open({str(log)!r}, 'a').write('x')"))
        await asyncio.sleep(3)
        starts = len(log.read_text())
    finally:
        await supervisor.stop()

    # After 0, 0.25, 0.5 and 1 seconds, and not again and again.
    assert 2 <= starts <= 5
    assert any("starting it again in 0.5 s" in line for line in supervisor.lines)


async def test_stopping_goes_backwards_through_the_order_whatever_started_first(home: Home) -> None:
    supervisor = Watched(home)
    for name in ("third", "first", "second"):
        await supervisor.start(script(home, name, SLEEP))
    await supervisor.stop()

    assert supervisor.seen[-3:] == [["first", "second"], ["first"], []]


async def test_what_a_process_started_ends_with_it(home: Home) -> None:
    log = home.log("first")
    supervisor = Watched(home)
    await supervisor.start(script(home, "first", PARENT, says(log)))
    grandchild = int(log.read_text())
    os.kill(supervisor.records[0].pid, signal.SIGKILL)
    await until(lambda: not runs(grandchild))
    await supervisor.stop()


async def test_a_process_that_does_not_heed_is_killed_in_time(home: Home) -> None:
    supervisor = Watched(home)
    await supervisor.start(script(home, "first", STUBBORN, says(home.log("first")), stop_seconds=0.3))
    started = time.monotonic()
    await supervisor.stop()

    assert time.monotonic() - started < 5


async def test_a_start_that_fails_says_the_last_word_and_leaves_nothing(home: Home) -> None:
    supervisor = Watched(home)

    async def never() -> None:
        raise NotReadyError("not yet")

    with pytest.raises(BarometerError, match="first stopped while starting: OSError: the port is gone"):
        await supervisor.start(script(home, "first", "raise OSError('the port is gone')", never))
    await supervisor.stop()


async def test_only_what_this_start_said_is_quoted(home: Home) -> None:
    home.log("first").write_text("an old fault\n")
    supervisor = Watched(home)

    async def never() -> None:
        raise NotReadyError("not yet")

    with pytest.raises(BarometerError, match=r"first stopped while starting \(see "):
        await supervisor.start(script(home, "first", "pass", never))
    await supervisor.stop()


async def test_a_start_that_takes_too_long_is_given_up(home: Home) -> None:
    supervisor = Watched(home)

    async def never() -> None:
        raise NotReadyError("not yet")

    with pytest.raises(BarometerError, match="first was not ready within 0 s"):
        await supervisor.start(script(home, "first", SLEEP, never, ready_seconds=0.3))
    await supervisor.stop()


async def test_a_program_that_is_not_there_is_one_sentence(home: Home) -> None:
    supervisor = Watched(home)

    with pytest.raises(BarometerError, match=r"cannot start first: .*No such file"):
        await supervisor.start(Program("first", ["/nowhere/at-all"], at_once))
    await supervisor.stop()


async def test_asked_twice_nothing_is_waited_for(home: Home) -> None:
    supervisor = Watched(home)
    await supervisor.start(script(home, "first", STUBBORN, says(home.log("first")), stop_seconds=60))
    started = time.monotonic()
    stopping = asyncio.create_task(supervisor.stop())
    await asyncio.sleep(0.2)
    supervisor.kill()
    await stopping

    assert time.monotonic() - started < 10


async def test_what_a_killed_supervisor_left_is_ended_by_the_next(home: Home) -> None:
    """Both what its records name and what they do not."""
    code = f"""
import asyncio, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from infra.local.home import Home
from infra.local.program import Program
from infra.local.state import State, write_state
from infra.local.supervisor import Supervisor
home = Home(Path({str(home.root)!r}))
async def at_once(): pass
def changed(records): write_state(home, State(phase="ready", processes=records[:1]))
async def main():
    supervisor = Supervisor(home, ("first", "second"), say=print, changed=changed)
    for name in ("first", "second"):
        await supervisor.start(Program(name, [sys.executable, "-c", {PARENT!r}], at_once, {{"{MARK}": str(home.root)}}))
    print("up", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"up\n"
    await until(lambda: all(said(home.log(name)) for name in ("first", "second")))
    grandchildren = [int(said(home.log(name))) for name in ("first", "second")]
    process.kill()
    await process.wait()
    state = State.model_validate_json(home.state.read_bytes())
    left = [record.pid for record in state.processes]
    assert all(map(runs, [*left, *grandchildren]))

    ended = end_leftovers(home, state)

    assert ended == ["first", "2 more"]
    assert not any(map(runs, [*left, *grandchildren]))


def test_a_process_that_took_a_dead_ones_id_is_left_alone(home: Home) -> None:
    ourselves = ProcessRecord(name="first", pid=os.getpid(), created=psutil.Process().create_time() - 100)

    assert end_leftovers(home, State(processes=(ourselves,))) == []


def test_a_log_that_is_too_long_is_set_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    with log.open("a") as writer:
        writer.write("old\n" * 100)
        writer.flush()
        bound_log(log, limit=100)
        writer.write("new\n")
        writer.flush()

        assert log.read_text() == "new\n"
    assert (tmp_path / "some.log.1").read_text() == "old\n" * 100
