"""What a run says, and what must become of each post: everything drawn from one seed, before anything is sent.

A ``Planned`` post has an identity that travels with it (``metadata.planned``) into rows and dead letters, so that the
checker needs no ids of the pipeline's own making. Its ``End`` is the promise: stored as one row, dead or rejected by
one pipe for one reason, or refused at the door. The same seed gives the same posts in the same order; only times of
creation are counted from the moment of the run.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from tests.chaos.texts import ANGRY, BAD, DULL, FOREIGN, GOOD, HAPPY, NASTY, THINGS, row_text

LONGEST_TEXT = 10_000
RETENTION_DAYS = 30
BATCH_SECONDS = 0.5
SOURCES = ("harbour", "meadow", "station")
# Each is a topic with a rule of its own; no other planned text holds these words.
TOPICS = ("kettle", "ferry")
# One poison, one slow post, one batch with nothing else, each so many batches: so rare that the pipeline has time for
# the others.
POISON_EVERY = 6
SLOW_EVERY = 3
ALONE_EVERY = 40
STEPS = ("ingest", "infer", "aggregate")
# What a poison does to the function that meets it, and the error type that its letter then bears.
SORTS = {
    "raise": "PoisonError",
    "fail": "BatchItemFailure",
    "refuse": "Rejected",
    "gibberish": "AnswerError",
    "stranger": "AnswerError",
    "forget": "AnswerError",
    "both": "AnswerError",
    "exit": "Runtime.ExitError",
    "hang": "Sandbox.Timedout",
}
# These are done no harm in the end: the function did its work before it failed, and does it again.
PASSING = ("stumble", "collapse")
MARK = "chaos-poison"


@dataclass(frozen=True, slots=True)
class End:
    """What must become of a post.

    Args:
        how: ``stored`` as a row; ``dead`` or ``rejected``, with a letter of that kind; ``refused`` at the door.
        pipe: whose letter.
        error: the letter's error type, or the field (or status) that the door names.
    """

    how: Literal["stored", "dead", "rejected", "refused"]
    pipe: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """One post of the plan.

    Args:
        id: its identity.
        kind: which idea it tries, for people.
        body: the RawPost as it is sent.
        end: what must become of it.
        text: as its row must have it.
        topics: as its row must have them.
        scored: whether its row must bear a sentiment; ``None`` where that is not ours to say.
    """

    id: str
    kind: str
    body: dict[str, Any]
    end: End
    text: str
    topics: tuple[str, ...] = ()
    scored: bool | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Posts of one request (some may be there twice); ``alone`` ones are refused with all that is beside them."""

    number: int
    posts: tuple[Planned, ...]
    alone: bool = False

    @property
    def due(self) -> float:
        """Seconds after the start of the run at which it is to be sent."""
        return self.number * BATCH_SECONDS


class Plan:
    """The posts of a run.

    Args:
        seed: what everything is drawn from.
        start: when the run begins.
        rate: posts a second, about.
    """

    def __init__(self, seed: int, start: datetime, rate: float = 30.0) -> None:
        self._random = random.Random(f"plan {seed}")
        self._seed = seed
        self._start = start
        self._size = max(4, round(rate * BATCH_SECONDS))
        self._count = 0
        self._near: deque[Planned] = deque(maxlen=60)
        self._far: list[Planned] = []
        self._deck: list[tuple[str, str]] = []
        self._storm_phase = {topic: 2.0 + 22.0 * index for index, topic in enumerate(TOPICS)}
        self._draws: tuple[tuple[float, Callable[[], Planned]], ...] = (
            (60, self._plain), (5, self._nameless), (4, self._repeat_near), (3, self._repeat_far), (3, self._same_text),
            (4, self._late), (2, self._ahead), (4, self._foreign), (4, self._unicode), (0.4, self._longest),
            (0.6, self._too_long), (0.6, self._too_old), (0.6, self._too_early), (0.6, self._malformed),
        )  # fmt: skip

    def batches(self) -> Iterator[Batch]:
        """One batch after the other, without end."""
        weights = [weight for weight, _ in self._draws]
        makers = [make for _, make in self._draws]
        number = 0
        while True:
            if number % ALONE_EVERY == ALONE_EVERY - 1:
                yield Batch(number, (self._alone(number),), alone=True)
                number += 1
                continue
            posts = [make() for make in self._random.choices(makers, weights, k=self._size)]
            for topic in TOPICS:
                posts += self._topical(topic, number * BATCH_SECONDS)
            if number % POISON_EVERY == 3:
                posts.append(self._poison())
            if number % SLOW_EVERY == 1:
                posts.append(self._slow())
            self._random.shuffle(posts)
            yield Batch(number, tuple(posts))
            number += 1

    # ------------------------------------------------------------------------------------------------- sound posts

    def _plain(self) -> Planned:
        return self._stored("plain", self._sentence(), scored=True)

    def _nameless(self) -> Planned:
        """No id of its own: it is told by author, time and words."""
        return self._stored("nameless", self._sentence(), scored=True, source_id=None, created_at=self._ago(seconds=1))

    def _repeat_near(self) -> Planned:
        return self._random.choice(self._near) if self._near else self._plain()

    def _repeat_far(self) -> Planned:
        return self._random.choice(self._far) if self._far else self._plain()

    def _same_text(self) -> Planned:
        if not self._near:
            return self._plain()
        twin = self._random.choice(self._near)
        return self._stored("same text, another id", twin.body["text"], topics=twin.topics, scored=twin.scored)

    def _late(self) -> Planned:
        created_at = self._ago(days=self._random.uniform(0.1, RETENTION_DAYS - 10))
        return self._stored("late", self._sentence(), scored=True, created_at=created_at)

    def _ahead(self) -> Planned:
        return self._stored("a little ahead", self._sentence(), scored=True, created_at=self._ago(seconds=-60))

    def _foreign(self) -> Planned:
        lang, text = self._random.choice(FOREIGN)
        return self._stored("another language", f"{text} {self._count}", scored=False, lang=lang)

    def _unicode(self) -> Planned:
        return self._stored("unicode", f"{self._random.choice(NASTY)} {self._sentence()}")

    def _longest(self) -> Planned:
        return self._stored("as long as may be", self._filled(LONGEST_TEXT))

    def _topical(self, topic: str, now: float) -> list[Planned]:
        """In a storm most of a topic's posts are angry; in the calm after it, few come and all are happy."""
        if self._storms(topic, now):
            moods, count = ANGRY, 3
        else:
            moods, count = HAPPY, int(self._random.random() < 0.5)
        return [
            self._stored(
                "topical", f"{self._random.choice(moods).format(topic)} {self._count}", topics=(topic,), scored=True
            )
            for _ in range(count)
        ]

    def _storms(self, topic: str, now: float) -> bool:
        """A storm lasts 18 s, and the next comes so much later that the mood has turned in between."""
        phase = self._storm_phase[topic]
        if now >= phase + 18:
            self._storm_phase[topic] = phase = phase + self._random.uniform(130, 200)
        return now >= phase

    # ------------------------------------------------------------------------------- posts that must not get there

    def _too_long(self) -> Planned:
        return self._refused("too long", "text", text=self._filled(LONGEST_TEXT + 1))

    def _too_old(self) -> Planned:
        return self._refused("too old", "created_at", created_at=self._ago(days=RETENTION_DAYS + 10))

    def _too_early(self) -> Planned:
        return self._refused("too far ahead", "created_at", created_at=self._ago(hours=-48))

    def _malformed(self) -> Planned:
        field, value = self._random.choice(
            [
                ("text", ""),
                ("text", " \x00\n "),
                ("text", 7),
                ("source", "No Source"),
                ("colour", "red"),
                ("url", "ftp:x"),
            ]
        )
        return self._refused("malformed", field, **{field: value})

    def _alone(self, number: int) -> Planned:
        """What spoils the whole request: half of a surrogate pair is no JSON, and four megabytes are too many."""
        if number % (2 * ALONE_EVERY) < ALONE_EVERY:
            return self._refused("a lone surrogate", "400", text=f"half of a pair \ud83d {self._count}")
        return self._refused("too large for a request", "413", text="x" * 4_100_000)

    def _poison(self) -> Planned:
        if not self._deck:
            cheap = [sort for sort in SORTS if sort not in {"exit", "hang"}]
            self._deck = [(step, sort) for step in STEPS for sort in (*cheap, "stumble")]
            self._random.shuffle(self._deck)
            # A process that ends costs a start each time, and one that hangs its whole timeout: one of each in a deck,
            # and first, so that they are done with when a short run is over.
            self._deck += [(self._random.choice(STEPS), sort) for sort in ("exit", "collapse", "hang")]
        step, sort = self._deck.pop()
        text = f"{self._sentence()} {MARK}:{step}:{sort}"
        if sort in PASSING:
            return self._make(f"poison {step} {sort}", text, End("stored"), scored=True)
        return self._make(
            f"poison {step} {sort}", text, End("rejected" if sort == "refuse" else "dead", step, SORTS[sort])
        )

    # ----------------------------------------------------------------------------------------------------- making

    def _stored(
        self, kind: str, text: str, *, topics: tuple[str, ...] = (), scored: bool | None = None, **said: Any
    ) -> Planned:
        post = self._make(kind, text, End("stored"), topics=topics, scored=scored, **said)
        self._near.append(post)
        # A sample of everything, so that copies come at any distance.
        if len(self._far) < 2_000:
            self._far.append(post)
        else:
            self._far[self._random.randrange(len(self._far))] = post
        return post

    def _refused(self, kind: str, field: str, text: Any = None, **said: Any) -> Planned:
        words = self._sentence()
        post = self._make(kind, words, End("refused", error=field), **said)
        if text is not None:
            post.body["text"] = text
        return post

    def _slow(self) -> Planned:
        """Its function takes a while, so that something is always in the middle of its way when something is killed."""
        step = self._random.choice(STEPS)
        return self._make(f"slow {step}", f"{self._sentence()} {MARK}:{step}:slow", End("stored"), scored=True)

    def _make(
        self,
        kind: str,
        text: str,
        end: End,
        *,
        topics: tuple[str, ...] = (),
        scored: bool | None = None,
        **said: Any,
    ) -> Planned:
        self._count += 1
        name = f"{self._seed}-{self._count:06d}"
        body = {
            "text": text,
            "source": self._random.choice(SOURCES),
            "source_id": f"id-{name}",
            "author": f"author-{self._random.randrange(200)}",
            "metadata": {"planned": name},
            **said,
        }
        body = {field: value for field, value in body.items() if value is not None}
        return Planned(name, kind, body, end, row_text(text), topics, scored)

    def _sentence(self) -> str:
        mood = self._random.choice((GOOD, BAD, DULL))
        return f"{self._random.choice(mood)} {self._random.choice(THINGS)}, number {self._count} of {self._seed}."

    def _filled(self, length: int) -> str:
        words = f"{self._sentence()} " * (length // 30)
        return words[: length - 1] + "!"

    def _ago(self, **much: float) -> str:
        return (self._start - timedelta(**much)).isoformat()
