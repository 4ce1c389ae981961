"""What ``POST /proxy/{name}`` tells ministack, so that what its callers hear is what AWS would have told them.

ministack 1.5.33 forwards an event for a function with ``MINISTACK_LAMBDA_PROXY_URL`` and reads the reply thus
(``services/lambda_svc.py``, ``_execute_function_proxy``): a 2xx body is the function's result, even if it looks like an
error; anything else is an error whose message is the status and the first 512 bytes. There is no way to say
"throttled". Its HTTP API then answers an error with 502 and the whole error, stack trace included, where API Gateway
answers 500 and ``Internal Server Error``. So an event of an HTTP API gets API Gateway's own answer, as a result.

It waits for the function's timeout and no longer, the start of an environment included.
"""

import orjson

from infra.local.runner.errors import ServiceError
from infra.local.runner.invocation import Answer

# An HTTP API takes 10 MB, which base64 makes longer, and wraps it in an event.
PROXY_BYTES = 16 * 1024 * 1024
_ERROR_STATUS = 502


def as_ministack_reads_it(event: bytes, answer: Answer) -> tuple[int, bytes]:
    """Status and body for a function's answer."""
    if not answer.error_type:
        return 200, answer.payload
    if _of_http_api(event):
        return 200, _response(500, "Internal Server Error")
    return _ERROR_STATUS, answer.payload


def refusal_as_ministack_reads_it(event: bytes, error: ServiceError) -> tuple[int, bytes]:
    """Status and body for a request that no function has seen."""
    if not _of_http_api(event):
        return error.status, error.body
    if error.status == 413:
        return 200, _response(413, "Request Entity Too Large")
    # Throttled, or the runner is stopping: the caller may come again.
    return 200, _response(503, "Service Unavailable", {"retry-after": "1"})


def _response(status: int, message: str, headers: dict[str, str] | None = None) -> bytes:
    return orjson.dumps(
        {
            "statusCode": status,
            "headers": {"content-type": "application/json", **(headers or {})},
            "body": orjson.dumps({"message": message}).decode(),
        }
    )


def _of_http_api(event: bytes) -> bool:
    """Whether the event is an HTTP API's request, payload format 2.0."""
    try:
        request = orjson.loads(event)
        return bool(request["version"] == "2.0" and "http" in request["requestContext"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return False
