"""What Lambda's Invoke refuses, in the words and shapes that AWS clients know.

Source: the Lambda API Reference, "Invoke", section Errors; the message texts are what Lambda answers.
"""

import orjson

from barometer.errors import BarometerError

# Lambda quotas, "Invocation payload": 6 MB each way for synchronous requests, 1 MB for asynchronous ones. An answer may
# be 100 bytes longer than a request; Lambda names that figure in its own error.
REQUEST_BYTES = 6 * 1024 * 1024
RESPONSE_BYTES = REQUEST_BYTES + 100
EVENT_BYTES = 1024 * 1024


class ServiceError(BarometerError):
    """A refusal of the Lambda API.

    Args:
        message: what is wrong, for a person.
        status: HTTP status.
        code: AWS's name of the exception, which clients select on.
        fields: members of the exception besides ``Type`` and the message.
    """

    def __init__(self, message: str, *, status: int, code: str, **fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self._body = {"Type": "User" if status < 500 else "Service", "message": message, **fields}

    @property
    def body(self) -> bytes:
        """The exception as JSON."""
        return orjson.dumps(self._body)


class UnknownFunctionError(ServiceError):
    """No function has this name (404)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Function not found: {name}", status=404, code="ResourceNotFoundException")


class ThrottledError(ServiceError):
    """Every environment that the function may have is busy (429); Lambda does not wait for one, and neither do we."""

    def __init__(self, *, reserved: bool) -> None:
        reason = (
            "ReservedFunctionConcurrentInvocationLimitExceeded" if reserved else "ConcurrentInvocationLimitExceeded"
        )
        super().__init__("Rate Exceeded.", status=429, code="TooManyRequestsException", Reason=reason)


class TooLargeError(ServiceError):
    """The request is longer than its kind of invocation allows (413)."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
            status=413,
            code="RequestTooLargeException",
        )


class InvalidContentError(ServiceError):
    """The request's body is not JSON (400)."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Could not parse request body into json: {reason}", status=400, code="InvalidRequestContentException"
        )


class InvalidParameterError(ServiceError):
    """A header or parameter has a value that Invoke does not know (400)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=400, code="InvalidParameterValueException")


class UnavailableError(ServiceError):
    """The runner cannot serve now: it is stopping, or cannot read the function's settings (500; clients retry)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=500, code="ServiceException")
