"""Judges the alert rules: the handler, for batches of ``stored`` and for the clock.

The work is ``barometer.steps.alert``, and at a tick ``barometer.steps.retention``.
"""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.events import Response, StreamEvent
from barometer.observability import count, counted, logger, metrics
from barometer.settings import settings
from barometer.steps.alert import on_batch, on_tick
from barometer.steps.retention import sweep
from barometer.stores import redis
from barometer.tracing import traced

# At cold start: a wrong variable ends the process with its name.
settings()


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent | EventBridgeModel)
def handler(event: StreamEvent | EventBridgeModel, context: LambdaContext) -> Response | None:
    """Judge the rules that one batch concerns, or all at one tick."""
    now = datetime.now(UTC)
    if isinstance(event, StreamEvent):
        result = on_batch(event, settings().database_url.get_secret_value(), now)
        return counted(event, result, context)
    _tick(now, context)
    return None


def _tick(now: datetime, context: LambdaContext) -> None:
    config = settings()
    database_url = config.database_url.get_secret_value()
    with redis.needed():
        changes = on_tick(database_url, redis.connect(config.redis_url.get_secret_value()), now)
    swept = sweep(database_url, config.retention_days, now)
    count(context, {"Ticks": 1, "Transitions": len(changes)})
    logger.info("tick", extra={"transitions": len(changes), "swept": swept})
