"""Scores that were given before, in Redis: a text that is posted again and again is scored once in a while.

Promises: a score is only ever given for the same text and the same model; it is at most ``seconds`` old; what is kept
is bounded in number as in time. A Redis that is away means that nothing is remembered, never an error.

Each half of ``seconds`` has a hash of its own, so that one that is full stops taking and two at a time is all there is.
"""

import hashlib
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import redis

from barometer.observability import logger
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution, Score

if TYPE_CHECKING:
    from barometer.stores.redis import Client

_PREFIX: Final = "barometer:scores"
# In each of two hashes, of some 80 bytes in Redis (measured), so 32 MB for a model.
MOST_ENTRIES: Final = 200_000
# After an error it rests, so that a Redis that hangs costs one timeout and not one for every batch.
REST_SECONDS: Final = 15.0
_NONE: Final = 255
# Where the label of each head is among its labels (shares that are equal do not tell), and all the shares.
_ENTRY: Final = struct.Struct(f">BB{len(SENTIMENTS) + len(EMOTIONS)}H")


class ScoreMemory:
    """A ``chain.Memory``.

    Args:
        client: Redis.
        seconds: how old a score may be; more than 0.
        most: how many entries each of the two hashes may have.
        now: seconds since the epoch.
    """

    def __init__(
        self, client: "Client", seconds: int, *, most: int = MOST_ENTRIES, now: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._half = seconds / 2
        self._most = most
        self._now = now
        self._rests_until = 0.0
        self._full: str | None = None

    def recall(self, model: str, texts: Sequence[str]) -> Mapping[str, Score]:
        """See ``Memory``: one round trip."""
        if not texts:
            return {}
        half = int(self._now() // self._half)
        fields = [_field(text) for text in texts]
        with self._client.pipeline(transaction=False) as pipeline:
            for key in (_key(model, half), _key(model, half - 1)):
                pipeline.hmget(key, fields)
            pipeline.hlen(_key(model, half))
            answer = self._try(pipeline.execute)
        if answer is None:
            return {}
        new, old, length = cast("tuple[list[bytes | None], list[bytes | None], int]", answer)
        self._full = _key(model, half) if length >= self._most else None
        kept = (first or second for first, second in zip(new, old, strict=True))
        return {text: _score(entry, model) for text, entry in zip(texts, kept, strict=True) if entry}

    def keep(self, model: str, scores: Mapping[str, Score]) -> None:
        """See ``Memory``: one round trip. A hash may pass its bound by what batches under way at once bring."""
        key = _key(model, int(self._now() // self._half))
        if not scores or key == self._full:
            return
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(key, mapping={_field(text): _entry(score) for text, score in scores.items()})
            pipeline.expire(key, int(2 * self._half) + 1)
            self._try(pipeline.execute)

    def _try(self, command: Callable[[], object]) -> object:
        """What ``command`` gives, or ``None`` while Redis cannot be had."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            return command()
        except redis.RedisError as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("no scores are remembered for %.0f s: %s", REST_SECONDS, error)
            return None


def _key(model: str, half: int) -> str:
    return f"{_PREFIX}:{{{model}}}:{half}"


def _field(text: str) -> bytes:
    """96 bits: of a billion texts, no two have the same (a chance of 6 in 10^12)."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).digest()


def _entry(score: Score) -> bytes:
    heads = ((SENTIMENTS, score.sentiment), (EMOTIONS, score.emotion))
    labels = [names.index(head.label) if head else _NONE for names, head in heads]
    shares = [share for names, head in heads for share in (head.shares if head else (0,) * len(names))]
    return _ENTRY.pack(*labels, *shares)


def _score(entry: bytes, model: str) -> Score:
    sentiment, emotion, *shares = _ENTRY.unpack(entry)
    cut = len(SENTIMENTS)
    return Score(
        None if sentiment == _NONE else Distribution(SENTIMENTS[sentiment], tuple(shares[:cut])),
        None if emotion == _NONE else Distribution(EMOTIONS[emotion], tuple(shares[cut:])),
        model,
    )
