"""Records as the poller holds them: read from a stream, packed into parcels, told to a function.

Pure. A ``Parcel`` is what one invocation carries; what Lambda would refuse never gets into one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

# Lambda refuses a synchronous event beyond 6 MB.
LARGEST_EVENT = 6 * 1024 * 1024
# What an event has around its records: ``{"Records":[]}``.
BRACKETS = 14
# What a record's envelope adds to its body in an event: names, the longest id, stream and count, and a comma.
ENVELOPE = 256
# Characters that JSON writes as two, and those that it writes as six (``\u001f``).
ESCAPED_AS_TWO = b'"\\\b\f\n\r\t'
ESCAPED_AS_SIX = bytes(code for code in range(32) if code not in ESCAPED_AS_TWO)


@dataclass(frozen=True, slots=True)
class Try:
    """One invocation: when it began (ms since the epoch), how many records it carried, Lambda's id of it if known."""

    at_ms: int
    batch_size: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try came to nothing for a record: the function's ``errorType``, a sentence, and where in its code."""

    error_type: str
    reason: str
    tried: Try
    stack_trace: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a stream.

    Args:
        id: its id there; the first half is the time at which it was added.
        body: JSON text as it lies in Redis; ``None`` when the entry has no such field.
        weight: bytes that it takes in an event, at most.
        attempts: failed invocations that were its own fault so far.
        last: what its last try came to, as far as this poller knows.
    """

    id: str
    body: bytes | None
    weight: int
    attempts: int = 0
    last: Failure | None = None

    @classmethod
    def of(cls, entry_id: bytes, fields: Mapping[bytes, bytes], attempts: int = 0) -> "Record":
        """Read a stream's entry."""
        body = fields.get(b"body")
        return cls(entry_id.decode(), body, ENVELOPE if body is None else ENVELOPE + _escaped_length(body), attempts)

    @property
    def sent_at(self) -> int:
        """Milliseconds since the epoch at which it was added to its stream, by Redis's clock."""
        return int(self.id.partition("-")[0])

    @property
    def fault(self) -> str | None:
        """Why no function can ever be given this record, if so."""
        if self.body is None:
            return "the entry has no field 'body'"
        if (event_bytes := BRACKETS + self.weight) > LARGEST_EVENT:
            return f"the record makes an event of {event_bytes:,} bytes; Lambda takes {LARGEST_EVENT:,}"
        try:
            self.body.decode()
        except UnicodeDecodeError as error:
            return f"the body is not UTF-8: {error}"
        return None


def _escaped_length(body: bytes) -> int:
    """Bytes of ``body`` as a JSON string, exactly."""
    by_two = len(body) - len(body.translate(None, ESCAPED_AS_TWO))
    by_six = len(body) - len(body.translate(None, ESCAPED_AS_SIX))
    return 2 + len(body) + by_two + 5 * by_six


@dataclass(frozen=True, slots=True)
class Parcel:
    """Records for one invocation; ``failures`` in a row, its own and its forebears', set its next delay."""

    records: Sequence[Record]
    failures: int = 0


def pack(records: Iterable[Record], most: int, most_bytes: int) -> list[Parcel]:
    """Records, in order, in parcels of at most ``most`` and events within ``most_bytes``; one too heavy goes alone."""
    parcels: list[list[Record]] = []
    weight = BRACKETS
    for record in records:
        if not parcels or len(parcels[-1]) == most or weight + record.weight > most_bytes:
            parcels.append([])
            weight = BRACKETS
        parcels[-1].append(record)
        weight += record.weight
    return [Parcel(parcel) for parcel in parcels]


def told(stream: str, record: Record) -> dict[str, object]:
    """One record, which has no fault, as its function is told it."""
    return {
        "messageId": record.id,
        "body": (record.body or b"").decode(),
        "eventSource": "barometer:redis",
        "stream": stream,
        "attributes": {
            "ApproximateReceiveCount": str(record.attempts + 1),
            "SentTimestamp": str(record.sent_at),
        },
    }


def event(stream: str, records: Sequence[Record]) -> bytes:
    """The event that carries ``records``, none of which has a fault."""
    return orjson.dumps({"Records": [told(stream, record) for record in records]})
