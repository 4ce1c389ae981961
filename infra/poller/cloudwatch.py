"""What the poller tells CloudWatch: how much waits, for how long, and what died.

A line of the Embedded Metric Format on standard output is all it takes: CloudWatch Logs makes metrics of it, which the
scaling and the alarms of ``infra/aws`` read. Every poller looks at the same streams, so of several the maximum counts,
not the sum.
"""

import time
from dataclasses import dataclass

from aws_lambda_powertools.metrics import MetricUnit

from barometer.observability import metrics


@dataclass(frozen=True, slots=True)
class Share:
    """What one partition holds: records that no poller has taken yet, the age of the oldest, dead letters."""

    lag: int
    oldest_seconds: float
    dead: int


class CloudWatch:
    """Tells at most every ``seconds``; never, if that is 0.

    Args:
        deployment: tells one deployment's metrics from another's: the name of its pipes parameter.
        seconds: between two lines.
    """

    def __init__(self, deployment: str, seconds: float) -> None:
        self._deployment = deployment
        self._seconds = seconds
        self._next = time.monotonic()

    def tell(self, shares: list[Share]) -> None:
        """Print the whole of all partitions, if it is time."""
        now = time.monotonic()
        if not self._seconds or not shares or now < self._next:
            return
        self._next = now + self._seconds
        metrics.add_dimension("deployment", self._deployment)
        metrics.add_metric("Lag", MetricUnit.Count, sum(share.lag for share in shares))
        metrics.add_metric("OldestAge", MetricUnit.Seconds, max(share.oldest_seconds for share in shares))
        metrics.add_metric("DeadLetters", MetricUnit.Count, sum(share.dead for share in shares))
        metrics.flush_metrics()
