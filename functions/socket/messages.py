"""What a client may say on a socket, and the frames that answer it (``docs/asyncapi.yaml`` tells it whole)."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from barometer.faults import Fault, fault_of

Topic = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$")]


class Subscribe(BaseModel):
    """From now on, these topics instead of those before."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: Literal["subscribe"]
    topics: Annotated[list[Topic], Field(min_length=1, max_length=100)]
    posts: bool = False
    since_seq: Annotated[int, Field(ge=0)] | None = None


class Ping(BaseModel):
    """Still there?"""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: Literal["ping"]


_messages: TypeAdapter[Subscribe | Ping] = TypeAdapter(Annotated[Subscribe | Ping, Field(discriminator="action")])


class BadMessageError(Exception):
    """A message that is none of ours.

    Args:
        frame: the error frame that says so to its sender.
    """

    def __init__(self, frame: bytes) -> None:
        super().__init__(frame)
        self.frame = frame


def read(text: str) -> Subscribe | Ping:
    """Understand a message.

    Raises:
        BadMessageError: it is not JSON, or not as ``Subscribe`` or ``Ping`` has it.
    """
    try:
        return _messages.validate_python(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise BadMessageError(problem(HTTPStatus.BAD_REQUEST, f"the message is not JSON: {error}")) from None
    except ValidationError as error:
        faults = [_fault(fault) for fault in error.errors()]
        detail = f"{faults[0].field} {faults[0].reason}"
        raise BadMessageError(problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults)) from None


def _fault(error: Any) -> Fault:  # noqa: ANN401 (pydantic's own TypedDict)
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return Fault("action", "must be 'subscribe' or 'ping'")
    fault = fault_of(error)
    # The first part of a location in a union is the name of its member.
    return Fault(fault.field.partition(".")[2] or "message", fault.reason)


def problem(status: HTTPStatus, detail: str, faults: list[Fault] | None = None) -> bytes:
    """The error frame."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return orjson.dumps({"type": "error", "problem": body | {"errors": faults or []}})


def hello(seq: int, since_seq: int | None) -> bytes:
    """The answer to a subscription: the number of the last frame, and whether one was missed since ``since_seq``."""
    return orjson.dumps({"type": "hello", "seq": seq, "missed": since_seq is not None and since_seq != seq})


def pong(seq: int) -> bytes:
    """The answer to a ping."""
    return orjson.dumps({"type": "pong", "seq": seq})
