"""What a soak calls growth: each measure is told apart, and what grows by design has a bound as well."""

from dataclasses import replace

import pytest

from barometer.stores.streams import Books, StreamState
from tests.bench import growth
from tests.bench.growth import MB
from tests.bench.vitals import Part, Vitals, mean


def _books(accepted: int) -> Books:
    nothing = {name: StreamState(0, 0) for name in ("raw", "posts", "scored", "dead")}
    return Books(accepted, accepted, duplicates=0, rejected=0, dead=0, redriven=0, streams=nothing)


WARM = Vitals(
    parts={
        "poller": Part(1, 60 * MB, 28),
        "runner": Part(1, 50 * MB, 40),
        "infer (function)": Part(2, 200 * MB, 20),
        "redis": Part(1, 10 * MB, 30),
        "postgres": Part(14, 50 * MB, 200),
    },
    waiting={"raw": 10.0, "stored": 100.0},
    books=_books(30_000),
    restarts={},
)


def _faults(end: Vitals) -> list[tuple[str, str]]:
    rows = [it for row in growth.parts(WARM, end) for it in row]
    return [
        (it.of, it.what) for it in [*rows, *growth.stores(WARM, end), *growth.streams(WARM, end, 100)] if it.too_much
    ]


def _with(**parts: Part) -> Vitals:
    named = {name.replace("_function", " (function)"): part for name, part in parts.items()}
    return replace(WARM, parts={**WARM.parts, **named}, books=_books(120_000))


def test_what_stays_as_it_is_has_not_grown() -> None:
    assert _faults(_with()) == []


@pytest.mark.parametrize(
    ("end", "faults"),
    [
        (_with(poller=Part(1, 69.9 * MB, 32)), []),
        (_with(poller=Part(1, 70.1 * MB, 28)), [("poller", "memory")]),
        (_with(poller=Part(1, 60 * MB, 33)), [("poller", "open files")]),
        (_with(poller=Part(2, 120 * MB, 56)), [("poller", "processes")]),
        (_with(infer_function=Part(4, 400 * MB, 40), runner=Part(1, 50 * MB, 54)), []),
        (_with(runner=Part(1, 50 * MB, 54)), [("runner", "open files")]),
        (_with(infer_function=Part(2, 229 * MB, 20)), [("infer (function)", "memory")]),
        (_with(redis=Part(1, 39 * MB, 99)), []),
        (_with(redis=Part(1, 40 * MB, 30)), [("redis", "memory")]),
        (_with(postgres=Part(20, 170 * MB, 999)), []),
        (_with(postgres=Part(14, 179 * MB, 200)), [("postgres", "memory")]),
        (replace(_with(), waiting={"raw": 510.0, "stored": 601.0}), [("stored", "waiting records")]),
    ],
)
def test_growth_beyond_its_tolerance_is_named(end: Vitals, faults: list[tuple[str, str]]) -> None:
    assert _faults(end) == faults


def test_several_looks_are_told_by_their_mean() -> None:
    later = replace(WARM, parts={"poller": Part(1, 70 * MB, 30)}, waiting={"raw": 30.0, "stored": 0.0}, books=_books(9))
    told = mean([WARM, later])
    assert told.parts["poller"] == Part(1, 65 * MB, 29)
    assert told.parts["redis"] == WARM.parts["redis"]
    assert (told.waiting, told.books) == ({"raw": 20.0, "stored": 50.0}, _books(9))
