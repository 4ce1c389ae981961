"""The Lambda function ``infer``: batches of ``posts`` in, scored posts for ``scored`` out."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.analyzer import analyzer
from barometer.events import Response, StreamEvent
from barometer.observability import logger, metrics, tracer
from barometer.settings import Settings, load
from barometer.steps.infer import infer

# At cold start: a wrong variable or a missing model ends the process with its name.
settings = load(Settings)
model = analyzer(settings.model)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)  # the response holds what people wrote
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 (the decorators read it)
    """Score one batch."""
    batch = StreamEvent.model_validate(event)
    result = infer(batch, model)
    metrics.add_metric("PostsScored", MetricUnit.Count, len(result.records))
    metrics.add_metric("PostsFailed", MetricUnit.Count, len(result.failures))
    return result.as_response()
