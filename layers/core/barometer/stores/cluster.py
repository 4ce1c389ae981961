"""A Redis cluster behind the methods of one Redis: what the door gives for ``redis+cluster://``.

redis-py's clients of a cluster are otherwise than its others in ways that the house shall not notice. These here
connect when they are first used, as a Redis does; say that no node or slot can be had by a ``ConnectionError``, which
theirs do not; and ask only the node that has a stream to read from it, not first another where its key stands in the
command. A cluster of which no node is found at its last addresses is looked for again where the URL says.

Every call, script and transaction touches keys of one slot; ``pipeline(transaction=False)`` may touch any.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode as AsyncNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode
from redis.commands import AsyncCoreCommands, CoreCommands
from redis.connection import ConnectionPool, parse_url
from redis.event import EventDispatcher
from redis.exceptions import RedisClusterException, SlotNotCoveredError
from redis.retry import Retry

SUFFIX = "+cluster"
# Another try asks the nodes anew who has the slot; whoever wants more waits first.
_TRIES_AGAIN = 1


@dataclass(frozen=True, slots=True)
class Address:
    """Some nodes of a cluster, and the credentials and options for each connection."""

    nodes: Sequence[tuple[str, int]]
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read ``redis+cluster://[user:password@]host[:port][,host[:port]…][?option=…]``, or ``rediss+cluster://…``.

        Raises:
            ValueError: it is none; the message may quote a part of it.
        """
        parts = urlsplit(url)
        scheme = parts.scheme.removesuffix(SUFFIX)
        credentials, at, hosts = parts.netloc.rpartition("@")
        if parts.path.strip("/") not in ("", "0"):
            raise ValueError("a cluster has no database but 0")
        nodes = []
        for host in hosts.split(","):
            node = urlsplit(f"//{host}")
            if not node.hostname:
                raise ValueError("a host is missing")
            nodes.append((node.hostname, node.port or 6379))
        options: dict[str, Any] = parse_url(  # type: ignore[no-untyped-call]
            urlunsplit((scheme, f"{credentials}{at}node", "", parts.query, ""))
        )
        del options["host"]
        if options.pop("connection_class", None) is not None:
            options["ssl"] = True
        if options.pop("db", 0) != 0:
            raise ValueError("a cluster has no database but 0")
        return cls(nodes, options)


@contextmanager
def _redis_errors() -> Iterator[None]:
    """What redis-py says of a cluster outside its own root of errors, as one of those that everybody expects."""
    try:
        yield
    except RedisClusterException as error:
        refused = isinstance(error.__cause__, redis.AuthenticationError)
        raise (redis.AuthenticationError if refused else redis.ConnectionError)(str(error)) from error
    except AttributeError as error:
        # It knows no node of this name yet: a partition is on its way to one that was empty when it last asked.
        raise redis.ConnectionError("sent to a node of the cluster that is new") from error


class _Commands(CoreCommands):
    """redis-py's commands, and what they ask of whoever executes them."""

    _is_async_client: Literal[False] = False
    _event_dispatcher = EventDispatcher()
    encoder = ConnectionPool().get_encoder()

    def get_encoder(self) -> object:
        """How text becomes bytes, by which a script's hash is known."""
        return self.encoder


class _AsyncCommands(AsyncCoreCommands):
    """The same for asyncio."""

    _is_async_client: Literal[True] = True
    _event_dispatcher = EventDispatcher()
    encoder = ConnectionPool().get_encoder()

    def get_encoder(self) -> object:
        """How text becomes bytes, by which a script's hash is known."""
        return self.encoder


class Cluster(_Commands):
    """A client for threads. ``close`` it, or use it as a context."""

    def __init__(self, address: Address, **options: Any) -> None:  # noqa: ANN401 (of redis-py's connections)
        self._address = address
        self._options = {"require_full_coverage": False, **options, **address.options}
        self._lock = threading.Lock()
        self._found: redis.RedisCluster | None = None

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 (redis-py's own signature)
        """Send one command to the node, or the nodes, that it is for."""
        with self._cluster() as cluster:
            return cluster.execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True) -> "_Pipeline":
        """Commands to send together; a transaction is of one slot."""
        return _Pipeline(self, transaction=transaction)

    def send(self, commands: "_Queue", *, transaction: bool) -> list[Any]:
        """Send what a pipeline has gathered."""
        with (
            self._cluster() as cluster,
            cluster.pipeline(transaction=transaction) as pipeline,  # type: ignore[no-untyped-call]
        ):
            for args, options in commands:
                pipeline.execute_command(*args, **options)
            return cast("list[Any]", pipeline.execute())

    @contextmanager
    def _cluster(self) -> Iterator[redis.RedisCluster]:
        with _redis_errors():
            with self._lock:
                if self._found is None:
                    nodes = [ClusterNode(*node) for node in self._address.nodes]  # type: ignore[no-untyped-call]
                    retry = Retry(ExponentialWithJitterBackoff(), _TRIES_AGAIN)
                    self._found = redis.RedisCluster(startup_nodes=nodes, retry=retry, **self._options)
                cluster = self._found
            try:
                yield cluster
            except SlotNotCoveredError:
                raise
            except RedisClusterException:
                self.close()
                raise

    def close(self) -> None:
        """Close its connections; the next use opens them anew."""
        with self._lock:
            found, self._found = self._found, None
        if found is not None:
            found.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_Queue = list[tuple[tuple[Any, ...], dict[str, Any]]]


class _Pipeline(_Commands):
    """Gathers commands; nothing is sent, and nothing can fail, before ``execute``."""

    def __init__(self, cluster: Cluster, *, transaction: bool) -> None:
        self._cluster = cluster
        self._transaction = transaction
        self._queue: _Queue = []

    def execute_command(self, *args: Any, **options: Any) -> Self:  # noqa: ANN401 (redis-py's own signature)
        self._queue.append((args, options))
        return self

    def execute(self) -> list[Any]:
        """Send them; gives their answers in order, or raises the first error among them."""
        queue, self._queue = self._queue, []
        return self._cluster.send(queue, transaction=self._transaction) if queue else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue = []


class AsyncCluster(_AsyncCommands):
    """A client for asyncio. ``aclose`` it."""

    def __init__(self, address: Address, **options: Any) -> None:  # noqa: ANN401 (of redis-py's connections)
        self._address = address
        self._options = {"require_full_coverage": False, **options, **address.options}
        self._found = self._make()

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 (redis-py's own signature)
        """Send one command to the node, or the nodes, that it is for."""
        cluster = self._found
        with _redis_errors():
            try:
                await self._get_ready(cluster)
                if args[0] == "XREADGROUP":
                    key = args[args.index(b"STREAMS") + 1]
                    options["target_nodes"] = cluster.get_node_from_key(key)
                return await cluster.execute_command(*args, **options)
            except SlotNotCoveredError:
                raise
            except RedisClusterException:
                if self._found is cluster:
                    self._found = self._make()
                raise

    def pipeline(self, *, transaction: Literal[False]) -> "_AsyncPipeline":  # noqa: ARG002 (a Redis has others)
        """Commands that are sent when all are gathered, one after the other: daemons gather few."""
        return _AsyncPipeline(self)

    def _make(self) -> redis.asyncio.RedisCluster:
        nodes = [AsyncNode(host, port) for host, port in self._address.nodes]
        retry = AsyncRetry(ExponentialWithJitterBackoff(), _TRIES_AGAIN)
        return redis.asyncio.RedisCluster(startup_nodes=nodes, retry=retry, **self._options)

    async def _get_ready(self, cluster: redis.asyncio.RedisCluster) -> None:
        """Have the nodes known."""
        try:
            await cluster.initialize()
        except (redis.ConnectionError, redis.TimeoutError):
            # It has heard of the nodes, and the first of them is dead: without this it would ask that one for ever.
            dead = cluster.get_primaries()[0]
            cluster.nodes_manager.move_node_to_end_of_cached_nodes(dead.name)
            raise

    async def aclose(self) -> None:
        """Close its connections."""
        await self._found.aclose()


class _AsyncPipeline(_AsyncCommands):
    """Gathers commands; nothing is sent, and nothing can fail, before ``execute``."""

    def __init__(self, cluster: AsyncCluster) -> None:
        self._cluster = cluster
        self._queue: _Queue = []

    def execute_command(self, *args: Any, **options: Any) -> Self:  # noqa: ANN401 (redis-py's own signature)
        self._queue.append((args, options))
        return self

    async def execute(self) -> list[Any]:
        """Send them; gives their answers in order, or raises the first error among them."""
        queue, self._queue = self._queue, []
        return [await self._cluster.execute_command(*args, **options) for args, options in queue]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue = []
