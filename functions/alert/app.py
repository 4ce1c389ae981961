"""Judges the alert rules: the handler, for batches of ``stored`` and for the clock.

The work is ``barometer.steps.alert``, and at a tick ``barometer.steps.retention``.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.events import Response, StreamEvent
from barometer.observability import logger
from barometer.settings import Settings, load
from barometer.steps.alert import on_batch, on_tick
from barometer.steps.retention import sweep
from barometer.stores import redis

settings = cache(lambda: load(Settings))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Response | None:  # noqa: ARG001 (Lambda's signature)
    """Serve one batch, or one tick."""
    now = datetime.now(UTC)
    if "Records" in event:
        batch = parse(event, StreamEvent)
        return on_batch(batch, settings().database_url.get_secret_value(), now).as_response()
    parse(event, EventBridgeModel)
    _tick(now)
    return None


def _tick(now: datetime) -> None:
    database_url = settings().database_url.get_secret_value()
    changes = on_tick(database_url, redis.connect(settings().redis_url.get_secret_value()), now)
    swept = sweep(database_url, settings().retention_days, now)
    logger.info("tick", extra={"transitions": len(changes), "swept": swept})
