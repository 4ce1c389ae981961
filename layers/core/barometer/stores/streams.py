"""The door to the streams for whoever is not the poller: put accepted posts in, read the books.

``accept`` keeps the first half of promise 1 (what was answered with 202 lies in ``raw`` and is counted) and promise 3
(a full ``raw`` takes nothing). ``books`` reads promise 2: each partition is read by one script, and a record never
leaves its partition, so the sum is true at every instant. Lua lies beside this file, each script with its own contract.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson

from barometer.errors import BackpressureError
from barometer.posts import Accepted
from barometer.streams import BOOK_STREAMS, BOOKS, Deployment, counters_key, partition_of, stream_key

if TYPE_CHECKING:
    from barometer.stores.redis import Client

SOURCE = "raw"
RETRY_AFTER_SECONDS = 2
# How long a call of ``accept`` is remembered: well past the door's own retries (a few timeouts of five seconds).
TOKEN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream over all partitions: unfinished records, and how long the oldest has been waiting (0 if none)."""

    length: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Books:
    """What was promised and what became of it, over all partitions.

    ``redriven``: how many dead letters were ever sent again, each of which left ``rejected`` or ``dead``.
    """

    accepted: int
    stored: int
    duplicates: int
    rejected: int
    dead: int
    redriven: int
    streams: Mapping[str, StreamState]

    @property
    def in_flight(self) -> int:
        """Accepted posts that have not come to an end yet."""
        return sum(self.streams[stream].length for stream in BOOK_STREAMS)

    @property
    def missing(self) -> int:
        """Accepted less all that is accounted for: zero, or promise 2 is broken (negative: counted twice)."""
        return self.accepted - self.stored - self.duplicates - self.rejected - self.dead - self.in_flight

    @property
    def oldest_ms(self) -> int:
        """How long the oldest post in flight has been waiting."""
        return max(self.streams[stream].oldest_ms for stream in BOOK_STREAMS)


@dataclass(frozen=True, slots=True)
class PipeState:
    """One pipe over all partitions.

    ``lag`` is what no poller has taken yet and ``pending`` what pollers hold; the other numbers only grow: records
    ended (``taken``), outputs written, attempts repeated, dead letters, rejections, duplicates not forwarded, records
    that no filter let through, dead letters dropped for want of a destination, and dead letters sent again
    (``redriven``).
    """

    name: str
    source: str
    lag: int
    pending: int
    oldest_ms: int
    taken: int
    written: int
    retried: int
    dead: int
    rejected: int
    duplicates: int
    filtered: int
    dropped: int
    redriven: int


@dataclass(frozen=True, slots=True)
class _Share:
    """A stream's share in one partition."""

    length: int
    oldest_ms: int
    pending: int


@cache
def script(name: str) -> str:
    """The text of a Lua script that lies beside this module."""
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")


def accept(client: "Client", posts: Iterable[tuple[str, Accepted]], *, partitions: int, bound: int) -> None:
    """Put posts (each with its post id, which chooses the partition) into ``raw`` and count them accepted.

    All or none: a partition at ``bound`` refuses the whole call. Within a partition the check and the writing are one
    script. Over several partitions, which may lie on several machines, all are checked first and then written, so that
    callers at the same moment may overshoot the bound by what each brings. A call that fails half-way with a Redis
    error may have taken some posts; sending it again makes those duplicates, which the books count.

    Raises:
        BackpressureError: ``raw`` is at its bound; nothing was taken.
        redis.RedisError: Redis cannot be reached.
    """
    groups: dict[int, list[bytes]] = defaultdict(list)
    for post_id, accepted in posts:
        groups[partition_of(post_id, partitions)].append(orjson.dumps(accepted))
    if len(groups) > 1:
        with client.pipeline(transaction=False) as pipeline:
            for partition in groups:
                pipeline.xlen(stream_key(SOURCE, partition))
            if max(pipeline.execute()) >= bound:
                raise _full()
    take = client.register_script(script("accept"))
    token = uuid.uuid4().hex
    for partition, bodies in groups.items():
        keys = [stream_key(SOURCE, partition), counters_key(partition), f"{stream_key(SOURCE, partition)}:call:{token}"]
        if not take(keys=keys, args=[bound if len(groups) == 1 else 0, TOKEN_SECONDS, *bodies]):
            raise _full()


def _full() -> BackpressureError:
    return BackpressureError("the pipeline is full; nothing was taken", RETRY_AFTER_SECONDS)


def books(client: "Client", partitions: int) -> Books:
    """The counters of promise 2 and the streams they speak of, at one instant a partition."""
    counters, shares = _read(client, dict.fromkeys([*BOOK_STREAMS, "dead"], ""), partitions)
    return Books(
        **{name: counters[name] for name in BOOKS},
        redriven=sum(number for name, number in counters.items() if name.endswith(".redriven")),
        streams={stream: _total(shares[stream]) for stream in [*BOOK_STREAMS, "dead"]},
    )


def pipes(client: "Client", deployment: Deployment, partitions: int) -> list[PipeState]:
    """What each declared pipe has done and has before it."""
    counters, shares = _read(client, {pipe.source: pipe.name for pipe in deployment.pipes}, partitions)
    states = []
    for pipe in deployment.pipes:
        parts = shares[pipe.source]
        pending = sum(part.pending for part in parts)
        total = _total(parts)
        states.append(
            PipeState(
                name=pipe.name,
                source=pipe.source,
                lag=max(0, total.length - pending),
                pending=pending,
                oldest_ms=total.oldest_ms,
                taken=counters[f"{pipe.name}.in"],
                written=counters[f"{pipe.name}.out"],
                retried=counters[f"{pipe.name}.retried"],
                dead=counters[f"{pipe.name}.dead"],
                rejected=counters[f"{pipe.name}.rejected"],
                duplicates=counters[f"{pipe.name}.duplicates"],
                filtered=counters[f"{pipe.name}.filtered"],
                dropped=counters[f"{pipe.name}.dropped"],
                redriven=counters[f"{pipe.name}.redriven"],
            )
        )
    return states


def _total(shares: Sequence[_Share]) -> StreamState:
    return StreamState(sum(share.length for share in shares), max(share.oldest_ms for share in shares))


def _read(
    client: "Client", groups: Mapping[str, str], partitions: int
) -> tuple[Counter[str], Mapping[str, Sequence[_Share]]]:
    """The counters over all partitions, and each stream's share in every one; ``groups`` maps stream to group."""
    state = client.register_script(script("state"))
    counters: Counter[str] = Counter()
    shares: dict[str, list[_Share]] = {stream: [] for stream in groups}
    for partition in range(partitions):
        keys = [counters_key(partition), *(stream_key(stream, partition) for stream in groups)]
        now, fields, *rows = cast("list[list[int]]", state(keys=keys, args=list(groups.values())))
        names, values = cast("list[bytes]", fields)[::2], cast("list[bytes]", fields)[1::2]
        counters.update({name.decode(): int(value) for name, value in zip(names, values, strict=True)})
        for stream, (length, oldest, pending) in zip(groups, rows, strict=True):
            age = 0 if oldest < 0 else max(0, cast("int", now) - oldest)
            shares[stream].append(_Share(length, age, pending))
    return counters, shares
