"""The step that speaks to browsers: what was stored, counted or warned of becomes frames for whoever asked.

A frame may be lost and a number may not (promise 5): a frame is numbered before it is sent and keeps its number if the
sending fails, so its socket sees the gap and asks REST. Nothing here fails a batch for the sake of one socket; only
Redis or Postgres being away does, and then the poller tries again for as long as the news is news.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from barometer.events import BatchResult, StreamEvent
from barometer.observability import logger
from barometer.stores import connections
from barometer.stores.connections import Allowance, Subscription
from barometer.stores.sockets import CONCURRENCY, MAX_FRAME_BYTES, Outcome

if TYPE_CHECKING:
    from barometer.stores.redis import Client

POSTS_A_SECOND = 50
# Well under the function's timeout: what could not be sent by then is lost, rather than the whole batch sent twice.
DEADLINE_SECONDS = 15.0


class Door(Protocol):
    """Sends one frame to one socket."""

    def send(self, connection_id: str, frame: bytes) -> Outcome:
        """Never raises for what the socket does."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """What a metrics frame shows of one topic."""

    summary: dict[str, Any]
    bucket_seconds: int
    trend_tail: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame that wants only its number."""

    head: bytes
    tail: bytes

    def numbered(self, seq: int) -> bytes:
        return b'%s"seq":%d,%s' % (self.head, seq, self.tail)


def push(event: StreamEvent, client: "Client", door: Door, picture: Callable[[str], Picture]) -> BatchResult:
    """Send a batch of ``events``, ``metrics`` or ``alerts`` to the sockets that subscribed to it.

    Args:
        event: the batch, all of one stream.
        client: Redis, which knows the sockets.
        door: the way to them.
        picture: summary and trend of a topic, as they are now.
    """
    result = BatchResult()
    bodies = []
    for record in event.records:
        try:
            bodies.append(record.json())
        except ValueError as error:
            result.reject(record.message_id, f"is not JSON: {error}")
            continue
        result.finish(record.message_id, "pushed")
    audience = connections.subscribers(client)
    if audience and bodies:
        frames = _frames(event.records[0].stream, bodies, audience, client, picture)
        _send(client, door, frames)
    return result


def _frames(
    stream: str,
    bodies: Sequence[dict[str, Any]],
    audience: Mapping[str, Subscription],
    client: "Client",
    picture: Callable[[str], Picture],
) -> dict[str, list[_Frame]]:
    match stream:
        case "events":
            return _posts([post for body in bodies for post in body["posts"]], audience, client)
        case "metrics":
            return _metrics({topic for body in bodies for topic in body["topics"]}, audience, picture)
        case "alerts":
            return _alerts([body["alert"] for body in bodies], audience)
        case _:
            raise ValueError(f"push does not serve the stream {stream!r}")


def _posts(
    posts: Sequence[dict[str, Any]], audience: Mapping[str, Subscription], client: "Client"
) -> dict[str, list[_Frame]]:
    """Every post for whoever wants single posts of its topics, an even sample where they are too many."""
    encoded = [orjson.dumps(post) for post in posts]
    chosen: dict[str, list[bytes]] = {}
    for connection, wanted in audience.items():
        if wanted.posts:
            fitting = [body for post, body in zip(posts, encoded, strict=True) if wanted.wants(post["topics"])]
            if fitting:
                chosen[connection] = fitting
    counts = {connection: len(fitting) for connection, fitting in chosen.items()}
    allowances = connections.allow(client, counts, POSTS_A_SECOND, time.time())
    return {
        connection: _split(_sample(chosen[connection], allowance.posts), allowance)
        for connection, allowance in allowances.items()
        if allowance.posts
    }


def _sample(posts: Sequence[bytes], count: int) -> list[bytes]:
    return [posts[i * len(posts) // count] for i in range(count)]


def _split(posts: Iterable[bytes], allowance: Allowance) -> list[_Frame]:
    """Frames that API Gateway takes; the last one says what was left out."""
    chunks: list[list[bytes]] = [[]]
    size = 0
    for post in posts:
        if chunks[-1] and size + len(post) > MAX_FRAME_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(post)
        size += len(post) + 1
    sampled = b',"sampled":true,"omitted":%d' % allowance.omitted if allowance.omitted else b""
    frames = []
    for chunk in chunks:
        ending = sampled if chunk is chunks[-1] else b""
        frames.append(_Frame(b'{"type":"posts",', b'"posts":[%s]%s}' % (b",".join(chunk), ending)))
    return frames


def _metrics(
    topics: set[str], audience: Mapping[str, Subscription], picture: Callable[[str], Picture]
) -> dict[str, list[_Frame]]:
    """The picture of each changed topic that somebody named; ``*`` names the whole, not every topic."""
    wanted = topics & {topic for subscription in audience.values() for topic in subscription.topics}
    pictures = {topic: _metrics_frame(topic, picture(topic)) for topic in sorted(wanted)}
    frames = {
        connection: [frame for topic, frame in pictures.items() if topic in subscription.topics]
        for connection, subscription in audience.items()
    }
    return {connection: some for connection, some in frames.items() if some}


def _metrics_frame(topic: str, shown: Picture) -> _Frame:
    body = {
        "topic": topic,
        "summary": shown.summary,
        "bucket_seconds": shown.bucket_seconds,
        "trend_tail": shown.trend_tail,
    }
    return _Frame(b'{"type":"metrics",', orjson.dumps(body)[1:])


def _alerts(alerts: Sequence[dict[str, Any]], audience: Mapping[str, Subscription]) -> dict[str, list[_Frame]]:
    encoded = [(alert["topic"], _Frame(b'{"type":"alert",', orjson.dumps({"alert": alert})[1:])) for alert in alerts]
    frames = {
        connection: [frame for topic, frame in encoded if wanted.wants([topic])]
        for connection, wanted in audience.items()
    }
    return {connection: some for connection, some in frames.items() if some}


def _send(client: "Client", door: Door, frames: Mapping[str, Sequence[_Frame]]) -> None:
    """Number and send: one socket's frames in their order, many sockets at once."""
    firsts = connections.number(client, {connection: len(some) for connection, some in frames.items()})
    executor = ThreadPoolExecutor(max_workers=CONCURRENCY, thread_name_prefix="push")
    deliveries = {
        executor.submit(_deliver, door, connection, frames[connection], first): connection
        for connection, first in firsts.items()
    }
    done, late = wait(deliveries, timeout=DEADLINE_SECONDS)
    executor.shutdown(wait=False, cancel_futures=True)
    if late:
        logger.warning("sockets too slow: their frames are lost", extra={"sockets": len(late)})
    connections.forget(client, *(deliveries[delivery] for delivery in done if delivery.result() == "gone"))


def _deliver(door: Door, connection: str, frames: Sequence[_Frame], first: int) -> Outcome:
    outcome: Outcome = "sent"
    for seq, frame in enumerate(frames, first):
        outcome = door.send(connection, frame.numbered(seq))
        if outcome == "gone":
            break
    return outcome
