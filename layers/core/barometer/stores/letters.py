"""The door to the dead letters: list them, read one, count them. ``barometer.stores.redrive`` sends them again.

A letter is named by its partition and its place there, and the name is a moment in time. Lists are newest first over
all partitions, and a page ends at a name: what dies or is sent again meanwhile shows no other letter twice and leaves
none out. Values are cut inside Redis, so that no letter, however large, fills a reader's memory.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from barometer.errors import InvalidInputError, NotFoundError
from barometer.stores.streams import script
from barometer.streams import DEAD, stream_key

if TYPE_CHECKING:
    from barometer.stores.redis import Client

Kind = Literal["rejected", "dead"]
# A whole letter, and one in a list. A letter may hold a record of megabytes that no function can be given, and an
# answer of the API 6 MB.
MOST_BYTES: Final = 100_000
MOST_BYTES_LISTED: Final = 1_000
# Letters that one script looks at: it holds up the whole Redis while it runs.
_SLICE: Final = 50
# Letters that one page looks at when hardly any is wanted; more than a slice of every partition, so that each page
# comes some way.
_MOST_LOOKED_AT: Final = 10_000
_LARGEST: Final = 2**64 - 1
_DIGITS: Final = len(str(_LARGEST))
_NAME: Final = re.compile(r"([0-9]{1,4})-([0-9]{1,20})-([0-9]{1,20})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class LetterId:
    """A letter's name, ``PARTITION-MILLISECONDS-NUMBER``; the later died, the greater."""

    ms: int
    number: int
    partition: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.entry}"

    @property
    def entry(self) -> str:
        """Its id in the stream of its partition."""
        return f"{self.ms}-{self.number}"

    @classmethod
    def of(cls, partition: int, entry: bytes) -> Self:
        """The name of an entry that Redis gave."""
        ms, _, number = entry.partition(b"-")
        return cls(int(ms), int(number), partition)

    @classmethod
    def parse(cls, text: str, field: str = "id") -> Self:
        """Read a name back.

        Raises:
            InvalidInputError: it names no letter; the field is ``field``.
        """
        matched = _NAME.fullmatch(text)
        if matched:
            partition, ms, number = map(int, matched.groups())
            if 0 < max(ms, number) <= _LARGEST:
                return cls(ms, number, partition)
        raise InvalidInputError(field, f"{text[:60]!r} names no dead letter; one looks like 0-1763800000000-0")


_FIRST: Final = LetterId(_LARGEST, _LARGEST, _LARGEST)
_END: Final = LetterId(-1, -1, -1)


@dataclass(frozen=True, slots=True)
class LastTry:
    """The last invocation that carried the record, and what it came to."""

    tried_at: datetime | None
    request_id: str
    batch_size: int | None
    error_message: str
    stack_trace: str

    @classmethod
    def taken_from(cls, fields: dict[str, str]) -> Self | None:
        """What a letter's fields tell of it, taken out of them; ``None``: it was never tried."""
        if "tried_at" not in fields:
            return None
        return cls(
            tried_at=_moment(fields.pop("tried_at")),
            request_id=fields.pop("request_id", ""),
            batch_size=_number(fields.pop("batch_size", "")),
            error_message=fields.pop("error_message", ""),
            stack_trace=fields.pop("stack_trace", ""),
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the record, where and why it died. What a letter does not tell is ``""`` or ``None``.

    ``body`` and the texts may be cut; ``body_bytes`` is how many bytes the body really has. ``record_id`` was its id in
    ``stream``. ``details`` are the fields that have no place of their own here.
    """

    id: LetterId
    kind: str
    condition: str
    stream: str
    pipe: str
    function: str
    record_id: str
    reason: str
    error_type: str
    attempts: int | None
    first_at: datetime | None
    dead_at: datetime | None
    last_try: LastTry | None
    body: str
    body_bytes: int
    details: Mapping[str, str]

    @classmethod
    def of(cls, partition: int, row: Sequence[bytes]) -> Self:
        """Read a row of ``letters.lua``: an id, the length of the body, then fields and values."""
        entry, length, *flat = row
        texts = (value.decode(errors="replace") for value in flat)
        fields = dict(zip(texts, texts, strict=True))
        return cls(
            id=LetterId.of(partition, entry),
            kind=fields.pop("kind", ""),
            condition=fields.pop("condition", ""),
            stream=fields.pop("stream", ""),
            pipe=fields.pop("pipe", ""),
            function=fields.pop("function", ""),
            record_id=fields.pop("id", ""),
            reason=fields.pop("reason", ""),
            error_type=fields.pop("error_type", ""),
            attempts=_number(fields.pop("attempts", "")),
            first_at=_moment(fields.pop("first_at", "")),
            dead_at=_moment(fields.pop("dead_at", "")),
            last_try=LastTry.taken_from(fields),
            body=fields.pop("body", ""),
            body_bytes=int(length),
            details=fields,
        )

    def as_public(self) -> dict[str, Any]:
        """As the API and ``--json`` show it."""
        shown = asdict(self) | {"id": str(self.id)}
        for part in filter(None, (shown, shown["last_try"])):
            for name, value in part.items():
                if isinstance(value, datetime):
                    part[name] = value.isoformat()
        return shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: of one kind, of one pipe; ``None`` is any."""

    kind: Kind | None = None
    pipe: str | None = None

    def pairs(self) -> list[str]:
        """As the script takes them."""
        given = {"kind": self.kind, "pipe": self.pipe}
        return [part for name, value in given.items() if value is not None for part in (name, value)]


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the list; it goes on behind ``next_cursor``, and ends where that is ``None``."""

    items: Sequence[Letter]
    next_cursor: LetterId | None


@dataclass(frozen=True, slots=True)
class _Look:
    """How far one partition has been looked at: all that is not older than ``down_to``."""

    partition: int
    down_to: LetterId

    def begin(self) -> str:
        """The first entry that has not been; of one moment, the partitions follow each other downwards."""
        return self.down_to.entry if self.partition < self.down_to.partition else f"({self.down_to.entry}"


def page(
    client: "Client", partitions: int, wanted: Wanted, *, limit: int, cursor: LetterId | None, bytes_each: int
) -> Page:
    """Letters, those that died last first.

    A page may hold fewer than ``limit``, or none, and still have a ``next_cursor``: when few letters are wanted, it
    ends after it has looked at some thousands.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    looks = [_Look(partition, cursor or _FIRST) for partition in range(partitions)]
    found: list[Letter] = []
    looked_at = 0
    while True:
        # Whatever is not older than this has been seen in every partition.
        furthest = max(looks, key=lambda look: look.down_to)
        complete = sorted((one for one in found if one.id >= furthest.down_to), key=lambda one: one.id, reverse=True)
        if len(complete) > limit:
            return Page(complete[:limit], complete[limit - 1].id)
        if furthest.down_to == _END:
            return Page(complete, None)
        if looked_at >= _MOST_LOOKED_AT:
            return Page(complete, furthest.down_to)
        letters, down_to = _look(client, furthest, wanted, _SLICE, bytes_each)
        found += letters
        looks[furthest.partition] = replace(furthest, down_to=down_to)
        looked_at += _SLICE


def get(client: "Client", partitions: int, letter_id: LetterId) -> Letter:
    """One letter.

    Raises:
        NotFoundError: it is not there, or not any more.
        redis.RedisError: Redis cannot be reached.
    """
    if letter_id.partition < partitions:
        # As if all before it had been seen: of its own moment, in a partition behind its own.
        look = _Look(letter_id.partition, replace(letter_id, partition=letter_id.partition + 1))
        for letter in _look(client, look, Wanted(), 1, MOST_BYTES)[0]:
            if letter.id == letter_id:
                return letter
    raise NotFoundError(f"there is no dead letter {letter_id}: it was sent again, or never was")


def lying(client: "Client", partitions: int) -> int:
    """How many letters there are. Raises redis-py's errors."""
    return sum(client.xlen(stream_key(DEAD, partition)) for partition in range(partitions))


def count(client: "Client", partitions: int) -> Counter[tuple[str, str]]:
    """Every letter, looked at one by one: how many died in which stream, of which kind. Raises redis-py's errors."""
    return Counter(
        (letter.stream, letter.kind) for partition in range(partitions) for letter in _walk(client, partition)
    )


def _walk(client: "Client", partition: int) -> Iterator[Letter]:
    look = _Look(partition, _FIRST)
    while look.down_to != _END:
        letters, down_to = _look(client, look, Wanted(), _SLICE, 64)
        yield from letters
        look = _Look(partition, down_to)


def _look(client: "Client", look: _Look, wanted: Wanted, most: int, bytes_each: int) -> tuple[list[Letter], LetterId]:
    """The next letters of one partition, and how far they come."""
    last, *rows = cast(
        "tuple[bytes, list[bytes]]",
        client.register_script(script("letters"))(
            keys=[stream_key(DEAD, look.partition)], args=[look.begin(), most, bytes_each, *wanted.pairs()]
        ),
    )
    letters = [Letter.of(look.partition, row) for row in rows]
    return letters, LetterId.of(look.partition, last) if last else _END


def _number(text: str) -> int | None:
    """A whole number, if it is one that Redis could have counted."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def _moment(text: str) -> datetime | None:
    """Milliseconds since the epoch; ``None`` if it is no such number, or one beyond the calendar."""
    ms = _number(text)
    try:
        return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
