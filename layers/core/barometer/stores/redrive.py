"""Sends dead letters again: each back to the stream in which it died, as a new record, with its age and attempts anew.

It keeps promises 1 and 2. Letters are moved by one atomic Redis script a slice (``redrive.lua``): a process that is
killed has sent a letter or has not, two at once send each letter once, and the books balance at every instant. A full
stream takes none (promise 3): what has no room stays a letter. Only where the dead letters are at their bound too, so
many go beyond their stream's as make room among them: until there is some, no pipe makes room anywhere.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, cast

from barometer.stores.letters import LetterId, Wanted, page
from barometer.stores.streams import TOKEN_SECONDS, script
from barometer.streams import DEAD, Deployment, counters_key, stream_key

if TYPE_CHECKING:
    from barometer.stores.redis import Client

# Letters that one script moves: it holds up the whole Redis while it runs.
SLICE: Final = 100
# How soon a full stream is worth another try.
RETRY_AFTER_SECONDS: Final = 2
_WHY_NOT: Final = {
    "body": "it has no body",
    "stream": "no pipe reads the stream {!r}, in which it died",
    "kind": "it is of kind {!r}, which no counter knows",
    "full": "the stream {!r} is full; try again later",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter that stays where it is, and why; ``for_now``: only because its stream is full."""

    id: LetterId
    reason: str
    for_now: bool


@dataclass(slots=True)
class Redriven:
    """What became of letters: sent again, not there (any more), refused."""

    sent: list[LetterId] = field(default_factory=list)
    missing: list[LetterId] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(self, more: "Redriven") -> None:
        """What became of others as well."""
        self.sent += more.sent
        self.missing += more.missing
        self.refused += more.refused

    @property
    def is_held_up(self) -> bool:
        """Whether some had to stay because a stream is full."""
        return any(refusal.for_now for refusal in self.refused)


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a sweep came: it goes on behind ``next_cursor`` unless it is ``done``; ``held_up``: by a full stream."""

    redriven: Redriven
    next_cursor: LetterId | None
    done: bool
    held_up: bool = False


def redrive(client: "Client", deployment: Deployment, partitions: int, ids: Iterable[LetterId]) -> Redriven:
    """Send these letters again, each once, however often it is named.

    Raises:
        redis.RedisError: Redis cannot be reached; some may have been sent, and those are gone from the letters.
    """
    outcome = Redriven()
    by_partition = attrgetter("partition")
    for partition, names in groupby(sorted(sorted(set(ids)), key=by_partition), by_partition):
        if partition >= partitions:
            outcome.missing += names
            continue
        group = list(names)
        for first in range(0, len(group), SLICE):
            _move(client, deployment, partition, group[first : first + SLICE], outcome)
    return outcome


def sweep(
    client: "Client",
    deployment: Deployment,
    partitions: int,
    wanted: Wanted,
    *,
    cursor: LetterId | None,
    most: int,
    seconds: float,
) -> Sweep:
    """Send all letters that are ``wanted`` again, from the newest to the oldest, for so long and about so many.

    A letter that dies anew is newer than the cursor, so going on from it comes to an end.

    Raises:
        redis.RedisError: Redis cannot be reached; some may have been sent, and those are gone from the letters.
    """
    ends, total = time.monotonic() + seconds, Redriven()
    seen = 0
    while seen < most and time.monotonic() < ends:
        piece = page(client, partitions, wanted, limit=SLICE, cursor=cursor, bytes_each=1)
        redriven = redrive(client, deployment, partitions, [letter.id for letter in piece.items])
        if redriven.is_held_up:
            # What stays of this piece is met, and told, when the sweep goes on from where the piece began.
            total.sent += redriven.sent
            # A first piece has no cursor: without one, what dies anew while it waits would be sent again without end.
            newest = piece.items[0].id
            behind = cursor or replace(newest, partition=newest.partition + 1)
            return Sweep(total, behind, done=False, held_up=True)
        total.add(redriven)
        seen += len(piece.items)
        cursor = piece.next_cursor
        if cursor is None:
            return Sweep(total, None, done=True)
    return Sweep(total, cursor, done=False)


def _most_letters(deployment: Deployment) -> int:
    """How many letters make every pipe rest; 0: no number does."""
    bound = deployment.streams.get(DEAD)
    return bound.maximum_length if bound is not None and bound.when_full == "refuse" else 0


def _move(client: "Client", deployment: Deployment, partition: int, ids: Sequence[LetterId], outcome: Redriven) -> None:
    keys = [stream_key(DEAD, partition), counters_key(partition)]
    keys.append(f"{stream_key(DEAD, partition)}:call:{uuid.uuid4().hex}")
    arguments: list[str | int] = [TOKEN_SECONDS, _most_letters(deployment)]
    for pipe in deployment.pipes:
        keys.append(stream_key(pipe.source, partition))
        bound = deployment.streams[pipe.source].maximum_length
        arguments += pipe.source, bound, pipe.name, int(pipe.keeps_books)
    arguments += (one.entry for one in ids)
    sent, gone, *refused = cast(
        "tuple[list[bytes], list[bytes], tuple[bytes, bytes, bytes]]",
        client.register_script(script("redrive"))(keys=keys, args=arguments),
    )
    outcome.sent += (LetterId.of(partition, entry) for entry in sent)
    outcome.missing += (LetterId.of(partition, entry) for entry in gone)
    for entry, why, what in refused:
        reason = _WHY_NOT[why.decode()].format(what.decode(errors="replace"))
        outcome.refused.append(Refusal(LetterId.of(partition, entry), reason, why == b"full"))
