"""A primary that is demoted or dies, and a partition that moves: what was in flight is finished elsewhere, once."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from barometer.streams import counters_key, stream_key
from tests.cluster import Node, RunningCluster, follow, promote, running_cluster, running_pair
from tests.integration.poller.hindrances import Gate, wire_to
from tests.integration.poller.rig import Rig, Streams, deployment, echo, fake_aws, one_server, until


@pytest.fixture
def pair(short_tmp: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with running_pair(short_tmp / tmp_path.name) as pair:
        yield pair


def _refusals(client: Redis) -> int:
    """How often a server has refused to write because it is a replica."""
    return int(client.info("errorstats").get("errorstat_READONLY", {"count": 0})["count"])


@one_server
@pytest.mark.parametrize("fate", ["demoted", "killed"])
def test_what_a_lost_primary_had_in_flight_is_finished_on_the_next_one_once(
    rig: Rig, gate: Gate, pair: tuple[Node, Node], fate: str
) -> None:
    old, new = pair
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": gate}
    with wire_to(old.url) as wire, old.client as client, new.client as next_client:
        poller = rig.start(redis_url=wire.url, lease_seconds=30)
        client.hset(counters_key(0), "accepted", 20)
        Streams(client).add("raw", *({"n": n} for n in range(20)))
        assert gate.entered.acquire(timeout=60)
        client.wait(1, 30_000)
        if fate == "killed":
            old.kill()
            promote(new)
        else:
            promote(new)
            follow(old, new)
        gate.open.set()
        # For as long as the name still leads to the old one, nothing can be written.
        until(lambda: poller.told("a commit is not answered yet"))
        streams = Streams(next_client)
        assert (streams.length("raw"), streams.length("posts")) == (20, 0)
        wire.leads_to = new.url
        until(lambda: streams.length("raw") == 0)
        assert streams.numbers() == list(range(20))
        assert streams.counters() == {"accepted": 20, "ingest.in": 20, "ingest.out": 20}
        assert streams.books().missing == 0
        asked = [json.loads(record["body"])["n"] for call in rig.aws.calls for record in call.records]
        assert sorted(asked) == list(range(20))
        assert poller.stop() == 0


@one_server
def test_a_primary_that_was_demoted_is_left_and_not_pestered(rig: Rig, pair: tuple[Node, Node]) -> None:
    old, new = pair
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    with wire_to(old.url) as wire, old.client as client, new.client as next_client:
        poller = rig.start(redis_url=wire.url, retry_cap_seconds=2)
        Streams(client).add("raw", {"n": 1})
        until(lambda: Streams(client).numbers() == [1])
        client.wait(1, 30_000)
        promote(new)
        follow(old, new)
        until(lambda: any("read only" in line["error"] for line in poller.told("cannot read")))
        before = _refusals(client)
        time.sleep(2)  # the span that is measured
        assert _refusals(client) - before < 200
        wire.leads_to = new.url
        Streams(next_client).add("raw", {"n": 2})
        until(lambda: Streams(next_client).numbers() == [1, 2])
        # Each connection leaves at its first refusal; one that is not used any more may stay open.
        until(lambda: all(int(other["idle"]) > 3 for other in _others(client)))


def _others(client: Redis) -> list[dict[str, str]]:
    return [other for other in client.client_list(_type="normal") if int(other["id"]) != client.client_id()]


@pytest.fixture
def cluster(short_tmp: Path, tmp_path: Path) -> Iterator[RunningCluster]:
    """A cluster of its own, whose last primary has a replica; the others go on without it. One node is empty."""
    with running_cluster(short_tmp / tmp_path.name, replicas=1, spares=1, coverage=False) as cluster:
        yield cluster


@pytest.fixture
def cluster_rig(cluster: RunningCluster, tmp_path: Path) -> Iterator[Rig]:
    with fake_aws() as aws, cluster.client() as client:
        rig = Rig(aws, Streams(client, 3), cluster.url, tmp_path)
        yield rig
        rig.end()


def test_a_node_that_dies_stops_its_own_partition_only_until_its_replica_leads(
    cluster_rig: Rig, cluster: RunningCluster
) -> None:
    rig, (replica,) = cluster_rig, cluster.replicas
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": echo}
    rig.start()
    rig.streams.add("raw", *({"n": n} for n in range(30)))
    until(lambda: rig.streams.length("raw") == 0)
    with cluster.primaries[2].client as client:
        client.wait(1, 30_000)
    cluster.primaries[2].kill()
    until(lambda: _partitions_that_cannot_be_read(rig) == {"2"})
    for start in (30, 60):
        for n in range(start, start + 30):
            rig.streams.add("raw", {"n": n}, partition=n % 2)
        until(lambda: rig.streams.length("raw", 0) + rig.streams.length("raw", 1) == 0)
        rig.pollers[-1].kill()
        rig.start()  # finds the cluster as it is now
    with replica.client as client:
        client.execute_command("CLUSTER FAILOVER TAKEOVER")
    for node in cluster.primaries[:2]:
        with node.client as client:
            until(lambda client=client: replica.port in _leaders(client))
    rig.streams.add("raw", *({"n": n} for n in range(90, 120)))
    until(lambda: rig.streams.length("raw") == 0)
    assert rig.streams.numbers() == list(range(120))
    assert rig.streams.counters() == {"ingest.in": 120, "ingest.out": 120}
    assert rig.pollers[-1].stop() == 0


def _leaders(client: Redis) -> set[int]:
    """The ports of the nodes that have slots, as far as this one has heard."""
    return {int(rows[2][1]) for rows in client.execute_command("CLUSTER SLOTS")}


def _partitions_that_cannot_be_read(rig: Rig) -> set[str]:
    return {str(line["partition"]) for line in rig.pollers[-1].told("cannot read")[-3:]}


@pytest.mark.parametrize("whither", ["known", "new"])
def test_a_partition_that_moves_to_another_node_takes_its_records_along(
    cluster_rig: Rig, cluster: RunningCluster, whither: str
) -> None:
    rig, target = cluster_rig, cluster.primaries[1] if whither == "known" else cluster.spares[0]
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": echo}
    poller = rig.start(lease_seconds=5)

    def meanwhile() -> None:
        if whither == "new":  # a client hears of a node only when that has a slot
            until(lambda: any("that is new" in line.get("error", "") for line in poller.lines()))

    for n in range(0, 300, 30):
        rig.streams.add("raw", *({"n": n + k} for k in range(30)), partition=0)
        if n == 90:
            _move(cluster.primaries[0], target, rig.streams.client.keyslot(stream_key("raw", 0)), meanwhile)
    until(lambda: rig.streams.length("raw") == 0)
    assert rig.streams.numbers() == list(range(300))
    assert rig.streams.counters() == {"ingest.in": 300, "ingest.out": 300}
    with target.client as client:
        assert client.xlen(stream_key("posts", 0)) == 300
    assert poller.stop() == 0


def _move(source: Node, target: Node, slot: int, meanwhile: Callable[[], None]) -> None:
    """Move a slot and its keys while clients work on them, as ``redis-cli --cluster reshard`` does."""
    with source.client as here, target.client as there:
        names = [client.execute_command("CLUSTER MYID").decode() for client in (here, there)]
        there.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
        here.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
        while keys := here.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            for key in keys:
                here.migrate("127.0.0.1", target.port, key, 0, 10_000)
        meanwhile()
        for client in (there, here):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])
