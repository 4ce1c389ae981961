"""Scores posts: the handler, for batches of ``posts``. The work is ``barometer.steps.infer``."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.analyzers import analyzer
from barometer.events import Response, StreamEvent
from barometer.garbage import collect_seldom
from barometer.observability import counted, logger, metrics
from barometer.settings import settings
from barometer.steps.infer import infer
from barometer.tracing import traced

# At cold start: a wrong variable or a missing model ends the process with its name.
analyzer(settings().model)
collect_seldom()


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:
    """Score one batch."""
    result = infer(event, analyzer(settings().model))
    return counted(event, result, context)
