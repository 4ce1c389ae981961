"""Open sockets: who is connected, what each wants to hear, and the number of its last frame.

Lives in Redis alone, since a socket does not outlive it usefully. A connection is *known* from ``record`` until it is
forgotten: by ``$disconnect``, by a send that found it gone, with its key, or after ``LIFETIME`` without a word (a
process that died cannot say goodbye, and API Gateway closes every socket after two hours anyway). Only a known
connection can subscribe or be numbered, so nothing that is gone comes back to life half.

All keys carry one hash tag: the scripts beside this file touch several at once.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from barometer.stores.streams import script

if TYPE_CHECKING:
    from barometer.stores.redis import Client

LIFETIME_SECONDS = 7_200
# How many dead connections one look at the table sweeps away: enough to keep up, too few to delay a frame.
SWEEP = 200

_KEYS = "barometer:{sockets}:keys"
_SUBSCRIPTIONS = "barometer:{sockets}:subscriptions"
_SEQ = "barometer:{sockets}:seq"
_HEARD = "barometer:{sockets}:heard"
_OMITTED = "barometer:{sockets}:omitted"
_SENT = "barometer:{sockets}:sent"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one socket wants: the topics (``*``: the whole), and whether single posts too."""

    topics: frozenset[str]
    posts: bool

    def wants(self, topics: Iterable[str]) -> bool:
        """Whether something about ``topics`` is for this socket; ``*`` hears of everything."""
        return "*" in self.topics or not self.topics.isdisjoint(topics)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many posts a socket may be sent now, and how many it was not sent since it was last told."""

    posts: int
    omitted: int


def record(client: "Client", connection_id: str, key_id: str) -> None:
    """A socket opened, with a session or key that stands for ``key_id``."""
    with client.pipeline() as pipeline:
        pipeline.hset(_KEYS, connection_id, key_id)
        pipeline.hset(_SEQ, connection_id, "0")
        pipeline.zadd(_HEARD, {connection_id: time.time()})
        pipeline.execute()


def hear(client: "Client", connection_id: str, subscription: Subscription | None = None) -> int | None:
    """A known socket said something, perhaps what it wants from now on.

    Returns:
        The number of its last frame; ``None`` when the connection is not known: it must connect again.
    """
    wanted = (
        b""
        if subscription is None
        else orjson.dumps({"topics": sorted(subscription.topics), "posts": subscription.posts})
    )
    seq = client.register_script(script("socket_hear"))(
        keys=[_KEYS, _SEQ, _HEARD, _SUBSCRIPTIONS], args=[connection_id, time.time(), wanted]
    )
    return None if seq is None else int(seq)


def forget(client: "Client", *connection_ids: str) -> None:
    """These sockets are gone. One that was never known stays so."""
    if not connection_ids:
        return
    with client.pipeline() as pipeline:
        for table in (_KEYS, _SUBSCRIPTIONS, _SEQ, _OMITTED):
            pipeline.hdel(table, *connection_ids)
        pipeline.zrem(_HEARD, *connection_ids)
        pipeline.execute()


def forget_key(client: "Client", key_id: str) -> None:
    """Forget every socket of a revoked key: it hears nothing more, and is closed when it next says something."""
    owners = cast("dict[bytes, bytes]", client.hgetall(_KEYS))
    forget(client, *(connection.decode() for connection, owner in owners.items() if owner.decode() == key_id))


def subscribers(client: "Client") -> dict[str, Subscription]:
    """Every socket that subscribed, with what it wants; those not heard of for ``LIFETIME`` are swept away first."""
    silent = cast(
        "list[bytes]", client.zrangebyscore(_HEARD, "-inf", time.time() - LIFETIME_SECONDS, start=0, num=SWEEP)
    )
    forget(client, *(connection.decode() for connection in silent))
    rows = cast("dict[bytes, bytes]", client.hgetall(_SUBSCRIPTIONS))
    found = {}
    for connection, wanted in rows.items():
        body = orjson.loads(wanted)
        found[connection.decode()] = Subscription(frozenset(body["topics"]), body["posts"])
    return found


def number(client: "Client", frames: Mapping[str, int]) -> dict[str, int]:
    """Give the next ``frames[connection]`` numbers of each socket away.

    Returns:
        The first number of each; a connection that is not known any more is left out.
    """
    if not frames:
        return {}
    args = [part for connection, count in frames.items() for part in (connection, count)]
    lasts = cast("list[int]", client.register_script(script("socket_number"))(keys=[_KEYS, _SEQ], args=args))
    return {
        connection: last - count + 1
        for (connection, count), last in zip(frames.items(), lasts, strict=True)
        if last >= 0
    }


def allow(client: "Client", posts: Mapping[str, int], limit: int, now: float) -> dict[str, Allowance]:
    """Share out the ``limit`` of posts a socket in the second of ``now``, over all processes that push.

    What is not allowed is remembered, and told with the next allowance that is not empty.
    """
    if not posts:
        return {}
    args = [limit, *(part for connection, count in posts.items() for part in (connection, count))]
    pairs = cast(
        "list[int]",
        client.register_script(script("socket_allow"))(keys=[_KEYS, f"{_SENT}:{int(now)}", _OMITTED], args=args),
    )
    return {
        connection: Allowance(allowed, omitted)
        for connection, allowed, omitted in zip(posts, pairs[::2], pairs[1::2], strict=True)
    }
