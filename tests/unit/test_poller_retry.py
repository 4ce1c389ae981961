"""How long the poller waits before it tries again."""

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from infra.poller.retry import Delays, Pace, rest


@given(failures=st.integers(-1, 10_000), base=st.floats(0.001, 60), cap=st.floats(0.001, 900))
def test_a_delay_is_between_nothing_and_its_exponential(failures: int, base: float, cap: float) -> None:
    delay = Delays(base, cap).after(failures)
    assert 0 <= delay <= cap
    assert delay <= base * 2 ** max(0, min(failures, 30) - 1)
    assert failures > 0 or delay == 0


def test_delays_are_spread_over_their_whole_range() -> None:
    delays = [Delays(1, 8).after(10) for _ in range(1_000)]
    assert min(delays) < 1
    assert max(delays) > 7


async def test_a_stop_ends_a_rest() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    began = time.monotonic()
    await rest(stop, 60)
    assert time.monotonic() - began < 30


async def test_a_pipe_that_gets_through_waits_no_more() -> None:
    pace, stop = Pace(Delays(60, 60)), asyncio.Event()
    pace.slow()
    waiting = asyncio.create_task(pace.ready(stop))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await waiting
    pace.steady()
    await pace.ready(asyncio.Event())
