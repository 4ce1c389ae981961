"""Makes what a feed or client said a clean post: the handler, for batches of ``raw``.

The work is ``barometer.steps.ingest``.
"""

from datetime import timedelta

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer import language
from barometer.events import Response, StreamEvent
from barometer.garbage import collect_seldom
from barometer.observability import counted, logger, metrics
from barometer.settings import settings
from barometer.steps.ingest import ingest
from barometer.stores.topics import compiled_topics
from barometer.tracing import traced

# At cold start: a wrong variable ends the process with its name, and the first post waits for nothing.
settings()
language.load()
collect_seldom()


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:
    """Clean one batch."""
    config = settings()
    matcher = compiled_topics(config.database_url.get_secret_value())
    result = ingest(event, matcher, timedelta(days=config.retention_days), config.default_language)
    return counted(event, result, context)
