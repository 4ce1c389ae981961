"""Traces of the pipeline's functions, in AWS X-Ray.

Apart from ``observability``, since making a ``Tracer`` imports X-Ray's SDK and whatever that patches (0.1 to 0.2 s of a
cold start): it is made only where it is asked for, and only while tracing is on. ``api`` and ``socket`` do not ask: a
person waits for their cold starts, and API Gateway and Lambda trace their requests already.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.shared.constants import TRACER_DISABLED_ENV
from aws_lambda_powertools.shared.functions import strtobool

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


def traced(handler: HandlerT) -> HandlerT:
    """Trace each call of a function's handler; with ``POWERTOOLS_TRACE_DISABLED``, the handler as it is.

    Its answers are kept out of the traces: they hold what people wrote.
    """
    if strtobool(os.environ.get(TRACER_DISABLED_ENV) or "false"):
        return handler
    decorated = Tracer(service="barometer").capture_lambda_handler(handler, capture_response=False)
    return cast("HandlerT", decorated)
