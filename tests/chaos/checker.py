"""The judge of a run: from the journal and from what lies in Postgres and Redis, every way a promise was broken.

Independent on purpose: it shares no code with what it judges (``test_checker`` holds it to that), believes no counter
without a recount, and says of each fault which post, rollup, counter or alert it is. What it proves, at rest:

1. every acknowledged post is there exactly once, as planned: one row, or dead letters of the planned pipe and reason;
   what was sent and not acknowledged is there once or not at all; nothing else is there;
2. every rollup is what a recount of the rows gives;
3. every counter balances, with each other, with the rows, with the letters and with what was sent;
4. no alert fired while it was firing, none without a cause, none is left, each was told of once;
5. no stream holds anything but dead letters, no consumer holds anything.
"""

from tests.chaos.alerting import alerts, told
from tests.chaos.books import books, left, rollups
from tests.chaos.fates import fates, strangers
from tests.chaos.finding import Finding
from tests.chaos.journal import Ledger
from tests.chaos.observed import Observed


def check(ledger: Ledger, observed: Observed, *, attempts: int) -> list[Finding]:
    """Everything that is wrong.

    Args:
        ledger: what was planned, sent and answered, and what was done to the processes.
        observed: what is there.
        attempts: tries that a dead post had, unless it was rejected.
    """
    return [
        *fates(ledger, observed, attempts),
        *strangers(ledger, observed),
        *rollups(observed),
        *books(ledger, observed),
        *alerts(observed),
        *told(ledger, observed),
        *left(observed),
    ]
