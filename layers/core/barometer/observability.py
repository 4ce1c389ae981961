"""The one logger and metrics of a process; nobody makes a second. And what every function of the pipeline counts."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

if TYPE_CHECKING:
    from barometer.events import BatchResult, Response, StreamEvent

logger = Logger(service="barometer")
metrics = Metrics(namespace="Barometer", service="barometer")


def counted(
    event: "StreamEvent", result: "BatchResult", context: LambdaContext, more: Mapping[str, int] | None = None
) -> "Response":
    """The answer to a batch, its numbers added to the metrics of the function.

    ``Taken`` are the records that came, ``Emitted`` those that go on, ``Rejected`` and ``Failed`` those that do not;
    what ends here counts under its own name (``Stored``, ``Duplicates``, ``Judged``, ``Pushed``); ``more`` are
    one function's own. A batch that raises has no numbers: it comes again, and Lambda counts it among the errors.
    """
    ended = Counter(end["as"].capitalize() for end in result.finished)
    count(
        context,
        {
            "Taken": len(event.records),
            "Emitted": len(result.records),
            "Rejected": len(result.rejections),
            "Failed": len(result.failures),
            **ended,
            **(more or {}),
        },
    )
    return result.as_response()


def count(context: LambdaContext, counts: Mapping[str, int]) -> None:
    """Add these numbers to the metrics of the function that is running; ``log_metrics`` writes them at its end."""
    metrics.add_dimension("function_name", context.function_name)
    for name, number in counts.items():
        metrics.add_metric(name, MetricUnit.Count, number)
