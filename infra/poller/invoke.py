"""Calls functions for asyncio; what went wrong is told apart as ``barometer.stores.functions`` does."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from barometer.stores.functions import Functions, Reply


class Invoker:
    """The Lambda API for asyncio: calls run in threads, as many as may be in flight.

    Args:
        endpoint: URL of the Lambda API; empty for what the environment says, and AWS's own in the end.
        timeout_seconds: how long one call may take; longer than any function's own timeout.
        concurrency: calls in flight; more of them wait.
    """

    def __init__(self, endpoint: str, timeout_seconds: float, concurrency: int) -> None:
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="invoke")
        # A call is not repeated there: the pipe has its own retries, which know records, attempts and age.
        self._functions = Functions(endpoint, timeout_seconds=timeout_seconds, connections=concurrency)

    async def invoke(self, function_name: str, payload: bytes) -> Reply:
        """Call the function and give its answer.

        Raises:
            FunctionError, UnavailableError: see ``Functions.call``.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._functions.call, function_name, payload
        )

    def close(self) -> None:
        """Let no more calls begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)
