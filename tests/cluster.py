"""Several real Redis servers on loopback: a cluster, or a primary with its replica; each is a process of its own."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.cluster import ClusterNode

from infra.local.programs import any_free_port
from infra.local.services import find_redis

# The slots of "0", "1" and "2", the tags of three partitions, are 13907, 9842 and 5649. With these bounds each lies on
# a node of its own, in the order of their numbers; three equal parts would give two nodes all of them.
SLOTS = ((10_923, 16_383), (5_700, 10_922), (0, 5_699))
PATIENCE_SECONDS = 60.0


@dataclass
class Node:
    """One server of several."""

    process: "subprocess.Popen[bytes]"
    port: int
    bus: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> redis.Redis:
        """A client of this server alone; closed by whoever uses it as a context."""
        return redis.Redis(port=self.port, socket_timeout=10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


@dataclass
class RunningCluster:
    """A cluster whose ``primaries[n]`` has partition ``n`` of three."""

    primaries: Sequence[Node]
    replicas: Sequence[Node]
    spares: Sequence[Node]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries)

    def client(self) -> redis.RedisCluster:
        """A client of the tests' own: redis-py's, without our door."""
        return redis.RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", node.port) for node in self.primaries])

    def empty(self) -> None:
        for node in self.primaries:
            with node.client as client:
                client.flushall()


def connected(url: str) -> redis.Redis:
    """A client of the tests' own, for one server or a cluster."""
    if not url.startswith("redis+cluster://"):
        return redis.Redis.from_url(url)
    hosts = [host.rsplit(":", 1) for host in url.removeprefix("redis+cluster://").split(",")]
    return redis.RedisCluster(startup_nodes=[ClusterNode(host, int(port)) for host, port in hosts])


def keys(url: str, pattern: str) -> list[bytes]:
    """The keys of one server, or of all nodes."""
    with connected(url) as client:
        return list(client.scan_iter(pattern))


@contextlib.contextmanager
def running_cluster(
    folder: Path, *, replicas: int = 0, spares: int = 0, coverage: bool = True
) -> Iterator[RunningCluster]:
    """Three primaries, the last of which has ``replicas``.

    Args:
        folder: where each keeps its data; short-lived.
        replicas: of the last primary: it has slot 0, so clients that know no better turn to it first.
        spares: nodes that have nothing yet.
        coverage: whether a slot that nobody serves stops the whole cluster, as is Redis' default.
    """
    settings = {
        "cluster-enabled": "yes", "cluster-require-full-coverage": "yes" if coverage else "no",
        # On a busy machine a server may be silent for seconds; none shall be taken for dead, and a test says who leads.
        "cluster-node-timeout": 30_000, "cluster-replica-no-failover": "yes",
    }  # fmt: skip
    with contextlib.ExitStack() as running:
        nodes = [running.enter_context(_server(folder / f"node-{n}", settings)) for n in range(3 + replicas + spares)]
        cluster = RunningCluster(nodes[:3], nodes[3 : 3 + replicas], nodes[3 + replicas :])
        _join(cluster)
        yield cluster


@contextlib.contextmanager
def lone_node(folder: Path) -> Iterator[Node]:
    """A cluster of one node, which has every slot."""
    with _server(folder, {"cluster-enabled": "yes"}) as node:
        with node.client as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16_383)
            _until(lambda: client.cluster("INFO")["cluster_state"] == "ok")
        yield node


@contextlib.contextmanager
def running_pair(folder: Path) -> Iterator[tuple[Node, Node]]:
    """A primary and its replica, which has all that the primary has."""
    with _server(folder / "primary", {}) as primary, _server(folder / "replica", {}) as replica:
        follow(replica, primary)
        yield primary, replica


def follow(replica: Node, primary: Node) -> None:
    """Make one the other's replica."""
    with replica.client as client:
        client.replicaof("127.0.0.1", primary.port)
        _until(lambda: client.info("replication")["master_link_status"] == "up")


def promote(replica: Node) -> None:
    """Make a replica a primary."""
    with replica.client as client:
        client.replicaof("NO", "ONE")


@contextlib.contextmanager
def _server(folder: Path, more: Mapping[str, object]) -> Iterator[Node]:
    folder.mkdir(parents=True)
    port = any_free_port()
    bus = any_free_port({port})
    settings = {
        "port": port, "cluster-port": bus, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no",
        "repl-diskless-sync-delay": 0, **more,
    }  # fmt: skip
    command = [find_redis(), *(part for name, value in settings.items() for part in (f"--{name}", str(value)))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    node = Node(process, port, bus)
    try:
        with node.client as client:
            _until(lambda: _answers(client, process))
        yield node
    finally:
        node.kill()


def _join(cluster: RunningCluster) -> None:
    everyone = [*cluster.primaries, *cluster.replicas, *cluster.spares]
    for number, node in enumerate(everyone):
        with node.client as client:
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            if number < len(SLOTS):
                client.execute_command("CLUSTER ADDSLOTSRANGE", *SLOTS[number])
            for other in everyone[:number]:
                client.execute_command("CLUSTER MEET", "127.0.0.1", other.port, other.bus)
    for node in everyone:
        with node.client as client:
            _until(lambda client=client: int(client.cluster("INFO")["cluster_known_nodes"]) == len(everyone))
    with cluster.primaries[-1].client as client:
        primary = client.execute_command("CLUSTER MYID").decode()
    for node in cluster.replicas:
        with node.client as client:
            _until(lambda client=client: _replicates(client, primary))
            _until(lambda client=client: client.info("replication")["master_link_status"] == "up")
    for node in everyone:
        with node.client as client:
            _until(lambda client=client: client.cluster("INFO")["cluster_state"] == "ok")


def _replicates(client: redis.Redis, primary: str) -> bool:
    try:
        client.execute_command("CLUSTER REPLICATE", primary)
    except redis.ResponseError:  # it has not heard of the primary yet
        return False
    return True


def _answers(client: redis.Redis, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "a server of the cluster stopped; its log says why"
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the cluster did not come together in time"
        time.sleep(0.02)  # between two looks
