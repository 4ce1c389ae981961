"""Asks the function ``infer`` for scores: so this one needs no model, and says what a post would be told.

What it sends are posts that exist for the call alone: ``infer`` stores nothing, and its answer goes nowhere else.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

import orjson

from barometer.errors import UnavailableError
from barometer.observability import logger
from barometer.posts import Post, ScoredPost
from barometer.scores import Score
from barometer.stores.functions import FunctionError, Functions, ThrottledError

# Less than this function's own 29 s, so that a model that takes too long is told of.
ANSWER_SECONDS: Final = 24
STREAM: Final = "analyze"


def scores(function_name: str, texts: Sequence[str], language: str) -> list[Score]:
    """One score for each text, in order.

    Raises:
        UnavailableError: the function is throttled, away or too slow, or failed.
    """
    try:
        answer = orjson.loads(functions().call(function_name, _event(texts, language)).payload)
    except ThrottledError as error:
        raise UnavailableError("the model is busy", str(error)) from error
    except (FunctionError, UnavailableError) as error:
        raise UnavailableError("the model cannot be asked", f"{type(error).__name__}: {error}") from error
    scored = {record["from"]: ScoredPost.from_json(record["body"]).score for record in answer["records"]}
    missing = [number for number in range(len(texts)) if str(number) not in scored]
    if missing:
        logger.error("infer left texts unscored", extra={"rejections": answer["rejections"], "missing": missing})
        raise UnavailableError(f"the model cannot score texts.{missing[0]}")
    return [scored[str(number)] for number in range(len(texts))]


def _event(texts: Sequence[str], language: str) -> bytes:
    now, sent = datetime.now(UTC).isoformat(), str(time.time_ns() // 1_000_000)
    return orjson.dumps(
        {
            "Records": [
                {
                    "messageId": str(number),
                    "body": orjson.dumps(_post(text, language, now).as_json()).decode(),
                    "eventSource": "barometer:api",
                    "stream": STREAM,
                    "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": sent},
                }
                for number, text in enumerate(texts)
            ]
        }
    )


def _post(text: str, language: str, now: str) -> Post:
    return Post(
        id=str(uuid.uuid4()),
        receipt=uuid.uuid4().hex,
        text=text,
        source="analyze",
        source_id=None,
        author=None,
        created_at=now,
        received_at=now,
        url=None,
        lang=language,
        topics=[],
        metadata=None,
    )


@cache
def functions() -> Functions:
    """The process's door to other functions."""
    return Functions(timeout_seconds=ANSWER_SECONDS)
