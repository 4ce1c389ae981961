"""How many calls may be in flight: halved by trouble, grown by health, never none and never too many."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from infra.poller.flights import Flights


def _ignore(_: float) -> None:
    """For tests that look at the number themselves."""


async def _now(flights: Flights) -> int:
    """The epoch of a call that sets out now."""
    async with flights as epoch:
        return epoch


async def _taken(flights: Flights, tasks: list[asyncio.Task[None]], leave: asyncio.Event, count: int) -> int:
    """How many of ``count`` new calls, and of those before, set out; they stay in flight until ``leave``."""
    out = 0

    async def fly() -> None:
        nonlocal out
        async with flights:
            out += 1
            await leave.wait()

    tasks += [asyncio.create_task(fly()) for _ in range(count)]
    for _ in range(20):
        await asyncio.sleep(0)
    return out


async def test_as_many_are_in_flight_as_the_factor_says_at_first() -> None:
    flights, tasks, leave = Flights(4, _ignore), [], asyncio.Event()
    assert await _taken(flights, tasks, leave, 10) == 4
    leave.set()
    await asyncio.gather(*tasks)


async def test_trouble_halves_what_sets_out_and_lets_be_what_is_out() -> None:
    flights, tasks, leave = Flights(8, _ignore), [], asyncio.Event()
    flights.shrink(await _now(flights))
    assert flights.allowed == 4
    assert await _taken(flights, tasks, leave, 20) == 4
    leave.set()
    await asyncio.gather(*tasks)


async def test_calls_that_fail_together_count_once() -> None:
    flights = Flights(8, _ignore)
    epoch = await _now(flights)
    for _ in range(8):
        flights.shrink(epoch)
    assert flights.allowed == 4
    flights.shrink(await _now(flights))
    assert flights.allowed == 2


async def test_trouble_leaves_one() -> None:
    flights, tasks, leave = Flights(3, _ignore), [], asyncio.Event()
    for _ in range(10):
        flights.shrink(await _now(flights))
    assert flights.allowed == 1
    assert await _taken(flights, tasks, leave, 3) == 1
    leave.set()
    await asyncio.gather(*tasks)


async def test_health_adds_one_for_each_round_of_calls_and_no_more_than_the_factor() -> None:
    told: list[float] = []
    flights = Flights(4, told.append)
    for _ in range(10):
        flights.shrink(await _now(flights))
    rounds = []
    for number in (1, 2, 3, 4):
        assert flights.allowed == number
        calls = 0
        while flights.allowed == number and calls < 10:
            flights.grow(await _now(flights))
            calls += 1
        rounds.append(calls)
    assert rounds == [1, 2, 3, 10]
    assert flights.allowed == 4
    assert (told[0], min(told), told[-1]) == (4, 1, 4)


async def test_what_set_out_before_the_trouble_says_nothing_of_the_number_after_it() -> None:
    flights = Flights(4, _ignore)
    before = await _now(flights)
    flights.shrink(before)
    for _ in range(20):
        flights.grow(before)
    assert flights.allowed == 2


async def test_a_call_that_waits_sets_out_when_health_allows_it() -> None:
    flights, tasks, leave = Flights(2, _ignore), [], asyncio.Event()
    flights.shrink(await _now(flights))
    assert await _taken(flights, tasks, leave, 2) == 1
    flights.grow(1)
    assert await _taken(flights, tasks, leave, 1) == 0  # the second of before has taken the new flight
    leave.set()
    await asyncio.gather(*tasks)


async def test_one_that_is_cancelled_while_it_waits_takes_no_flight_with_it() -> None:
    flights, tasks, leave = Flights(2, _ignore), [], asyncio.Event()
    flights.shrink(await _now(flights))
    assert await _taken(flights, tasks, leave, 3) == 1
    for task in tasks[1:]:
        task.cancel()
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    leave.clear()
    assert await _taken(flights, tasks, leave, 3) == 1
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)


@given(most=st.integers(1, 10), story=st.lists(st.sampled_from(["take", "leave", "grow", "shrink"]), max_size=80))
def test_there_are_never_more_than_allowed_when_one_sets_out_and_never_none(most: int, story: list[str]) -> None:
    async def live() -> None:
        flights, out = Flights(most, _ignore), list[int]()
        for event in story:
            if event == "take" and len(out) < flights.allowed:
                out.append(await asyncio.wait_for(flights.__aenter__(), 10))
            elif event == "leave" and out:
                await flights.__aexit__()
                out.pop(0)
            elif event == "grow" and out:
                flights.grow(out[-1])
            elif event == "shrink" and out:
                flights.shrink(out[-1])
            assert 1 <= flights.allowed <= most
        if len(out) >= flights.allowed:
            waiting = asyncio.create_task(flights.__aenter__())
            for _ in range(20):
                await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(live())
