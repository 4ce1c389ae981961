"""Stores scored posts and adds them to the rollups: the handler. The work is ``barometer.steps.aggregate``."""

from functools import cache

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.events import Response, StreamEvent
from barometer.observability import logger
from barometer.settings import Settings, load
from barometer.steps.aggregate import aggregate
from barometer.stores import redis
from barometer.stores.cache import Cache

settings = cache(lambda: load(Settings))


@cache
def answers() -> Cache:
    """The cache whose answers a new post makes stale."""
    return Cache(redis.connect(settings().redis_url.get_secret_value()), settings().cache_seconds)


@logger.inject_lambda_context(clear_state=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:  # noqa: ARG001 (Lambda's signature)
    """Serve one batch of ``scored``."""
    return aggregate(event, settings().database_url.get_secret_value(), answers()).as_response()
