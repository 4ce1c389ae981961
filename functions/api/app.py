"""The HTTP API's handler: an API Gateway HTTP event (payload 2.0) in, its answer out.

Never raises for anything a client can send: what the application does not refuse itself, it answers with 500.
"""

from typing import Any

from mangum import Mangum
from mangum.types import LambdaContext

from barometer.observability import logger
from barometer.settings import settings
from functions.api.main import create_app

# At cold start: a wrong variable ends the process with its name.
settings()
# Text types go out as text; anything else (a Parquet file, one day) as base64, which API Gateway undoes.
_adapter = Mangum(
    create_app(), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"]
)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request."""
    headers = event.get("headers") or {}
    # The application builds no absolute URL, and a Host that is none (`[::1]:8000`) would trip the adapter.
    event["headers"] = {name: value for name, value in headers.items() if name.lower() not in _UNUSED_HEADERS}
    return _adapter(event, context)


_UNUSED_HEADERS = frozenset({"host", "x-forwarded-port"})
