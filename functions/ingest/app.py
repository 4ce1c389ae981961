"""The Lambda function ``ingest``: batches of ``raw`` in, clean posts for ``posts`` out."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer import language
from barometer.events import Response, StreamEvent
from barometer.observability import logger, metrics, tracer
from barometer.settings import Settings, load
from barometer.steps.ingest import ingest
from barometer.stores.topics import compiled_topics

# At cold start: a wrong variable ends the process with its name, and the first post waits for nothing.
settings = load(Settings)
language.load()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # the response holds what people wrote
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 (the decorators read it)
    """Clean one batch."""
    batch = StreamEvent.model_validate(event)
    result = ingest(
        batch,
        compiled_topics(settings.database_url.get_secret_value()),
        timedelta(days=settings.retention_days),
        settings.default_language,
    )
    metrics.add_metric("PostsTaken", MetricUnit.Count, len(batch.records))
    metrics.add_metric("PostsRejected", MetricUnit.Count, len(result.rejections))
    return result.as_response()
