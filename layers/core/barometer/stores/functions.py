"""The door to other functions: AWS's Lambda API, and the three ways in which a call can go wrong told apart.

- The function failed (it raised, timed out, died, or answered more than Lambda lets through): ``FunctionError``; what
  it was given may be to blame.
- It was throttled: ``ThrottledError``.
- It cannot be reached at all (endpoint down, function not deployed, no permission), or it said itself that something it
  needs is down (``UnavailableError``): ``UnavailableError``; what it was given is not to blame.

No call is repeated here: who calls knows what that would cost.
"""

from typing import TYPE_CHECKING

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ReadTimeoutError

from barometer.errors import BarometerError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

CONNECT_SECONDS = 3
# What Lambda says of an event that it will never take; smaller ones may pass.
UNFIT_EVENT = ("RequestTooLargeException", "InvalidRequestContentException")


class ThrottledError(UnavailableError):
    """The function runs as often as it may already (429)."""


class FunctionError(BarometerError):
    """The function failed on what it was given."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


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

    def call(self, function_name: str, payload: bytes) -> bytes:
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
            raise FunctionError("InvokeTimeout", reason) from None
        except ClientError as error:
            raise _refused(function_name, error) from error
        except (BotoCoreError, OSError) as error:
            raise UnavailableError(f"{function_name} cannot be reached: {error}") from error
        if response.get("FunctionError"):
            raise _failed(answer)
        return answer


def _refused(function_name: str, error: ClientError) -> BarometerError:
    """What it means that the API did not run the function."""
    fault = error.response.get("Error", {})
    code, message = fault.get("Code", "?"), fault.get("Message", "")
    if code == "TooManyRequestsException" or _status(error) == 429:
        return ThrottledError(f"{function_name} is throttled: {message}")
    if code in UNFIT_EVENT or _status(error) == 413:
        return FunctionError(code, message)
    return UnavailableError(f"{function_name} cannot be invoked: {code}: {message}")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _failed(answer: bytes) -> BarometerError:
    """The error that the function, or its runtime, told of: ``{errorType, errorMessage, …}``."""
    try:
        told = orjson.loads(answer)
        error_type, message = str(told["errorType"]), str(told["errorMessage"])
    except (ValueError, TypeError, KeyError):
        return FunctionError("Unknown", answer[:1_000].decode(errors="replace"))
    if error_type == UnavailableError.__name__:
        return UnavailableError(message)
    return FunctionError(error_type, message)
