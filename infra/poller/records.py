"""Records as the poller holds them: read from a stream, packed into parcels, told to a function.

Pure. A ``Parcel`` is what one invocation carries; what Lambda would refuse never gets into one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

# Lambda refuses a synchronous event beyond 6 MB; the event's own brackets take the rest.
LARGEST_EVENT = 6 * 1024 * 1024 - 1_000
# What a record's envelope adds to its body in an event: names, id, stream, attributes.
ENVELOPE = 256


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a stream.

    Args:
        id: its id there; the first half is the time at which it was added.
        body: JSON text as it lies in Redis; ``None`` when the entry has no such field.
        weight: bytes that it takes in an event.
        attempts: failed invocations that were its own fault so far.
    """

    id: str
    body: bytes | None
    weight: int
    attempts: int = 0

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
        if self.weight > LARGEST_EVENT:
            return f"the record takes {self.weight:,} bytes in an event; Lambda takes {LARGEST_EVENT:,}"
        try:
            self.body.decode()
        except UnicodeDecodeError as error:
            return f"the body is not UTF-8: {error}"
        return None


def _escaped_length(body: bytes) -> int:
    """Bytes of ``body`` as a JSON string: quotes, backslashes and line ends are escaped by one character more."""
    return 2 * len(body) - len(body.translate(None, b'"\\\n\r\t')) + 2


@dataclass(frozen=True, slots=True)
class Parcel:
    """Records for one invocation; ``failures`` in a row, its own and its forebears', set its next delay."""

    records: Sequence[Record]
    failures: int = 0


def pack(records: Iterable[Record], most: int, most_bytes: int) -> list[Parcel]:
    """Records, in order, in parcels within ``most`` records and ``most_bytes``; one that is too heavy goes alone."""
    parcels: list[list[Record]] = []
    weight = 0
    for record in records:
        if not parcels or len(parcels[-1]) == most or weight + record.weight > most_bytes:
            parcels.append([])
            weight = 0
        parcels[-1].append(record)
        weight += record.weight
    return [Parcel(parcel) for parcel in parcels]


def event(stream: str, records: Sequence[Record]) -> bytes:
    """The event that carries ``records``, none of which has a fault."""
    return orjson.dumps(
        {
            "Records": [
                {
                    "messageId": record.id,
                    "body": (record.body or b"").decode(),
                    "eventSource": "barometer:redis",
                    "stream": stream,
                    "attributes": {
                        "ApproximateReceiveCount": str(record.attempts + 1),
                        "SentTimestamp": str(record.sent_at),
                    },
                }
                for record in records
            ]
        }
    )
