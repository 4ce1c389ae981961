"""A post on its way: as a client said it, as it lies in the streams, and as the API shows it.

``RawPost`` is the edge: pydantic, strict, unknown fields refused. Behind it flow frozen dataclasses, one for each
stage, each holding the one before: ``Accepted`` (in ``raw``), ``Post`` (in ``posts``) and ``ScoredPost`` (in
``scored``). ``as_json`` and ``from_json`` of each are the stream's wire form.
"""

import re
import unicodedata
import uuid
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)

from barometer.scores import EMOTIONS, SENTIMENTS, Distribution, Score

MAX_TEXT = 10_000
MAX_METADATA_BYTES = 10_000
MAX_AHEAD = timedelta(minutes=5)
# The namespace of post ids: fixed for ever, since an id must come out the same on every machine.
ID_NAMESPACE = uuid.UUID("6f1f1f0e-9b0e-5c59-9d0c-3a1d4f0a7b11")
# A NUL as JSON writes it: an even number of backslashes before it would make it four digits after a backslash.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _clean_text(text: str) -> str:
    """NFC, without NUL (which Postgres cannot store) and without white space around it.

    Raises:
        ValueError: nothing is left, or it has a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode: it holds a lone surrogate") from None
    text = unicodedata.normalize("NFC", text.replace("\x00", "")).strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > MAX_TEXT:
        raise ValueError(f"has {len(text):,} characters; the most is {MAX_TEXT:,}")
    return text


def _clean_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """As it was.

    Raises:
        ValueError: Postgres could not keep it, or it is more than a note beside a post.
    """
    try:
        encoded = orjson.dumps(metadata)
    except TypeError as error:
        raise ValueError(f"is not plain JSON: {error}") from None
    if len(encoded) > MAX_METADATA_BYTES:
        raise ValueError(f"has {len(encoded):,} bytes as JSON; the most is {MAX_METADATA_BYTES:,}")
    if _NUL.search(encoded):
        raise ValueError("holds a NUL character, which cannot be stored")
    return metadata


Text = Annotated[
    str,
    AfterValidator(_clean_text),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")]


class RawPost(BaseModel):
    """What a feed or a client says of one post. Unknown fields are refused, naming them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text: Text
    source: Source
    source_id: Short | None = None
    author: Short | None = None
    created_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    url: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00-\x1f]+$")] | None = None
    lang: Language | None = None
    metadata: Annotated[dict[str, JsonValue], Field(max_length=50), AfterValidator(_clean_metadata)] | None = None

    def fault(self, now: datetime, retention: timedelta) -> tuple[str, str] | None:
        """The field and the reason for which this post cannot be taken at ``now``, if any."""
        if self.created_at is None:
            return None
        if self.created_at > now + MAX_AHEAD:
            return "created_at", "is more than 5 minutes ahead"
        if self.created_at < now - retention:
            return "created_at", f"is older than the retention of {retention.days} days"
        return None

    def post_id(self, received_at: datetime) -> str:
        """The id that this post has on every machine and every retry.

        By ``source`` and ``source_id`` where there is one; else by everything that was said, where the same words of
        one author count once for a given ``created_at`` (or, if none was given, for the moment of receipt).
        """
        if self.source_id is not None:
            name = f"{self.source}\x00{self.source_id}"
        else:
            at = (self.created_at or received_at).astimezone(UTC).isoformat()
            name = f"{self.source}\x00\x00{self.author or ''}\x00{at}\x00{self.text}"
        return str(uuid.uuid5(ID_NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record of ``raw``: a post that was promised to be stored or to lie in ``dead``.

    ``receipt`` names this one acceptance. It travels with the post into the database, so that a batch repeated after a
    crash is told from a second copy of the same post: the first counts as stored, the second as a duplicate.
    """

    receipt: str
    received_at: str
    post: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """A record of ``posts``: clean, with its language and topics. Times are ISO 8601 in UTC."""

    id: str
    receipt: str
    text: str
    source: str
    source_id: str | None
    author: str | None
    created_at: str
    received_at: str
    url: str | None
    lang: str | None
    topics: list[str]
    metadata: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """The wire form: the fields by their names."""
        return _by_name(self)


_SHOWN = tuple(field.name for field in fields(Post) if field.name not in {"receipt", "metadata"})


@dataclass(frozen=True, slots=True)
class ScoredPost:
    """A record of ``scored``: the post and what a model said of it."""

    post: Post
    score: Score

    def as_json(self) -> dict[str, Any]:
        """The wire form: the post's fields, and ``sentiment``, ``emotion`` (label and ten-thousandths), ``model``."""
        return {
            "post": self.post.as_json(),
            "score": {
                "sentiment": self.score.sentiment and _by_name(self.score.sentiment),
                "emotion": self.score.emotion and _by_name(self.score.emotion),
                "model": self.score.model,
            },
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """Read the wire form back. Raises ``KeyError`` or ``TypeError`` on anything else."""
        score = body["score"]
        return cls(
            post=Post(**body["post"]),
            score=Score(_distribution(score["sentiment"]), _distribution(score["emotion"]), score["model"]),
        )

    def as_public(self) -> dict[str, Any]:
        """The ``Post`` of the HTTP and socket contracts, probabilities as numbers from 0 to 1."""
        return {name: getattr(self.post, name) for name in _SHOWN} | {
            "sentiment": public_distribution(self.score.sentiment, SENTIMENTS),
            "emotion": public_distribution(self.score.emotion, EMOTIONS),
            "model": self.score.model,
            "corrected": False,
        }


def _by_name(record: Post | Distribution) -> dict[str, Any]:
    # Not asdict, which copies all that it finds: a tenth of what a post costs on its whole way.
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _distribution(body: dict[str, Any] | None) -> Distribution | None:
    return None if body is None else Distribution(body["label"], tuple(body["shares"]))


def public_distribution(distribution: Distribution | None, labels: tuple[str, ...]) -> dict[str, Any] | None:
    """``{label, <label>: probability, …}`` for JSON, or ``None`` for what was not scored."""
    if distribution is None:
        return None
    return {"label": distribution.label} | {
        label: share / 10_000 for label, share in zip(labels, distribution.shares, strict=True)
    }
