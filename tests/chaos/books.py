"""Every number is recounted: the rollups from the rows, the counters from rows, letters, journal and each other.

And nothing is on its way any more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC

from tests.chaos.finding import Finding
from tests.chaos.journal import Ledger
from tests.chaos.observed import COLUMNS, DEAD, POST_PIPES, Observed, RollupKey, Row

# As often as a writer's timeout goes into the longest freeze, and once more.
RESENDS = 5


def rollups(observed: Observed) -> Iterator[Finding]:
    """Each rollup is what a recount of the rows gives."""
    counted: dict[RollupKey, Counter[str]] = defaultdict(Counter)
    for row in observed.rows:
        minute = row.created_at.astimezone(UTC).replace(second=0, microsecond=0)
        for topic in {"*", *row.topics}:
            _count(counted[topic, minute, row.source], row)
    found = {(topic, at.astimezone(UTC), source): values for (topic, at, source), values in observed.rollups.items()}
    for key in sorted(counted.keys() | found.keys()):
        wanted = tuple(counted[key][name] for name in COLUMNS) if key in counted else (0,) * len(COLUMNS)
        values = found.get(key, (0,) * len(COLUMNS))
        for name, one, other in zip(COLUMNS, values, wanted, strict=True):
            if one != other:
                where = f"{key[0]} {key[1].isoformat()} {key[2]}"
                yield Finding("rollup", f"rollup {where}: {name} is {one}, recounted {other}", abs(one - other))


def _count(counts: Counter[str], row: Row) -> None:
    counts["posts"] += 1
    if row.sentiment is None or row.sentiment_shares is None:
        counts["unscored"] += 1
    else:
        counts[row.sentiment] += 1
        counts["score_sum"] += row.sentiment_shares[0] - row.sentiment_shares[2]
    if row.emotion is not None:
        counts["emotion_neutral" if row.emotion == "neutral" else row.emotion] += 1


def books(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
    """Each counter is what others, the rows, the letters and the journal say."""
    count = observed.counters
    letters = Counter((letter.pipe, letter.kind) for letter in observed.letters)
    dead = sum(letters[pipe, "dead"] for pipe in POST_PIPES)
    rejected = sum(letters[pipe, "rejected"] for pipe in POST_PIPES)
    flying = sum(stream.length for stream in observed.streams if stream.name in {"raw", "posts", "scored"})
    ended = count["stored"] + count["duplicates"] + count["rejected"] + count["dead"] + flying
    equations = [
        ("accepted", count["accepted"], "stored + duplicates + rejected + dead + in flight", ended),
        ("stored", count["stored"], "rows", len(observed.rows) + observed.removed),
        ("dead", count["dead"], "dead letters", dead),
        ("rejected", count["rejected"], "letters of rejected posts", rejected),
        ("ingest.in", count["ingest.in"] + _length(observed, "raw"), "accepted", count["accepted"]),
        ("infer.in", count["infer.in"] + _length(observed, "posts"), "ingest.out", count["ingest.out"]),
        ("aggregate.in", count["aggregate.in"] + _length(observed, "scored"), "infer.out", count["infer.out"]),
        ("stored", count["stored"], "aggregate.stored", count["aggregate.stored"]),
        ("duplicates", count["duplicates"], "those of the pipes", sum(count[f"{p}.duplicates"] for p in POST_PIPES)),
        ("alert.in", count["alert.in"], "alert.judged", count["alert.judged"]),
        *(
            (f"{pipe}.{kind}", count[f"{pipe}.{kind}"], "its letters", letters[pipe, kind])
            for pipe in POST_PIPES
            for kind in ("dead", "rejected")
        ),
        *((f"{pipe}.in", count[f"{pipe}.in"], "what it ended", _ended(count, pipe)) for pipe in POST_PIPES),
    ]
    for pipe in POST_PIPES:
        # A process that died between an attempt and its note forgets that one; not one attempt in two is that.
        tries = sum(letter.attempts - 1 for letter in observed.letters if (letter.pipe, letter.kind) == (pipe, "dead"))
        if count[f"{pipe}.retried"] < tries // 2:
            yield Finding(
                "counter", f"counter {pipe}.retried is {count[f'{pipe}.retried']:,}; letters tell of {tries:,}"
            )
    for name, left, other, right in equations:
        if left != right:
            yield Finding("counter", f"counter {name} is {left:,}; {other}: {right:,}", abs(left - right))
    yield from _accepted(ledger, count["accepted"])


def _ended(count: Counter[str], pipe: str) -> int:
    last = "stored" if pipe == "aggregate" else "out"
    return sum(count[f"{pipe}.{how}"] for how in (last, "duplicates", "dead", "rejected"))


def _accepted(ledger: Ledger, accepted: int) -> Iterator[Finding]:
    """Each acknowledgement is one acceptance; each sending without an answer may be one."""
    least = ledger.acknowledged.total()
    if accepted < least:
        yield Finding("counter", f"counter accepted is {accepted:,}; {least:,} were acknowledged", least - accepted)
    # A replay that gets no answer from Redis sends its batch again by itself, before it has a bookmark to tell of it.
    unanswered = sum(deed.victim in {"redis", "up"} for deed in ledger.deeds) * RESENDS * ledger.longest_replay
    refused = {name for name, post in ledger.posts.items() if post.end.how == "refused"}
    most = unanswered + sum(times for name, times in ledger.sent.items() if name not in refused)
    if accepted > most:
        yield Finding("counter", f"counter accepted is {accepted:,}; only {most:,} were sent", accepted - most)


def _length(observed: Observed, name: str) -> int:
    return sum(stream.length for stream in observed.streams if stream.name == name)


def left(observed: Observed) -> Iterator[Finding]:
    """No stream holds anything but dead letters, and no consumer anything."""
    for stream in observed.streams:
        if stream.length and stream.name != DEAD:
            yield Finding("pending", f"{stream.key} still holds {stream.length:,} records")
        for consumer, held in stream.pending.items():
            yield Finding("pending", f"{stream.key}: {consumer} still holds {held:,} records")
