"""Has each function that serves the pipeline answer once, so that "ready" also means that a post will get through.

Each is sent one record that none accepts and none acts on: what comes back is thrown away, and nothing is stored, sent
or counted. A function that cannot start (a package is missing, say) is found here and not by the first post, and the
first post finds every function started.
"""

import asyncio

import aiohttp
import orjson
from pydantic import BaseModel, Field

from barometer.errors import BarometerError

_SECONDS = 90.0
_EVENT = orjson.dumps(
    {
        "Records": [
            {
                "messageId": "0-1",
                "body": "{}",
                "eventSource": "barometer:redis",
                "stream": "none",
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
            }
        ]
    }
)


class _Fault(BaseModel):
    """What Lambda tells of a function that failed."""

    error_type: str = Field(alias="errorType", default="")
    message: str = Field(alias="errorMessage", default="")


async def wake(lambda_url: str, functions: list[str]) -> None:
    """Invoke each function once.

    Args:
        lambda_url: endpoint of the Lambda API.
        functions: their names.

    Raises:
        BarometerError: one fails, with its own words.
    """
    async with (
        aiohttp.ClientSession(lambda_url, timeout=aiohttp.ClientTimeout(total=_SECONDS)) as client,
        asyncio.TaskGroup() as group,
    ):
        for function in functions:
            group.create_task(_invoke(client, function))


async def _invoke(client: aiohttp.ClientSession, function: str) -> None:
    try:
        async with client.post(f"/2015-03-31/functions/{function}/invocations", data=_EVENT) as response:
            answer = await response.read()
            if response.ok and "X-Amz-Function-Error" not in response.headers:
                return
    except (aiohttp.ClientError, TimeoutError) as error:
        raise BarometerError(f"function {function} does not answer: {error or type(error).__name__}") from error
    try:
        fault = _Fault.model_validate_json(answer)
    except ValueError:
        raise BarometerError(f"function {function} fails: {response.status} {answer[:200]!r}") from None
    raise BarometerError(
        f"function {function} fails: {fault.error_type}: {next(iter(fault.message.splitlines()), '')[:300]}"
    )
