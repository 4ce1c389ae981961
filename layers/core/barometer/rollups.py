"""The running picture as arithmetic: what a post adds to it, and what a window of it says.

A rollup counts the posts of one topic, minute (of ``created_at``) and source; topic ``*`` counts every post. All counts
are whole numbers, score sums too (ten-thousandths), so that adding in any order gives what a recount gives. Pure: the
door to the table is ``barometer.stores.rollups``.

A window ends with the running minute, which it counts as far as it has come: ``5m`` at 12:00:30 is 11:56:00 up to, and
without, 12:01:00. What a later minute holds (a post may be dated a little ahead) is counted when that minute comes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Self

from barometer.errors import InvalidInputError
from barometer.posts import ScoredPost
from barometer.scores import EMOTIONS, SCALE, SENTIMENTS, Score

ALL_TOPICS: Final = "*"
MINUTE: Final = 60
# A month of minutes is read in well under a second; nothing longer is asked of minute rollups.
LONGEST_SECONDS: Final = 31 * 86_400
# A week in buckets of five minutes; more points than a chart has pixels help nobody.
MOST_POINTS: Final = 2_016
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_SECONDS: Final = {"m": MINUTE, "h": 3_600, "d": 86_400}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class RollupKey:
    """Which rollup: sorted by this, two batches that touch the same rows lock them in the same order."""

    topic: str
    minute: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted; the names are the columns of ``rollups``. Labels count posts, ``score_sum`` ten-thousandths."""

    posts: int = 0
    unscored: int = 0
    positive: int = 0
    neutral: int = 0
    negative: int = 0
    score_sum: int = 0
    anger: int = 0
    disgust: int = 0
    fear: int = 0
    joy: int = 0
    emotion_neutral: int = 0
    sadness: int = 0
    surprise: int = 0

    @classmethod
    def of(cls, score: Score) -> Self:
        """What one post adds."""
        counted = {"posts": 1}
        if score.sentiment is None:
            counted["unscored"] = 1
        else:
            counted[score.sentiment.label] = 1
            counted["score_sum"] = score.sentiment.shares[0] - score.sentiment.shares[2]
        if score.emotion is not None:
            counted[_emotion_column(score.emotion.label)] = 1
        return cls(**counted)

    @classmethod
    def total(cls, parts: Iterable["Counts"]) -> Self:
        """The sum of any number of counts."""
        columns = zip(*map(values, parts), strict=True)
        return cls(*map(sum, columns))

    @property
    def scored(self) -> int:
        """Posts that a model gave a sentiment."""
        return self.posts - self.unscored

    @property
    def score(self) -> float | None:
        """Mean of (positive - negative) over the scored posts, -1 to 1; ``None`` where there is none: never a guess."""
        return self.score_sum / (SCALE * self.scored) if self.scored else None

    def as_sentiments(self) -> dict[str, int]:
        """Posts of each sentiment."""
        return {label: getattr(self, label) for label in SENTIMENTS}

    def as_emotions(self) -> dict[str, int]:
        """Posts of each emotion; they sum to less than ``posts`` where a model does not tell emotions."""
        return {label: getattr(self, _emotion_column(label)) for label in EMOTIONS}


COLUMNS: Final = tuple(field.name for field in fields(Counts))
# The numbers of a ``Counts``, in the order of ``COLUMNS``.
values: Final = attrgetter(*COLUMNS)


def _emotion_column(label: str) -> str:
    """The column of an emotion: ``neutral`` is a sentiment's name too."""
    return "emotion_neutral" if label == "neutral" else label


def deltas(posts: Iterable[tuple[ScoredPost, datetime]]) -> dict[RollupKey, Counts]:
    """What these posts, each with its time of creation, add to the rollups of their topics and of ``*``."""
    parts: dict[RollupKey, list[Counts]] = defaultdict(list)
    for scored, created_at in posts:
        counts = Counts.of(scored.score)
        minute = floor(created_at, MINUTE)
        for topic in {ALL_TOPICS, *scored.post.topics}:
            parts[RollupKey(topic, minute, scored.post.source)].append(counts)
    return {key: Counts.total(counted) for key, counted in parts.items()}


def floor(at: datetime, step: int) -> datetime:
    """The last multiple of ``step`` seconds since the epoch that is not after ``at``, in UTC."""
    return at.astimezone(UTC) - (at - _EPOCH) % timedelta(seconds=step)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as a client wrote it: ``5m``, ``24h``, ``7d``."""

    text: str
    seconds: int

    @classmethod
    def parse(cls, text: str, field: str) -> Self:
        """Read it.

        Raises:
            InvalidInputError: naming ``field``: it is no span, or not from one minute to 31 days.
        """
        match = _SPAN.fullmatch(text)
        if match is None:
            raise InvalidInputError(field, "must be a whole number and m, h or d: 5m, 24h, 7d")
        seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
        if seconds > LONGEST_SECONDS:
            raise InvalidInputError(field, f"is longer than {LONGEST_SECONDS // 86_400}d")
        return cls(text, seconds)

    def ending(self, now: datetime, step: int = MINUTE) -> tuple[datetime, datetime]:
        """Since when and until when (exclusive) it lasts, where it ends with the running ``step`` of seconds."""
        until = floor(now, step) + timedelta(seconds=step)
        return until - timedelta(seconds=self.seconds), until


@dataclass(frozen=True, slots=True)
class Subject:
    """What a window is read of: a topic, of one source or of all."""

    topic: str = ALL_TOPICS
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One window of a subject, and the window of the same length before it."""

    subject: Subject
    window: Span
    since: datetime
    until: datetime
    counts: Counts
    previous: Counts

    def as_public(self) -> dict[str, Any]:
        """The summary of the HTTP and socket contracts."""
        return {
            "topic": self.subject.topic,
            "source": self.subject.source,
            "window": self.window.text,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            **_mood(self.counts),
            "previous": _mood(self.previous),
        }


@dataclass(frozen=True, slots=True)
class Trend:
    """A window in buckets of equal length, oldest first, one for each even if nothing was posted in it."""

    subject: Subject
    window: Span
    bucket: Span
    points: Sequence[tuple[datetime, Counts]]

    def as_public(self) -> dict[str, Any]:
        """The trend of the HTTP contract; ``trend_tail`` of a socket's frame is the last of its points."""
        return {
            "topic": self.subject.topic,
            "source": self.subject.source,
            "window": self.window.text,
            "bucket_seconds": self.bucket.seconds,
            "points": [_point(at, counts) for at, counts in self.points],
        }


def trend(subject: Subject, window: Span, bucket: Span, now: datetime, counted: Mapping[datetime, Counts]) -> Trend:
    """Lay out what was ``counted`` (by the start of its bucket) without gaps."""
    since, _ = window.ending(now, bucket.seconds)
    starts = (since + timedelta(seconds=offset) for offset in range(0, window.seconds, bucket.seconds))
    return Trend(subject, window, bucket, [(at, counted.get(at, Counts())) for at in starts])


def check_buckets(window: Span, bucket: Span) -> None:
    """Refuse buckets that do not fill the window evenly, or that are too many.

    Raises:
        InvalidInputError: naming ``bucket``.
    """
    if window.seconds % bucket.seconds:
        raise InvalidInputError("bucket", f"{bucket.text} does not divide the window of {window.text}")
    if window.seconds // bucket.seconds > MOST_POINTS:
        raise InvalidInputError("bucket", f"{bucket.text} gives more than {MOST_POINTS:,} points in {window.text}")


def _mood(counts: Counts) -> dict[str, Any]:
    return {
        "posts": counts.posts,
        "unscored": counts.unscored,
        "sentiment": counts.as_sentiments(),
        "score": counts.score,
        "emotions": counts.as_emotions(),
    }


def _point(at: datetime, counts: Counts) -> dict[str, Any]:
    return {
        "at": at.isoformat(),
        "posts": counts.posts,
        "unscored": counts.unscored,
        **counts.as_sentiments(),
        "score": counts.score,
        "emotions": counts.as_emotions(),
    }
