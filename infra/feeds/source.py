"""What a feed is: something that gives posts, one after another, as they come."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from barometer.errors import InvalidInputError
from barometer.faults import fault_of
from barometer.posts import RawPost

# A post as a feed says it: the JSON of a ``RawPost``, not yet checked.
RawPostJson = dict[str, Any]


class Feed(Protocol):
    """Where posts come from."""

    @property
    def name(self) -> str:
        """What ``BAROMETER_FEED`` calls it."""
        ...

    def posts(self) -> AsyncGenerator[RawPostJson | InvalidInputError, None]:
        """Its posts, each when it is there, or why what came is none; ends when the feed has ended.

        A feed takes the next only when asked, so that a slow consumer slows the feed; the consumer may stop at any.
        """
        ...


def raw_post(body: RawPostJson, now: datetime, retention: timedelta) -> RawPost:
    """Check one post, as the API would at ``now``.

    Raises:
        InvalidInputError: with the first field at fault and the reason.
    """
    try:
        post = RawPost.model_validate(body)
    except ValidationError as error:
        fault = fault_of(error.errors(include_url=False, include_context=False, include_input=False)[0])
        raise InvalidInputError(fault.field, fault.reason) from None
    refusal = post.fault(now, retention)
    if refusal is not None:
        raise InvalidInputError(*refusal)
    return post


def read_json(line: bytes) -> RawPostJson:
    """Read one line of JSON as a post.

    Raises:
        InvalidInputError: it is not JSON (or not UTF-8), or not an object.
    """
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError("", f"is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidInputError("", f"is not a JSON object but {type(body).__name__}")
    return body
