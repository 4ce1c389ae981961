"""Scored posts and batches of them, made for tests."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import redis

from barometer.events import StreamEvent
from barometer.posts import Post, ScoredPost
from barometer.scores import EMOTIONS, SENTIMENTS, UNSCORED, Distribution, Score
from barometer.stores.cache import Cache

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


@dataclass
class Context:
    """What Lambda hands a handler beside the event."""

    function_name: str = "barometer-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:barometer-test"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"


def score(sentiment: str | None = "neutral", emotion: str | None = None) -> Score:
    if sentiment is None:
        return UNSCORED
    return Score(_peak(SENTIMENTS, sentiment), None if emotion is None else _peak(EMOTIONS, emotion), "test")


def _peak(labels: Sequence[str], label: str) -> Distribution:
    return Distribution.of(labels, [0.8 if name == label else 0.2 / (len(labels) - 1) for name in labels])


def post(
    sentiment: str | None = "neutral", emotion: str | None = None, at: datetime = NOON, **fields: object
) -> ScoredPost:
    said: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "receipt": uuid.uuid4().hex,
        "text": "So it goes.",
        "source": "test",
        "source_id": None,
        "author": None,
        "created_at": at.isoformat(),
        "received_at": at.isoformat(),
        "url": None,
        "lang": "en",
        "topics": [],
        "metadata": None,
    }
    return ScoredPost(Post(**said | fields), score(sentiment, emotion))


def event(bodies: Sequence[Any], stream: str = "scored") -> dict[str, Any]:
    """The event of a batch; the record of ``bodies[n]`` has the id ``1700000000000-n``."""
    return {
        "Records": [
            {
                "messageId": f"1700000000000-{n}",
                "body": body if isinstance(body, str) else orjson.dumps(body).decode(),
                "eventSource": "barometer:redis",
                "stream": stream,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
            }
            for n, body in enumerate(bodies)
        ]
    }


def batch(bodies: Sequence[Any], stream: str = "scored") -> StreamEvent:
    return StreamEvent.model_validate(event(bodies, stream))


def no_cache() -> Cache:
    return Cache(redis.Redis(unix_socket_path="/nowhere"), 0)


def example(name: str) -> dict[str, Any]:
    """The example event ``tests/events/<name>.json``."""
    path = Path(__file__).parent / "events" / f"{name}.json"
    loaded: dict[str, Any] = orjson.loads(path.read_bytes())
    return loaded
