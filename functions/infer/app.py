"""Scores posts: the handler, for batches of ``posts``. The work is ``barometer.steps.infer``."""

from functools import cache

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.analyzers.chain import MOST_CHARACTERS, Chain, Used
from barometer.errors import UnavailableError
from barometer.events import Response, StreamEvent
from barometer.garbage import collect_seldom
from barometer.observability import counted, logger, metrics
from barometer.settings import settings
from barometer.steps.infer import infer
from barometer.tracing import traced
from functions.infer.scoring import chain_for, notes_for

collect_seldom()


@cache
def chain() -> Chain:
    """Who scores here."""
    made = chain_for(settings())
    made.load()
    return made


# At cold start: a wrong variable ends the process with its name; a model that is missing is told of, and another used.
chain()


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
@event_parser(model=StreamEvent)
def handler(event: StreamEvent, context: LambdaContext) -> Response:
    """Score one batch."""
    # What `POST /api/analyze` asks is no post.
    notes = notes_for(settings()) if event.records[0].stream == "posts" else None
    try:
        result, usage = infer(event, chain(), overload_after_seconds=settings().overload_after_seconds)
    except UnavailableError as error:
        if notes:
            notes.add({}, Used(None, str(error)[:MOST_CHARACTERS]))
        raise
    if notes:
        notes.add(usage.counts, usage.leading)
    return counted(event, result, context, usage.metrics)
