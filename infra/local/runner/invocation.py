"""One request to a function, and what became of it."""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass, field

import orjson

from infra.local.runner.functions import LATEST


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function, or Lambda in its place, said to one request.

    Args:
        payload: the JSON for the caller.
        error_type: ``errorType`` when it is an error, as ``Runtime.ExitError`` or ``ValueError``; else ``""``.
    """

    payload: bytes
    error_type: str = ""

    @classmethod
    def error(cls, error_type: str, message: str, request_id: str = "") -> "Answer":
        """An error that Lambda, not the function, has to tell."""
        text = f"RequestId: {request_id} Error: {message}" if request_id else message
        return cls(orjson.dumps({"errorType": error_type, "errorMessage": text}), error_type)


@dataclass(slots=True)
class Invocation:
    """One request on its way.

    Args:
        payload: the event, JSON.
        client_context: the caller's context, JSON; ``""`` for none.
        trace: X-Ray header of the caller; ``""`` for none.
        with_log: whether the caller wants the end of the log with the answer.
    """

    payload: bytes
    client_context: str = ""
    trace: str = ""
    with_log: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    # Set once, by whatever comes first: the answer, the exit, the timeout.
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    # Whether the function may have seen it. One that it has not seen can go to another environment unharmed.
    delivered: bool = False

    def again(self) -> "Invocation":
        """The same request, for another environment."""
        return Invocation(self.payload, self.client_context, self.trace, self.with_log, self.id)

    def settle(self, answer: Answer) -> None:
        """Set the answer, if nobody has yet."""
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller is told.

    Args:
        request_id: for the caller's log and ours.
        answer: the function's.
        log: the last 4 KB of what was logged for this request.
        version: that answered.
    """

    request_id: str
    answer: Answer
    log: bytes
    version: str = LATEST


def unsampled_trace() -> str:
    """An X-Ray header that says "not sampled", which Lambda gives to every request that nobody traces."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
