"""The judge of a run: from the journal and from what lies in Postgres and Redis, every way a promise was broken.

Independent on purpose: it shares no code with what it judges (``test_checker`` holds it to that), believes no counter
without a recount, and says of each fault which post, rollup, counter or alert it is. What it proves, at rest:

1. every acknowledged post is there exactly once, as planned: one row, or dead letters of the planned pipe and reason;
   what was sent and not acknowledged is there once or not at all; nothing else is there;
2. every rollup is what a recount of the rows gives;
3. every counter balances, with each other, with the rows, with the letters and with what was sent;
4. no alert fired while it was firing, none without a cause, none is left, each was told of once;
5. no stream holds anything but dead letters, no consumer holds anything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tests.chaos.journal import Ledger
from tests.chaos.observed import COLUMNS, DEAD, Alert, Letter, Observed, RollupKey, Row, Rule
from tests.chaos.plan import Planned, row_text

# The pipes that carry posts, in the order of the way.
POST_PIPES = ("ingest", "infer", "aggregate")
# A poison's last attempt may be ended by what was done to its function, and its letter then tells of that. A process
# ends only if somebody ended it or what it lives by; it is too slow also when the machine starts others anew.
EXCUSES = {"Runtime.ExitError": ("function:{pipe}", "runner", "up"), "Sandbox.Timedout": ()}
EXCUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise.

    Args:
        kind: ``lost``, ``doubled``, ``wrong`` (there, but not as planned), ``counter``, ``rollup``, ``alert`` or
            ``pending``.
        text: a sentence that names what it is about.
        off: by how much a counter or a rollup is off.
    """

    kind: str
    text: str
    off: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def check(ledger: Ledger, observed: Observed, *, attempts: int) -> list[Finding]:
    """Everything that is wrong.

    Args:
        ledger: what was planned, sent and answered, and what was done to the processes.
        observed: what is there.
        attempts: tries that a dead post had, unless it was rejected.
    """
    return [
        *_fates(ledger, observed, attempts),
        *_strangers(ledger, observed),
        *_rollups(observed),
        *_books(ledger, observed),
        *_alerts(observed),
        *_told(ledger, observed),
        *_left(observed),
    ]


# ------------------------------------------------------------------------------------------------------ 1. the posts


def _fates(ledger: Ledger, observed: Observed, attempts: int) -> Iterator[Finding]:
    rows: dict[str | None, list[Row]] = defaultdict(list)
    letters: dict[str | None, list[Letter]] = defaultdict(list)
    for row in observed.rows:
        rows[row.planned].append(row)
    for letter in observed.letters:
        letters[letter.planned].append(letter)
    for name, post in ledger.posts.items():
        yield from _door(ledger, post)
        judge = {"stored": _stored, "refused": _refused}.get(post.end.how, _dead)
        yield from judge(ledger, post, rows[name], letters[name])
        if post.end.how in {"dead", "rejected"}:
            for letter in letters[name]:
                yield from _reason(ledger, post, letter, attempts)


def _what(post: Planned) -> str:
    return f"post {post.id} ({post.kind}; source_id {post.body.get('source_id')})"


def _door(ledger: Ledger, post: Planned) -> Iterator[Finding]:
    """The door refuses what it must, for the planned reason, and nothing else."""
    for fault in ledger.refused.get(post.id, ()):
        if post.end.how != "refused":
            yield Finding("lost", f"{_what(post)} was refused at the door for its {fault}")
        elif fault not in {post.end.error, "422"}:
            yield Finding("wrong", f"{_what(post)} was refused for its {fault}; planned: {post.end.error}")
    if post.end.how == "refused" and ledger.acknowledged[post.id]:
        yield Finding("wrong", f"{_what(post)} was accepted; planned: refused for its {post.end.error}")


def _refused(_: Ledger, post: Planned, rows: Sequence[Row], letters: Sequence[Letter]) -> Iterator[Finding]:
    if rows or letters:
        yield Finding("wrong", f"{_what(post)} is in the pipeline; planned: refused at the door")


def _stored(ledger: Ledger, post: Planned, rows: Sequence[Row], letters: Sequence[Letter]) -> Iterator[Finding]:
    if letters:
        there = "lies in dead as well as in the database" if rows else "lies in dead; planned: stored"
        yield Finding("doubled" if rows else "lost", f"{_what(post)} {there} ({letters[0].id}: {letters[0].reason})")
    if not rows and not letters and ledger.acknowledged[post.id]:
        yield Finding("lost", f"{_what(post)} was accepted and is nowhere")
    if len(rows) > 1:
        yield Finding("doubled", f"{_what(post)} is there {len(rows)} times: rows {', '.join(row.id for row in rows)}")
    for row in rows:
        yield from _as_sent(post, row)


def _as_sent(post: Planned, row: Row) -> Iterator[Finding]:
    """The row says what was sent."""
    for name, planned, found in (
        ("text", post.text, row.text),
        ("source", post.body["source"], row.source),
        ("source_id", post.body.get("source_id"), row.source_id),
        ("author", post.body.get("author"), row.author),
        ("topics", set(post.topics), set(row.topics)),
    ):
        if planned != found:
            yield Finding("wrong", f"{_what(post)}: row {row.id} has the {name} {found!r:.200}; sent: {planned!r:.200}")
    created_at = post.body.get("created_at")
    if created_at is not None and datetime.fromisoformat(created_at) != row.created_at:
        yield Finding("wrong", f"{_what(post)}: row {row.id} was created at {row.created_at}; sent: {created_at}")
    if post.scored is not None and post.scored != (row.sentiment is not None):
        wanted = "scored" if post.scored else "not scored"
        yield Finding("wrong", f"{_what(post)}: row {row.id} has the sentiment {row.sentiment}; planned: {wanted}")


def _dead(ledger: Ledger, post: Planned, rows: Sequence[Row], letters: Sequence[Letter]) -> Iterator[Finding]:
    """One letter; where the first pipe kills it, before copies are told apart, one for each copy that came in."""
    if rows:
        yield Finding("doubled" if letters else "wrong", f"{_what(post)} is row {rows[0].id}; planned: {post.end.how}")
    acknowledged, most = ledger.acknowledged[post.id], ledger.sent[post.id]
    if post.end.pipe != POST_PIPES[0]:
        acknowledged, most = min(acknowledged, 1), min(most, 1)
    elif post.id in ledger.loose:
        most = max(most, len(letters))
    if len(letters) < acknowledged:
        missing = f"{acknowledged} letters expected, {len(letters)} there"
        yield Finding("lost", f"{_what(post)} was accepted and is not in dead: {missing}")
    if len(letters) > most:
        ids = ", ".join(letter.id for letter in letters)
        yield Finding("doubled", f"{_what(post)} has {len(letters)} letters, {most} expected at most: {ids}")


def _reason(ledger: Ledger, post: Planned, letter: Letter, attempts: int) -> Iterator[Finding]:
    end = post.end
    where = f"{_what(post)}: letter {letter.id}"
    if (letter.pipe, letter.kind) != (end.pipe, end.how):
        found = f"{letter.kind} of {letter.pipe} ({letter.reason})"
        yield Finding("wrong", f"{where} is {found}; planned: {end.how} of {end.pipe}")
        return
    if letter.text is None or row_text(letter.text) != post.text:
        yield Finding("wrong", f"{where} has the text {letter.text!r:.200}; sent: {post.text!r:.200}")
    if letter.error_type != end.error and not _is_excused(ledger, letter):
        yield Finding("wrong", f"{where} died of {letter.error_type} ({letter.reason}); planned: {end.error}")
    elif letter.kind == "dead" and (letter.attempts != attempts or letter.error_type not in letter.reason):
        yield Finding("wrong", f"{where} had {letter.attempts} attempts ({letter.reason}); planned: {attempts}")
    elif letter.kind == "rejected" and "planned to be refused" not in letter.reason:
        yield Finding("wrong", f"{where} says {letter.reason!r}; the function said: planned to be refused")


def _is_excused(ledger: Ledger, letter: Letter) -> bool:
    """Whether something was done, shortly before, to a process that could have ended its last attempt."""
    victims = {victim.format(pipe=letter.pipe) for victim in EXCUSES.get(letter.error_type, ("nobody",))}
    return any(
        deed.at <= letter.dead_at <= deed.at + deed.seconds + EXCUSE_SECONDS
        for deed in ledger.deeds
        if not victims or deed.victim in victims
    )


def _strangers(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
    for row in observed.rows:
        if row.planned not in ledger.posts:
            yield Finding("wrong", f"row {row.id} ({row.source} {row.source_id}) was never sent")
    for letter in observed.letters:
        if letter.pipe not in POST_PIPES:
            yield Finding(
                "wrong", f"letter {letter.id} of {letter.pipe}, which no poison was meant for: {letter.reason}"
            )
        elif letter.planned not in ledger.posts:
            yield Finding("wrong", f"letter {letter.id} of {letter.pipe} ({letter.planned}) was never sent")
    if observed.keys != len(observed.rows):
        yield Finding("wrong", f"post_keys has {observed.keys:,} ids, posts {len(observed.rows):,} rows")


# ---------------------------------------------------------------------------------------------------- 2. the rollups


def _rollups(observed: Observed) -> Iterator[Finding]:
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


# ---------------------------------------------------------------------------------------------------- 3. the counters


def _books(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
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
    refused = {name for name, post in ledger.posts.items() if post.end.how == "refused"}
    most = sum(times for name, times in ledger.sent.items() if name not in refused)
    if accepted > most and not ledger.loose:
        yield Finding("counter", f"counter accepted is {accepted:,}; only {most:,} were sent", accepted - most)


def _length(observed: Observed, name: str) -> int:
    return sum(stream.length for stream in observed.streams if stream.name == name)


# ------------------------------------------------------------------------------------------------------ 4. the alerts


def _alerts(observed: Observed) -> Iterator[Finding]:
    fired: dict[str, list[Alert]] = defaultdict(list)
    for alert in observed.alerts:
        fired[alert.rule_id].append(alert)
    for rule_id, alerts in fired.items():
        for before, after in pairwise(alerts):
            if before.resolved_at is None or before.resolved_at > after.fired_at:
                yield Finding(
                    "alert", f"alert {after.id} fired while {before.id} of the same rule {rule_id} was firing"
                )
        for alert in alerts:
            if alert.resolved_at is None:
                yield Finding("alert", f"alert {alert.id} still fires, and its window has been empty")
            elif alert.resolved_at < alert.fired_at:
                yield Finding("alert", f"alert {alert.id} resolved before it fired")
            yield from _cause(observed, observed.rules[rule_id], alert)


def _cause(observed: Observed, rule: Rule, alert: Alert) -> Iterator[Finding]:
    """At the moment it fired its window held at least the posts that it tells of, as the rows now say."""
    if alert.value < rule.threshold or alert.posts < rule.minimum_posts:
        yield Finding("alert", f"alert {alert.id} fired at {alert.value:.3f} of {alert.posts} posts, below its rule")
    until = alert.fired_at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - timedelta(seconds=rule.window_seconds)
    scored, negative = _window(observed, rule.topic, since, until)
    told = round(alert.value * alert.posts)
    if scored < alert.posts or negative < told:
        there = f"its window has {negative} negative of {scored} scored posts"
        yield Finding("alert", f"alert {alert.id} fired for {told} negative of {alert.posts} posts; {there}")


def _told(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
    """Each transition has one notification, and what counts as delivered was heard."""
    told = Counter((notification.alert_id, notification.transition) for notification in observed.notifications)
    for alert in observed.alerts:
        for transition, wanted in (("fired", 1), ("resolved", int(alert.resolved_at is not None))):
            found = told.pop((alert.id, transition), 0)
            if found != wanted:
                text = f"alert {alert.id} has {found} notifications that it {transition}; expected {wanted}"
                yield Finding("alert", text)
    for alert_id, transition in told:
        yield Finding("alert", f"a notification says {transition!r} of alert {alert_id}, which is not there")
    for notification in observed.notifications:
        if notification.delivered and not ledger.heard[notification.id]:
            yield Finding("alert", f"notification {notification.id} is called delivered, and nobody heard it")


def _window(observed: Observed, topic: str, since: datetime, until: datetime) -> tuple[int, int]:
    moods = [
        row.sentiment
        for row in observed.rows
        if since <= row.created_at < until and row.sentiment is not None and (topic == "*" or topic in row.topics)
    ]
    return len(moods), moods.count("negative")


# ------------------------------------------------------------------------------------------------------- 5. the rest


def _left(observed: Observed) -> Iterator[Finding]:
    for stream in observed.streams:
        if stream.length and stream.name != DEAD:
            yield Finding("pending", f"{stream.key} still holds {stream.length:,} records")
        for consumer, held in stream.pending.items():
            yield Finding("pending", f"{stream.key}: {consumer} still holds {held:,} records")
