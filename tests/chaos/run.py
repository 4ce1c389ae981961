"""One run from its seed to its verdict: start the stack, send and harm for so long, let it come to rest, judge.

It leaves no process, and no folder either, unless something was found (or it is told to keep it): then it says where.
"""

import contextlib
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from tests.chaos.checker import check
from tests.chaos.deeds import Deeds
from tests.chaos.deployment import write_template
from tests.chaos.finding import Finding
from tests.chaos.journal import Journal, read
from tests.chaos.listener import listening
from tests.chaos.observed import DEAD, Observed, observe, streams_of
from tests.chaos.plan import TOPICS, Plan, Planned
from tests.chaos.poison import RETRY_ATTEMPTS
from tests.chaos.schedule import schedule
from tests.chaos.senders import Senders
from tests.chaos.stack import Stack, StackError

# Every so many batches, one goes by a replay instead of over the API.
REPLAY_EVERY = 12
# A rule looks at the running minute, so that a mood turns within the shortest of runs.
RULE = {"threshold": 0.5, "window_seconds": 60, "minimum_posts": 8}
# What waits must become less within it, on a machine that does much else as well: everything that was killed is back
# long before. And all of it must be through in the end, whatever had gathered.
REST_SECONDS = 420.0
MOST_REST_SECONDS = 1_500.0
_TOPIC_SECONDS = 4.0  # a new topic is matched within 3 s (README, "Topics and rules")
_PROGRESS_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_SETUP_TRIES = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What to run.

    Args:
        seed: of the plan and the schedule.
        minutes: wall time of sending and harming, with the start of the stack left out.
        partitions: of the streams.
        rate: posts a second, about.
        keep: leave the folder even if nothing was found.
    """

    seed: int
    minutes: float
    partitions: int = 1
    rate: float = 30.0
    keep: bool = False

    @property
    def command(self) -> str:
        """How to run it again."""
        return f"make chaos MINUTES={self.minutes:g} SEED={self.seed} PARTITIONS={self.partitions}"


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Args:
        options: what was run.
        seconds: how long it took, from the first post to rest.
        acts: how many of each deed.
        accepted: posts that the door acknowledged.
        alerts: how many fired.
        findings: what is wrong.
        folder: where it lies, if it was kept.
    """

    options: Options
    seconds: float = 0.0
    acts: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    alerts: int = 0
    findings: list[Finding] = field(default_factory=list)
    folder: Path | None = None

    def __str__(self) -> str:
        kinds = Counter(finding.kind for finding in self.findings)
        off = sum(finding.off for finding in self.findings if finding.kind in {"counter", "rollup"})
        return (
            f"seed {self.options.seed}: {self.seconds / 60:.1f} min, {self.acts['kill']} kills, "
            f"{self.acts['freeze']} freezes, {self.acts['restart']} restarts; {self.accepted:,} posts accepted, "
            f"{kinds['lost']} lost, {kinds['doubled']} doubled, counters off by {off}, alerts doubled {kinds['alert']}"
            + (f"; {others} other findings" if (others := kinds["wrong"] + kinds["pending"]) else "")
        )


def run(options: Options, say: Callable[[str], None]) -> Outcome:
    """Run it; ``say`` takes a line for a person now and then.

    Raises:
        StackError: the stack could not even be started the first time.
    """
    folder = Path(tempfile.mkdtemp(prefix="baro-chaos-"))
    outcome = Outcome(options)
    kept = True
    try:
        write_template(folder / "template.json")
        (folder / "replay").mkdir()
        stack = Stack((folder / "home").resolve(), folder / "template.json", options.partitions)
        try:
            stack.up()
            say(f"started in {folder}")
            _drive(stack, options, folder, outcome, say)
            _judge(stack, folder, outcome, say)
        finally:
            outlived = stack.down()
            outcome.findings += [Finding("pending", text) for text in outlived]
        kept = options.keep or bool(outcome.findings)
    except KeyboardInterrupt:
        kept = options.keep
        raise
    finally:
        if kept:
            outcome.folder = folder
            say(f"kept in {folder}")
        else:
            shutil.rmtree(folder)
    return outcome


def _drive(stack: Stack, options: Options, folder: Path, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Send and harm until the time is over, and wait until all that was sent is answered for."""
    seconds = options.minutes * 60
    journal = Journal(folder / "journal.jsonl")
    with contextlib.ExitStack() as closing:
        closing.callback(journal.close)
        _prepare(stack, closing.enter_context(listening(journal)))
        plan = Plan(options.seed, datetime.now(UTC), options.rate)
        senders = Senders(stack, journal, folder / "replay", options.seed)
        closing.callback(senders.abandon)
        deeds = Deeds(stack, schedule(options.seed, seconds), journal, say)
        closing.callback(deeds.abandon)
        started = time.monotonic()
        deeds.start()
        _send(plan, senders, started, started + seconds, lambda: say(_progress(started, deeds, senders)))
        try:
            deeds.finish()
        except StackError as error:
            outcome.findings.append(Finding("pending", str(error)))
        say("the time is over: waiting for what was not answered yet, then for rest")
        senders.finish()
        outcome.findings += [Finding("pending", f"never answered: {batch}") for batch in senders.overdue]
        outcome.acts = Counter(done.act for done in deeds.done) + Counter(kill=senders.kills)
        outcome.accepted = senders.accepted
        _rest(stack, say)
        outcome.seconds = time.monotonic() - started


def _prepare(stack: Stack, webhook: str) -> None:
    """Topics, each with its rule, known to every function before the first post."""
    with httpx.Client(
        base_url=stack.state()["url"], headers={"Authorization": f"Bearer {stack.key()}"}, timeout=30, trust_env=False
    ) as client:
        for topic in TOPICS:
            _make(client, "/api/topics", {"name": topic, "query": topic})
            _make(client, "/api/rules", {"name": topic, "topic": topic, "webhook_url": webhook, **RULE})
    time.sleep(_TOPIC_SECONDS)


def _make(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Make one, however busy the machine is; one that is there already was made by a try that was not answered."""
    said = ""
    for _ in range(_SETUP_TRIES):
        try:
            answer = client.post(path, json=body)
        except httpx.TransportError as error:
            said = str(error)
        else:
            if answer.status_code in {201, 409}:
                return
            said = f"{answer.status_code} {answer.text}"
        time.sleep(_LOOK_SECONDS)
    raise StackError(f"{path} does not take {body['name']}: {said}")


def _send(plan: Plan, senders: Senders, started: float, until: float, progress: Callable[[], None]) -> None:
    told = started
    for batch in plan.batches():
        time.sleep(max(0.0, min(until, started + batch.due) - time.monotonic()))
        if time.monotonic() >= until:
            return
        if time.monotonic() - told > _PROGRESS_SECONDS:
            told = time.monotonic()
            progress()
        by_replay = [post for post in batch.posts if _may_be_replayed(post)]
        if batch.number % REPLAY_EVERY == REPLAY_EVERY - 1 and by_replay and senders.replay(by_replay):
            continue
        if not senders.send(batch, until):
            return


def _may_be_replayed(post: Planned) -> bool:
    """A replay tells by itself what is wrong with a row, and gives a post an id that has none."""
    return post.end.how != "refused" and "source_id" in post.body


def _progress(started: float, deeds: Deeds, senders: Senders) -> str:
    minutes = (time.monotonic() - started) / 60
    return f"{minutes:.1f} min: {senders.accepted:,} posts accepted, {len(deeds.done) + senders.kills} deeds done"


def _rest(stack: Stack, say: Callable[[str], None]) -> None:
    """Wait until nothing moves and no alert fires, for as long as patience lasts: what still does then, is found."""
    began = told = better = time.monotonic()
    quiet, least, restless = 0, math.inf, "it could not be looked at"
    while time.monotonic() < min(better + REST_SECONDS, began + MOST_REST_SECONDS):
        with contextlib.suppress(redis.RedisError, psycopg.Error, OSError, KeyError):
            waiting, restless = _restless(stack)
            quiet = 0 if restless else quiet + 1
            if waiting < least:
                least, better = waiting, time.monotonic()
            # Twice, since a record may be between two streams of two partitions, or an alert about to fire.
            if quiet == 2:
                return
        if time.monotonic() > told + _PROGRESS_SECONDS:
            told = time.monotonic()
            say(f"no rest yet: {restless}")
        time.sleep(_LOOK_SECONDS)
    say(f"it does not come to rest: {restless}")


def _restless(stack: Stack) -> tuple[int, str]:
    """How many records wait, and what still moves; empty if nothing does."""
    state = stack.state()
    streams = [stream for stream in streams_of(state["redis_url"]) if stream.name != DEAD]
    waiting = sum(stream.length for stream in streams)
    for stream in streams:
        if stream.pending or stream.length:
            return waiting, f"{stream.key} holds {stream.length} of {waiting}, pending {dict(stream.pending)}"
    with psycopg.connect(state["database_url"], connect_timeout=5) as connection:
        firing = connection.execute("SELECT id, fired_at FROM alerts WHERE state = 'firing'").fetchone()
    return waiting, "" if firing is None else f"alert {firing[0]} fires since {firing[1]}"


def _judge(stack: Stack, folder: Path, outcome: Outcome, say: Callable[[str], None]) -> None:
    state = stack.state()
    observed: Observed = observe(state["database_url"], state["redis_url"])
    outcome.alerts = len(observed.alerts)
    outcome.findings += check(read(folder / "journal.jsonl"), observed, attempts=RETRY_ATTEMPTS + 1)
    if differs := stack.audit():
        outcome.findings.append(Finding("wrong", f"barometer audit: {differs}"))
    say(
        f"{len(observed.rows):,} rows, {observed.counters['duplicates']:,} duplicates, {len(observed.letters):,} dead "
        f"letters, {len(observed.alerts)} alerts fired"
    )
    (folder / "findings.txt").write_text("".join(f"{finding}\n" for finding in outcome.findings), encoding="utf-8")


def lines(outcome: Outcome, most: int = 40) -> Iterator[str]:
    """What the command prints at its end, the summary last."""
    for finding in outcome.findings[:most]:
        yield str(finding)
    if len(outcome.findings) > most:
        yield f"and {len(outcome.findings) - most} more (findings.txt)"
    if outcome.findings:
        yield f"to repeat it: {outcome.options.command}"
    yield str(outcome)
