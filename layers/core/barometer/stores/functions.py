"""The door to other functions: AWS's Lambda API, and the three ways in which a call can go wrong told apart.

- The function failed (it raised, timed out, died, or answered more than Lambda lets through): ``FunctionError``; what
  it was given may be to blame. ``FunctionTimeoutError`` and ``TooLargeError`` are those that ask for something else
  than the same call again: fewer calls at a time, and a smaller one.
- It was throttled: ``ThrottledError``.
- It cannot be reached at all (endpoint down, function not deployed, no permission), or it said itself that something it
  needs is down (``UnavailableError``): ``UnavailableError``; what it was given is not to blame.

No call is repeated here: who calls knows what that would cost.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ReadTimeoutError

from barometer.errors import BarometerError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

CONNECT_SECONDS = 3
# What Lambda says of an event that it will never take.
UNFIT_EVENT = "InvalidRequestContentException"
# What it says of an event, and of an answer, beyond 6 MB: a smaller batch may pass.
TOO_LARGE = ("RequestTooLargeException", "Function.ResponseSizeTooLarge")
TIMED_OUT = "Sandbox.Timedout"
# All that is kept of an error's type, message and stack trace, each of which may be as long as a function's answer.
LONGEST_TEXT = 4_096


@dataclass(frozen=True, slots=True)
class Reply:
    """What a function answered, and Lambda's id of the request (``""`` if it told none), to find it in the logs."""

    payload: bytes
    request_id: str = ""


class ThrottledError(UnavailableError):
    """The function runs as often as it may already (429)."""


class FunctionError(BarometerError):
    """The function failed on what it was given.

    Args:
        error_type: its name of the error, or Lambda's.
        message: its sentence.
        stack_trace: its lines, the innermost call last; ``""`` if none was told.
        request_id: Lambda's id of the request; ``""`` if it told none.
    """

    def __init__(self, error_type: str, message: str, stack_trace: str = "", request_id: str = "") -> None:
        super().__init__(message[:LONGEST_TEXT])
        self.error_type = error_type[:LONGEST_TEXT]
        # What the innermost calls were says more than how they were reached.
        self.stack_trace = stack_trace[-LONGEST_TEXT:]
        self.request_id = request_id


class FunctionTimeoutError(FunctionError):
    """The function took longer than it may; fewer calls at a time may be quicker."""


class TooLargeError(FunctionError):
    """The event, or the answer to it, is beyond 6 MB: the same call will never pass, a smaller one may."""


class Functions:
    """A client of the Lambda API. Safe to share between threads.

    Args:
        endpoint: URL of the Lambda API; empty for what the environment says, and AWS's own in the end.
        timeout_seconds: how long one call may take.
        connections: most calls in flight; more of them wait.

    Raises:
        SettingsError: there is no region, or the endpoint is no URL.
    """

    def __init__(self, endpoint: str = "", *, timeout_seconds: float, connections: int = 1) -> None:
        self._timeout_seconds = timeout_seconds
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=timeout_seconds,
            retries={"total_max_attempts": 1},
            max_pool_connections=connections,
            tcp_keepalive=True,
        )
        try:
            self._client: LambdaClient = boto3.client("lambda", endpoint_url=endpoint or None, config=config)
        except (NoRegionError, ValueError) as error:
            raise SettingsError(f"the Lambda API cannot be called: {error}") from error

    def call(self, function_name: str, payload: bytes) -> Reply:
        """Call the function and give its answer.

        Raises:
            FunctionError: it failed.
            UnavailableError: it did not run, or could not for want of what it needs (``ThrottledError``: for want of
                room).
        """
        try:
            response = self._client.invoke(FunctionName=function_name, Payload=payload)
            answer = response["Payload"].read()
        except ReadTimeoutError:
            reason = f"{function_name} did not answer within {self._timeout_seconds:g} s"
            raise FunctionTimeoutError("InvokeTimeout", reason) from None
        except ClientError as error:
            raise _refused(function_name, error) from error
        except (BotoCoreError, OSError) as error:
            raise UnavailableError(f"{function_name} cannot be reached: {error}") from error
        request_id = response["ResponseMetadata"].get("RequestId", "")
        if response.get("FunctionError"):
            raise _failed(answer, request_id)
        return Reply(answer, request_id)


def _refused(function_name: str, error: ClientError) -> BarometerError:
    """What it means that the API did not run the function."""
    fault = error.response.get("Error", {})
    # Half a surrogate pair, which JSON can say, could be written nowhere.
    code, message = fault.get("Code", "?"), fault.get("Message", "").encode(errors="replace").decode()
    if code == "TooManyRequestsException" or _status(error) == 429:
        return ThrottledError(f"{function_name} is throttled: {message}")
    if code in TOO_LARGE or _status(error) == 413:
        return TooLargeError(code, message)
    if code == UNFIT_EVENT:
        return FunctionError(code, message)
    return UnavailableError(f"{function_name} cannot be invoked: {code}: {message}")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _failed(answer: bytes, request_id: str) -> BarometerError:
    """The error that the function, or Lambda in its place, told of: ``{errorType, errorMessage, stackTrace, …}``."""
    try:
        told = orjson.loads(answer)
        message = str(told["errorMessage"])
        # Lambda has told of a timeout without a type.
        error_type = str(told.get("errorType") or (TIMED_OUT if "Task timed out after" in message else "Unknown"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return FunctionError("Unknown", answer.decode(errors="replace"), request_id=request_id)
    if error_type == UnavailableError.__name__:
        return UnavailableError(message[:LONGEST_TEXT])
    kind = FunctionError
    if error_type == TIMED_OUT:
        kind = FunctionTimeoutError
    elif error_type in TOO_LARGE:
        kind = TooLargeError
    return kind(error_type, message, _stack_trace(told.get("stackTrace")), request_id)


def _stack_trace(told: Any) -> str:  # noqa: ANN401 (any JSON: what the function's runtime makes of it)
    """Its lines; Python's runtime ends each with a line feed, others do not."""
    return "\n".join(str(line).rstrip("\n") for line in told) if isinstance(told, list) else ""
