"""What is done to the processes, and when: drawn from the seed before the run begins.

A victim is left alone for a while after each deed, since a process that is killed as soon as it starts proves only that
nothing comes back. How often a victim's turn comes follows from what its loss costs: functions and pollers all the
time, the stores now and then, ``barometer up`` itself seldom.
"""

import random
from dataclasses import dataclass
from typing import Literal

Act = Literal["kill", "freeze", "restart"]

FUNCTIONS = ("ingest", "infer", "aggregate", "alert", "push", "api")
# Seconds between two deeds, about.
PACE = 5.4
LEAST_FREEZE, LONGEST_FREEZE = 1.0, 15.0
# Past the lease of a poller (``tests.chaos.stack.LEASE_SECONDS``), so that it wakes as a zombie.
OPENING_FREEZE = 8.0
# The run's first seconds are left in peace, so that there is something to lose.
PEACE = 4.0
# Below this there is no time to start everything anew.
LEAST_FOR_UP = 180.0


@dataclass(frozen=True, slots=True)
class Deed:
    """One act.

    Args:
        at: seconds after the start of the run.
        act: ``kill`` (SIGKILL), ``freeze`` (SIGSTOP, and SIGCONT ``seconds`` later), ``restart`` (asked to end).
        victim: a name of ``Victim``.
        seconds: how long a freeze lasts.
    """

    at: float
    act: Act
    victim: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """A victim: how often its turn comes, and for how many seconds it is then left alone."""

    weight: float
    rest: float


_KINDS = {
    "poller": _Kind(5, 12),
    "poller-2": _Kind(5, 12),
    **{f"function:{name}": _Kind(3, 6) for name in FUNCTIONS},
    "function:aggregate": _Kind(6, 6),
    "runner": _Kind(2, 40),
    "front-door": _Kind(1, 40),
    "cloud": _Kind(1, 90),
    "redis": _Kind(2, 45),
    "postgres": _Kind(2, 45),
    "up": _Kind(1, 400),
}
# What every run does first, in an order of its own, so that a short one also meets each.
_OPENING: tuple[tuple[Act, str], ...] = (
    ("freeze", "poller"), ("kill", "poller-2"), ("kill", "function:ingest"), ("kill", "function:infer"),
    ("kill", "function:aggregate"), ("kill", "runner"), ("kill", "redis"), ("kill", "postgres"),
)  # fmt: skip
_ACTS: dict[Act, float] = {"kill": 66, "freeze": 22, "restart": 12}


def schedule(seed: int, seconds: float) -> list[Deed]:
    """The deeds of a run of so many seconds, in order."""
    draw = random.Random(f"schedule {seed}")
    free_at: dict[str, float] = dict.fromkeys(_KINDS, 0.0)
    if seconds < LEAST_FOR_UP:
        free_at["up"] = seconds
    deeds: list[Deed] = []
    opening = list(_OPENING)
    draw.shuffle(opening)
    at = PEACE
    while at < seconds:
        least = OPENING_FREEZE if opening else LEAST_FREEZE
        if opening:
            act, victim = opening.pop()
        else:
            names = [name for name in _KINDS if free_at[name] <= at]
            victim = draw.choices(names, [_KINDS[name].weight for name in names])[0]
            act = draw.choices(list(_ACTS), list(_ACTS.values()))[0]
        lasts = draw.uniform(least, LONGEST_FREEZE) if act == "freeze" else 0.0
        deeds.append(Deed(at, act, victim, lasts))
        free_at[victim] = at + lasts + _KINDS[victim].rest
        at += draw.uniform(0.4, 1.6) * PACE
    return deeds
