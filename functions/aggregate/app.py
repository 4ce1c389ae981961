"""Stores scored posts and adds them to the rollups: the handler, for batches of ``scored``.

The work is ``barometer.steps.aggregate``.
"""

from functools import cache

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.events import Response, StreamEvent
from barometer.garbage import collect_seldom
from barometer.observability import counted, logger, metrics
from barometer.settings import settings
from barometer.steps.aggregate import aggregate
from barometer.stores import redis
from barometer.stores.cache import Cache
from barometer.tracing import traced

# At cold start: a wrong variable ends the process with its name.
settings()
collect_seldom()


@cache
def _answers(redis_url: str, seconds: int) -> Cache:
    """The cache whose answers a new post makes stale; one a process, since it remembers that Redis is away."""
    return Cache(redis.connect(redis_url), seconds)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:
    """Store one batch."""
    config = settings()
    answers = _answers(config.redis_url.get_secret_value(), config.cache_seconds)
    result = aggregate(event, config.database_url.get_secret_value(), answers)
    return counted(event, result, context)
