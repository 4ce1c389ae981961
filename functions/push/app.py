"""Speaks to browsers: the handler, for batches of ``events``, ``metrics`` and ``alerts``.

The work is ``barometer.steps.push``; what a metrics frame shows of a topic is said here.
"""

from datetime import UTC, datetime
from functools import partial

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.events import Response, StreamEvent
from barometer.garbage import collect_seldom
from barometer.observability import counted, logger, metrics
from barometer.rollups import Span, Subject
from barometer.settings import settings
from barometer.steps.push import Picture, push
from barometer.stores import postgres, redis, rollups
from barometer.stores.sockets import sockets
from barometer.tracing import traced

# The dashboard's first view; a page that looks at another one takes the frame as news that it should ask again.
WINDOW = Span("1h", 3_600)
BUCKET = Span("1m", 60)
# Posts arrive late by seconds, seldom by minutes; older buckets are put right when the page asks REST.
TAIL = 5

# At cold start: a wrong variable ends the process with its name.
settings()
collect_seldom()


def _picture(database_url: str, topic: str) -> Picture:
    now = datetime.now(UTC)
    with postgres.transaction(database_url) as connection:
        summary = rollups.summary(connection, Subject(topic), WINDOW, now)
        trend = rollups.trend(connection, Subject(topic), WINDOW, BUCKET, now)
    return Picture(summary.as_public(), BUCKET.seconds, trend.as_public()["points"][-TAIL:])


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:
    """Push one batch."""
    config = settings()
    client = redis.connect(config.redis_url.get_secret_value())
    picture = partial(_picture, config.database_url.get_secret_value())
    with redis.needed():
        result = push(event, client, sockets(config.socket_endpoint), picture)
    return counted(event, result, context)
