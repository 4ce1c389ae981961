"""What the poller sends to a function and what it gets back: the whole contract between them.

In: ``{"Records": [{"messageId", "body", "eventSource", "stream", "attributes"}, …]}``, shaped like an SQS event. Out: a
``BatchResult``. **Every record of the batch must be named at least once in the answer**: as the origin of an output, as
finished, rejected or failed. An answer that forgets one, or names a stranger, fails the whole batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import orjson
from pydantic import BaseModel, ConfigDict, Field


class Attributes(BaseModel):
    """What the poller knows of a record: how often it was handed out, and since when it waits (ms since the epoch)."""

    receive_count: int = Field(alias="ApproximateReceiveCount", default=1)
    sent_timestamp: int = Field(alias="SentTimestamp")


class StreamRecord(BaseModel):
    """One record of a batch; ``body`` is JSON text, read by ``json``."""

    model_config = ConfigDict(frozen=True)

    message_id: str = Field(alias="messageId")
    body: str
    stream: str
    attributes: Attributes

    def json(self) -> Any:  # type: ignore[override]  # noqa: ANN401 (pydantic's old name; the body is any JSON)
        """The body, parsed. Raises ``orjson.JSONDecodeError`` (a ``ValueError``) when it is not JSON."""
        return orjson.loads(self.body)


class StreamEvent(BaseModel):
    """A batch from one stream, never empty."""

    model_config = ConfigDict(frozen=True)

    records: list[StreamRecord] = Field(alias="Records", min_length=1)


# The names on the wire hold a Python keyword ("from", "as"), so these two need the functional form.
OutputRecord = TypedDict("OutputRecord", {"from": str, "to": str, "body": Any, "key": NotRequired[str]})
Finished = TypedDict("Finished", {"itemIdentifier": str, "as": str})


class ItemIdentifier(TypedDict):
    """A record of the batch, by its message id."""

    itemIdentifier: str


class Rejection(ItemIdentifier):
    """A record that never will work, and why."""

    reason: str


class Response(TypedDict):
    """The JSON that a step returns."""

    records: list[OutputRecord]
    finished: list[Finished]
    batchItemFailures: list[ItemIdentifier]
    rejections: list[Rejection]


@dataclass(slots=True)
class BatchResult:
    """Collects what became of each record of a batch."""

    records: list[OutputRecord] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    failures: list[ItemIdentifier] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def emit(self, origin: str, to: str, body: Any, *, key: str | None = None) -> None:  # noqa: ANN401 (any JSON)
        """Write ``body`` to stream ``to`` when the batch commits.

        With a ``key``, only if no record with that key was written there lately: else it counts as a duplicate.
        """
        record: OutputRecord = {"from": origin, "to": to, "body": body}
        if key is not None:
            record["key"] = key
        self.records.append(record)

    def finish(self, origin: str, outcome: str) -> None:
        """This record ends here; the commit adds one to the counter ``outcome`` (``stored``, ``duplicates``, …)."""
        self.finished.append({"itemIdentifier": origin, "as": outcome})

    def fail(self, origins: Iterable[str]) -> None:
        """Try these again."""
        self.failures.extend({"itemIdentifier": origin} for origin in origins)

    def reject(self, origin: str, reason: str) -> None:
        """This record never will work: straight to the dead letters, with the reason."""
        self.rejections.append({"itemIdentifier": origin, "reason": reason})

    def as_response(self) -> Response:
        """The JSON that the function returns."""
        return {
            "records": self.records,
            "finished": self.finished,
            "batchItemFailures": self.failures,
            "rejections": self.rejections,
        }
