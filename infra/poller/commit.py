"""The one door through which records leave a stream: a verdict, written by one atomic script (``commit.lua``).

A crash before the script repeats the batch; after it, nothing is left to repeat. It may be sent until it is answered:
the script remembers each call by its token for a while, and tells one that comes again, as its reply was lost, what the
first did; later it finds that the records are no longer this poller's. Either way it writes nothing twice.
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from barometer.streams import BOOKS, Deployment, Pipe, commit_key, seen_key, stream_key
from infra.poller.scripts import Scripts, as_names, as_number
from infra.poller.seat import Seat
from infra.poller.verdict import Letter, Verdict

if TYPE_CHECKING:
    from redis.typing import EncodableT

# A key is remembered for one to two periods: long enough for a client's retries and a feed's overlap, short enough to
# stay small. A later copy is found out by the database.
SEEN_PERIOD_SECONDS = 600
SEEN_MEMBERS = 1_000_000
# How long a commit is remembered: well past a few calls of Redis that time out and the pauses between them. So short
# because there is one a batch.
TOKEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Committed:
    """What the script did: nothing if any record was ``lost`` to another poller; else all, but for the duplicates."""

    lost: frozenset[str]
    duplicates: int = 0


class _Keys:
    """The keys that one call declares, each once, by the index that the script knows it by."""

    def __init__(self, *first: str) -> None:
        self.names = list(first)
        self._index: dict[str, int] = {}

    def index(self, *names: str) -> int:
        """The index of the first of ``names``, which stand together in this order."""
        if names[0] not in self._index:
            self.names.extend(names)
            self._index[names[0]] = len(self.names) - len(names) + 1
        return self._index[names[0]]


class Committer:
    """Writes the verdicts of one pipe in one partition."""

    def __init__(self, scripts: Scripts, deployment: Deployment, seat: Seat) -> None:
        self._scripts = scripts
        self._seat = seat
        self._pipe = seat.pipe
        self._trim = {
            name: bound.maximum_length if bound.when_full == "trim" else 0 for name, bound in deployment.streams.items()
        }

    async def commit(self, verdict: Verdict, token: str) -> Committed:
        """Write ``verdict``, all of it or nothing; ``token`` is the same when it is sent again, and new for another.

        Raises:
            redis.RedisError: whether it was written is not known, or it was refused; send it again.
        """
        keys = _Keys(self._seat.source, self._seat.counters, commit_key(self._seat.partition, token))
        counts = tally(self._pipe, verdict)
        arguments: list[EncodableT] = [
            self._pipe.name,
            self._seat.consumer,
            int(self._pipe.keeps_books),
            SEEN_MEMBERS,
            2 * SEEN_PERIOD_SECONDS,
            TOKEN_SECONDS,
            len(verdict.ended),
            *verdict.ended,
            len(counts),
        ]
        for name, count in counts.items():
            arguments += name, count
        self._add_outputs(verdict, keys, arguments)
        self._add_letters(verdict.letters, keys, arguments)
        lost, duplicates = await self._scripts.run("commit", keys.names, arguments)
        return Committed(frozenset(as_names(lost)), as_number(duplicates))

    def _add_outputs(self, verdict: Verdict, keys: _Keys, arguments: "list[EncodableT]") -> None:
        period = int(time.time()) // SEEN_PERIOD_SECONDS
        arguments.append(len(verdict.outputs))
        for output in verdict.outputs:
            stream = keys.index(stream_key(output.to, self._seat.partition))
            seen = 0
            if output.key is not None:
                seen = keys.index(*(seen_key(self._seat.partition, output.to, period - back) for back in (0, 1)))
            arguments += stream, self._trim[output.to], seen, output.key or "", output.body

    def _add_letters(self, letters: Iterable[Letter], keys: _Keys, arguments: "list[EncodableT]") -> None:
        destination = self._pipe.dead_letters
        if destination is None:
            arguments.append(0)
            return
        written = list(letters)
        arguments.append(len(written))
        now_ms = int(time.time() * 1_000)
        for letter in written:
            fields = letter_fields(self._pipe, letter, now_ms)
            stream = keys.index(stream_key(destination, self._seat.partition))
            arguments += stream, self._trim[destination], 2 * len(fields)
            for name, value in fields.items():
                arguments += name, value


def new_token() -> str:
    """The name of one commit, which no other has had."""
    return uuid.uuid4().hex


def letter_fields(pipe: Pipe, letter: Letter, now_ms: int) -> "dict[str, EncodableT]":
    """A dead letter as it lies in its stream: enough to understand it, and to send it again.

    Times are milliseconds since the epoch. The last five fields are of the last try; without one they are left out.
    """
    fields: dict[str, EncodableT] = {
        "body": letter.record.body or b"",
        "stream": pipe.source,
        "pipe": pipe.name,
        "function": pipe.function_name,
        "id": letter.record.id,
        "kind": letter.kind,
        "condition": letter.condition,
        "reason": letter.reason,
        "error_type": letter.error_type,
        "attempts": letter.record.attempts,
        "first_at": letter.record.sent_at,
        "dead_at": now_ms,
    }
    if (last := letter.record.last) is not None:
        fields |= {
            "error_message": last.reason,
            "stack_trace": last.stack_trace,
            "tried_at": last.tried.at_ms,
            "batch_size": last.tried.batch_size,
            "request_id": last.tried.request_id,
        }
    return fields


def tally(pipe: Pipe, verdict: Verdict) -> Counter[str]:
    """What a verdict adds to the counters, if none of its outputs was seen before."""
    counts: Counter[str] = Counter()
    counts[f"{pipe.name}.in"] = len(verdict.ended)
    counts[f"{pipe.name}.out"] = len(verdict.outputs)
    for outcome in verdict.finished.values():
        counts[f"{pipe.name}.{outcome}"] += 1
        if pipe.keeps_books and outcome in BOOKS:
            counts[outcome] += 1
    for letter in verdict.letters:
        counts[f"{pipe.name}.{letter.kind}"] += 1
        if pipe.keeps_books:
            counts[letter.kind] += 1
    if pipe.dead_letters is None:
        counts[f"{pipe.name}.dropped"] = len(verdict.letters)
    return +counts
