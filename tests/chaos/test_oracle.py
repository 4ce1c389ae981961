"""Promises 1, 2 and 4 on the whole stack, while its processes are killed, frozen and restarted: the short run."""

import pytest

from tests.chaos.run import Options, lines, run

SEED = 3
MINUTES = 1.25


@pytest.mark.e2e
@pytest.mark.timeout(2_400)
def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    outcome = run(Options(seed=SEED, minutes=MINUTES), print)

    assert not outcome.findings, "\n".join(lines(outcome))
    assert outcome.acts["kill"] >= 5, outcome
    assert outcome.acts["freeze"] >= 1, outcome
    assert outcome.accepted > 200, outcome
