"""Each post is where it must be, once, as it was sent, the dead for the planned reason; nobody else is there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.chaos.finding import Finding
from tests.chaos.journal import Ledger
from tests.chaos.observed import POST_PIPES, Letter, Observed, Row
from tests.chaos.plan import Planned
from tests.chaos.texts import row_text

# A poison's last attempt may be ended by what was done to its function, and its letter then tells of that. A process
# ends only if somebody ended it or what it lives by; it is too slow also when the machine starts others anew.
EXCUSES = {"Runtime.ExitError": ("function:{pipe}", "runner", "up"), "Sandbox.Timedout": ()}
EXCUSE_SECONDS = 60.0


def fates(ledger: Ledger, observed: Observed, attempts: int) -> Iterator[Finding]:
    """What became of each post that was sent."""
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


def strangers(ledger: Ledger, observed: Observed) -> Iterator[Finding]:
    """What is there and was never sent."""
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
