"""Infer: a clean post gets the scores that the chosen analyzer gives its text.

Promises: a text that several posts share is scored once a batch; a post in a language that the analyzer does not read
goes on unscored, never guessed; a text that the analyzer fails on costs its own posts an attempt, nobody else's; an
analyzer that is away costs nobody one (``UnavailableError``).
"""

from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from barometer.analyzers import Analyzer, reads
from barometer.errors import UnavailableError
from barometer.events import BatchResult, StreamEvent
from barometer.faults import fault_of
from barometer.observability import logger
from barometer.posts import Post, ScoredPost
from barometer.scores import UNSCORED, Score

_post: Final = TypeAdapter(Post)


def infer(event: StreamEvent, analyzer: Analyzer) -> BatchResult:
    """Score a batch of ``posts``; emits each to ``scored``.

    Raises:
        UnavailableError: the analyzer says that it is away; nothing of the batch is reported.
    """
    result = BatchResult()
    posts: list[tuple[str, Post]] = []
    for record in event.records:
        try:
            posts.append((record.message_id, _post.validate_python(record.json())))
        except orjson.JSONDecodeError as error:
            result.reject(record.message_id, f"body: is not JSON: {error}")
        except ValidationError as error:
            fault = fault_of(error.errors()[0])
            result.reject(record.message_id, f"{fault.field or 'body'}: {fault.reason}")
    readable = dict.fromkeys(post.text for _, post in posts if reads(analyzer, post.lang))
    scores = _scores(analyzer, list(readable))
    for origin, post in posts:
        score = scores.get(post.text) if reads(analyzer, post.lang) else UNSCORED
        if score is None:
            result.fail([origin])
        else:
            result.emit(origin, "scored", ScoredPost(post, score).as_json())
    return result


def _scores(analyzer: Analyzer, texts: Sequence[str]) -> dict[str, Score]:
    """The score of each text, without those that the analyzer fails on even alone.

    A batch that fails is tried again in halves, so that one bad text costs some log2(n) calls more, not n.
    """
    if not texts:
        return {}
    try:
        return dict(zip(texts, analyzer.analyze(texts), strict=True))
    except UnavailableError:
        raise
    except Exception:  # noqa: BLE001 (whatever an analyzer raises, it raises for one batch)
        if len(texts) == 1:
            logger.exception("a text could not be scored", extra={"model": analyzer.name, "characters": len(texts[0])})
            return {}
    middle = len(texts) // 2
    return _scores(analyzer, texts[:middle]) | _scores(analyzer, texts[middle:])
