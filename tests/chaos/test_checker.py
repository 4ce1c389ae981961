"""The judge is judged: against a small true state it finds nothing, and each lie told to it, it names."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from tests.chaos import checker, observed
from tests.chaos.checker import check
from tests.chaos.finding import Finding
from tests.chaos.journal import Done, Journal, Ledger, read
from tests.chaos.observed import COLUMNS, observe
from tests.chaos.plan import End, Planned

ATTEMPTS = 11
NOW = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
ID = "00000000-0000-4000-8000-{:012d}"
COUNTERS: Any = {
    "accepted": 7, "stored": 3, "duplicates": 1, "dead": 2, "rejected": 1,
    "ingest.in": 7, "ingest.out": 4, "ingest.duplicates": 1, "ingest.dead": 1, "ingest.rejected": 1,
    "infer.in": 4, "infer.out": 3, "infer.dead": 1, "aggregate.in": 3, "aggregate.stored": 3, "aggregate.out": 6,
    "alert.in": 2, "alert.judged": 2, "ingest.retried": 10, "infer.retried": 10,
}  # fmt: skip
LETTERS = (
    ("poison-1", "ingest", "dead", "PoisonError", "attempts spent (11): PoisonError: poisoned", 11),
    ("poison-2", "infer", "dead", "AnswerError", "attempts spent (11): AnswerError: the answer is not JSON", 11),
    ("poison-3", "ingest", "rejected", "Rejected", "poisoned: planned to be refused", 0),
)


def planned(name: str, end: End, said: Mapping[str, Any] = MappingProxyType({}), **more: Any) -> Planned:
    body = {"text": name, "source": "meadow", "source_id": f"id-{name}", "metadata": {"planned": name}, **said}
    return Planned(name, "plain", body, end, name, **more)


POSTS = (
    planned("good", End("stored"), {"created_at": NOW.isoformat()}, scored=True),
    planned("angry", End("stored"), scored=True, topics=("kettle",)),
    planned("foreign", End("stored"), scored=False),
    planned("poison-1", End("dead", "ingest", "PoisonError")),
    planned("poison-2", End("dead", "infer", "AnswerError")),
    planned("poison-3", End("rejected", "ingest", "Rejected")),
    planned("too-long", End("refused", error="text")),
    planned("lost-on-the-way", End("stored")),
)


class Scene:
    """A run that kept every promise, as it lies in a journal, a Postgres and a Redis; a test then tells one lie."""

    def __init__(self, postgres_url: str, redis_url: str, path: Path) -> None:
        self.postgres_url, self.redis_url, self.path = postgres_url, redis_url, path
        self.journal = Journal(path)
        self.db = psycopg.connect(postgres_url, autocommit=True)
        self.redis = redis.Redis.from_url(redis_url)
        self._journal()
        self._rows()
        self._alerts()
        self._streams()

    def close(self) -> None:
        self.journal.close()
        self.db.close()
        self.redis.close()

    def _journal(self) -> None:
        *sent, never_answered = POSTS
        self.journal.sending([*sent, POSTS[0]], by="api")
        accepted = [post.id for post in (*sent, POSTS[0]) if post.end.how != "refused"]
        self.journal.answered(accepted, [("too-long", "text")])
        self.journal.sending([never_answered], by="api")

    def _rows(self) -> None:
        self.row(1, "good", [], "positive", [8000, 1500, 500], "joy")
        self.row(2, "angry", ["kettle"], "negative", [500, 500, 9000], "anger")
        self.row(3, "foreign", [], None, None, None)
        self.rollup("*", posts=3, unscored=1, positive=1, negative=1, score_sum=7500 - 8500, joy=1, anger=1)
        self.rollup("kettle", posts=1, negative=1, score_sum=-8500, anger=1)

    def row(self, number: int, name: str, topics: list[str], *mood: Any) -> None:
        sentiment, shares, emotion = mood
        emotions = None if emotion is None else [0] * 7
        self.db.execute("CREATE TABLE IF NOT EXISTS posts_all PARTITION OF posts DEFAULT")
        self.db.execute("INSERT INTO post_keys VALUES (%s, %s, %s)", (ID.format(number), NOW, name))
        self.db.execute(
            "INSERT INTO posts (id, created_at, received_at, source, source_id, text, topics, metadata, sentiment,"
            " sentiment_shares, emotion, emotion_shares) VALUES (%s, %s, %s, 'meadow', %s, %s, %s, %s, %s, %s, %s, %s)",
            (ID.format(number), NOW, NOW, f"id-{name}", name, topics, Jsonb({"planned": name}), sentiment, shares,
             emotion, emotions),
        )  # fmt: skip

    def rollup(self, topic: str, **counts: int) -> None:
        values = [counts.get(name, 0) for name in COLUMNS]
        places = ", ".join(["%s"] * len(COLUMNS))
        self.db.execute(
            f"INSERT INTO rollups (topic, source, minute, {', '.join(COLUMNS)})"  # noqa: S608 (names from the code)
            f" VALUES (%s, 'meadow', %s, {places})",
            (topic, MINUTE, *values),
        )

    def _alerts(self) -> None:
        self.db.execute(
            "INSERT INTO rules (id, name, kind, topic, threshold, window_seconds, minimum_posts)"
            " VALUES (%s, 'kettle', 'negative_share', 'kettle', 0.5, 60, 1)",
            (ID.format(90),),
        )
        self.alert(91, fired=NOW, resolved=NOW.replace(minute=2))

    def alert(self, number: int, *, fired: datetime, resolved: datetime | None) -> None:
        state = "firing" if resolved is None else "resolved"
        self.db.execute(
            "INSERT INTO alerts (id, rule_id, rule_name, topic, state, value, posts, threshold, fired_at, resolved_at)"
            " VALUES (%s, %s, 'kettle', 'kettle', %s, 1.0, 1, 0.5, %s, %s)",
            (ID.format(number), ID.format(90), state, fired, resolved),
        )
        for transition in ("fired", "resolved") if resolved else ("fired",):
            self.notification(number, transition)

    def notification(self, number: int, transition: str) -> None:
        """Written, and taken by its webhook."""
        [(name,)] = self.db.execute(
            "INSERT INTO notifications (alert_id, transition, url, body, delivered_at)"
            " VALUES (%s, %s, '', '{}', now()) RETURNING id",
            (ID.format(number), transition),
        )
        self.journal.heard(name)

    def _streams(self) -> None:
        for stream in ("raw", "posts", "scored", "stored"):
            self.redis.xgroup_create(f"barometer:{{0}}:{stream}", "group", mkstream=True)
        for letter in LETTERS:
            self.letter(*letter)
        self.redis.hset("barometer:{0}:counters", mapping=COUNTERS)

    def letter(self, *said: Any) -> None:
        name, pipe, kind, error, reason, attempts = said
        post = {"text": name, "metadata": {"planned": name}}
        body = {"receipt": "r", "post": post} if pipe == "ingest" else post
        fields: Any = {
            "body": json.dumps(body), "pipe": pipe, "kind": kind, "reason": reason, "error_type": error,
            "attempts": attempts, "dead_at": int(NOW.timestamp() * 1_000),
        }  # fmt: skip
        self.redis.xadd("barometer:{0}:dead", fields)

    def first_letter(self, **changes: Any) -> None:
        """Take the first letter out and put it in again with ``changes``."""
        found: Any = self.redis.xrange("barometer:{0}:dead", count=1)
        [(name, fields)] = found
        self.redis.xdel("barometer:{0}:dead", name)
        self.redis.xadd("barometer:{0}:dead", {**fields, **{key.encode(): value for key, value in changes.items()}})

    def findings(self) -> list[Finding]:
        return check(read(self.path), observe(self.postgres_url, self.redis_url), attempts=ATTEMPTS)


@pytest.fixture(scope="module")
def database(_postgres_server: str) -> Iterator[str]:
    """One for all of these, emptied before each: a database takes longer to make than to judge."""
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE chaos TEMPLATE template")
        yield _postgres_server.replace("/postgres?", "/chaos?")
        connection.execute("DROP DATABASE chaos WITH (FORCE)")


@pytest.fixture
def scene(database: str, redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE posts, post_keys, rollups, rules, alerts, notifications, removed_posts")
    scene = Scene(database, redis_url, tmp_path / "journal.jsonl")
    yield scene
    scene.close()


def test_a_run_that_kept_every_promise_is_found_sound(scene: Scene) -> None:
    assert scene.findings() == []


def _sql(*statements: str) -> Callable[[Scene], object]:
    return lambda scene: [scene.db.execute(statement) for statement in statements]


def _count(name: str, by: int = 1) -> Callable[[Scene], object]:
    return lambda scene: scene.redis.hincrby("barometer:{0}:counters", name, by)


def _both(*lies: Callable[[Scene], object]) -> Callable[[Scene], object]:
    return lambda scene: [lie(scene) for lie in lies]


LIES: dict[str, tuple[Callable[[Scene], object], str, str]] = {
    "a row is lost": (_sql("DELETE FROM posts WHERE source_id = 'id-good'"), "lost", "good"),
    "a row is doubled": (lambda s: s.row(4, "good", [], "positive", [8000, 1500, 500], "joy"), "doubled", "good"),
    "a row was never sent": (lambda s: s.row(4, "stranger", [], None, None, None), "wrong", "id-stranger"),
    "a refused post is stored": (lambda s: s.row(4, "too-long", [], None, None, None), "wrong", "too-long"),
    "a text is another": (_sql("UPDATE posts SET text = 'goof' WHERE source_id = 'id-good'"), "wrong", "goof"),
    "a source is another": (_sql("UPDATE posts SET source_id = 'x' WHERE source_id = 'id-good'"), "wrong", "good"),
    "topics are missing": (_sql("UPDATE posts SET topics = '{}' WHERE text = 'angry'"), "wrong", "topics"),
    "a post is not scored": (
        _sql("UPDATE posts SET sentiment = NULL, sentiment_shares = NULL WHERE text = 'good'"),
        "wrong", "planned: scored"),
    "a foreign post is scored": (
        _sql("UPDATE posts SET sentiment = 'neutral', sentiment_shares = '{1,2,3}' WHERE text = 'foreign'"),
        "wrong", "foreign"),
    "an id has no row": (_sql("INSERT INTO post_keys VALUES (gen_random_uuid(), now(), 'r')"), "wrong", "post_keys"),
    "a letter is missing": (
        lambda s: s.redis.xtrim("barometer:{0}:dead", maxlen=2, approximate=False), "lost", "poison-1"),
    "a letter is doubled": (lambda s: s.letter(*LETTERS[1]), "doubled", "poison-2"),
    "a copy died twice": (lambda s: s.letter(*LETTERS[0]), "doubled", "poison-1"),
    "a letter and a row": (lambda s: s.letter("good", *LETTERS[0][1:]), "doubled", "good"),
    "a sound post died": (
        _both(_sql("DELETE FROM posts WHERE text = 'good'"), lambda s: s.letter("good", *LETTERS[0][1:])),
        "lost", "good"),
    "a poison is stored": (lambda s: s.row(4, "poison-1", [], None, None, None), "doubled", "poison-1"),
    "the wrong reason": (lambda s: s.first_letter(error_type="KeyError"), "wrong", "KeyError"),
    "an excuse without a deed": (lambda s: s.first_letter(error_type="Runtime.ExitError"), "wrong", "ExitError"),
    "the wrong kind": (lambda s: s.first_letter(kind="rejected"), "wrong", "poison-1"),
    "the wrong pipe": (lambda s: s.first_letter(pipe="infer"), "wrong", "poison-1"),
    "too few attempts": (lambda s: s.first_letter(attempts=2), "wrong", "2 attempts"),
    "a letter of alert": (lambda s: s.letter("good", "alert", *LETTERS[0][2:]), "wrong", "alert"),
    "a letter never sent": (lambda s: s.letter("stranger", *LETTERS[0][1:]), "wrong", "stranger"),
    "a rollup is off": (_sql("UPDATE rollups SET joy = 2 WHERE topic = '*'"), "rollup", "joy is 2, recounted 1"),
    "a score is off": (_sql("UPDATE rollups SET score_sum = 0 WHERE topic = 'kettle'"), "rollup", "score_sum"),
    "a rollup is missing": (_sql("DELETE FROM rollups WHERE topic = 'kettle'"), "rollup", "kettle"),
    "a rollup of nothing": (lambda s: s.rollup("ferry", posts=1), "rollup", "ferry"),
    "accepted is off": (_count("accepted"), "counter", "accepted is 8"),
    "stored is off": (_count("stored"), "counter", "rows: 3"),
    "duplicates is off": (_count("duplicates"), "counter", "those of the pipes"),
    "dead is off": (_count("dead", -1), "counter", "dead letters"),
    "a pipe's counter is off": (_count("infer.out"), "counter", "infer.out: 4"),
    "two counters are off together": (_both(_count("accepted"), _count("ingest.in"), _count("duplicates"),
                                            _count("ingest.duplicates"), _count("accepted"), _count("ingest.in"),
                                            _count("duplicates"), _count("ingest.duplicates")),
                                      "counter", "only 8 were sent"),
    "an alert fired while it fired": (
        lambda s: s.alert(92, fired=NOW.replace(minute=1), resolved=NOW.replace(minute=3)), "alert", "while"),
    "an alert without a cause": (
        lambda s: s.alert(92, fired=NOW.replace(minute=9), resolved=NOW.replace(minute=10)), "alert", "has 0 negative"),
    "an alert below its rule": (_sql("UPDATE rules SET threshold = 1, minimum_posts = 2"), "alert", "below its rule"),
    "an alert is told of twice": (lambda s: s.notification(91, "fired"), "alert", "has 2 notifications"),
    "an alert is not told of": (
        _sql("DELETE FROM notifications WHERE transition = 'resolved'"), "alert", "has 0 notifications"),
    "a delivery was not heard": (
        _sql("INSERT INTO notifications (alert_id, transition, url, body, delivered_at)"
             " SELECT alert_id, transition, url, body, now() FROM notifications"), "alert", "nobody heard it"),
    "an author is another": (_sql("UPDATE posts SET author = 'x' WHERE text = 'good'"), "wrong", "author"),
    "a time is another": (
        _sql("UPDATE posts SET created_at = created_at + interval '1 s' WHERE text = 'good'"),
        "wrong", "was created at"),
    "a letter has lost its text": (lambda s: s.first_letter(body="{}"), "lost", "poison-1"),
    "a letter has another text": (
        lambda s: s.first_letter(body=json.dumps({"text": "x", "metadata": {"planned": "poison-1"}})), "wrong", "'x'"),
    "attempts were not counted": (_count("ingest.retried", -8), "counter", "ingest.retried is 2"),
    "an alert is left": (_sql("UPDATE alerts SET state = 'firing', resolved_at = NULL"), "alert", "still fires"),
    "a record is left": (lambda s: s.redis.xadd("barometer:{0}:stored", {"body": "{}"}), "pending", "stored"),
    "a consumer holds one": (
        lambda s: (s.redis.xadd("barometer:{0}:raw", {"body": "{}"}),
                   s.redis.xreadgroup("group", "poller-x", {"barometer:{0}:raw": ">"})), "pending", "poller-x"),
    "an answered post was refused": (lambda s: s.journal.answered([], [("good", "text")]), "lost", "good"),
    "a bad post was accepted": (lambda s: s.journal.answered(["too-long"], []), "wrong", "too-long"),
    "refused for another reason": (lambda s: s.journal.answered([], [("too-long", "url")]), "wrong", "its url"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_every_broken_promise_is_noticed_and_named(scene: Scene, lie: str) -> None:
    tell, kind, named = LIES[lie]

    tell(scene)

    findings = scene.findings()
    assert any(finding.kind == kind and named in finding.text for finding in findings), findings


def test_what_was_never_acknowledged_may_be_there_once(scene: Scene) -> None:
    scene.row(4, "lost-on-the-way", [], None, None, None)
    scene.db.execute("UPDATE rollups SET posts = 4, unscored = 2 WHERE topic = '*'")
    for name in ("accepted", "stored", "ingest.in", "ingest.out", "infer.in", "infer.out"):
        _count(name)(scene)
    for name in ("aggregate.in", "aggregate.stored"):
        _count(name)(scene)

    assert scene.findings() == []


def test_a_kill_at_its_last_attempt_excuses_another_reason(scene: Scene) -> None:
    reason = "attempts spent (11): Runtime.ExitError: killed"
    scene.first_letter(error_type="Runtime.ExitError", reason=reason)
    scene.journal.done(Done(NOW.timestamp() - 5, "kill", "function:ingest", 0.0))

    assert scene.findings() == []


def test_the_checker_shares_no_code_with_what_it_judges() -> None:
    """Its modules, and those that they import of the tests, import nothing of the house."""
    for module in (checker, observed):
        imported = _imports(Path(str(module.__file__)))
        assert not imported & {"barometer", "functions", "infra"}, module.__name__
    assert _imports(Path(str(checker.__file__))) >= {"tests"}


def _imports(path: Path, seen: frozenset[Path] = frozenset()) -> set[str]:
    """The packages that a module imports, by itself or through other modules of the oracle."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            found.add(name.partition(".")[0])
            inner = path.with_name(f"{name.rpartition('.')[2]}.py")
            if name.startswith("tests.chaos.") and inner not in seen:
                found |= _imports(inner, seen | {path})
    return found


def test_a_ledger_adds_up_what_the_journal_says(scene: Scene) -> None:
    ledger: Ledger = read(scene.path)

    assert ledger.sent["good"] == 2
    assert ledger.acknowledged["good"] == 2
    assert ledger.acknowledged["lost-on-the-way"] == 0
    assert ledger.refused == {"too-long": ["text"]}
    assert ledger.posts["poison-1"].end == End("dead", "ingest", "PoisonError")
