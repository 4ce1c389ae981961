"""The door to Redis where there is more than one server: a primary that is demoted, and a cluster."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from barometer.errors import UnavailableError
from barometer.posts import Accepted
from barometer.stores.redis import client, connect_async, needed
from barometer.stores.streams import accept, books
from barometer.streams import stream_key
from tests.cluster import Node, follow, promote, running_cluster, running_pair
from tests.cluster import connected as connected_to
from tests.integration.poller.hindrances import wire_to


@pytest.fixture
def pair(short_tmp: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with running_pair(short_tmp / tmp_path.name) as pair:
        yield pair


def _posts(count: int) -> list[tuple[str, Accepted]]:
    now = datetime.now(UTC).isoformat()
    return [(str(n), Accepted(str(n), now, {"text": f"post {n}", "source": "test"})) for n in range(count)]


def test_posts_that_a_demoted_primary_refuses_are_taken_once_by_the_next(pair: tuple[Node, Node]) -> None:
    old, new = pair
    with wire_to(old.url) as wire, client(wire.url) as connected, old.client as before, new.client as after:
        accept(connected, _posts(3), partitions=1, bound=100)
        before.wait(1, 30_000)
        promote(new)
        follow(old, new)
        with pytest.raises(UnavailableError, match="Redis does not answer"), needed():
            accept(connected, _posts(4), partitions=1, bound=100)
        assert (books(after, 1).accepted, after.xlen(stream_key("raw", 0))) == (3, 3)
        wire.leads_to = new.url
        accept(connected, _posts(5), partitions=1, bound=100)
        assert (books(after, 1).accepted, after.xlen(stream_key("raw", 0))) == (8, 8)


async def test_a_cluster_is_waited_for_and_looked_for_again_where_the_url_says(short_tmp: Path, tmp_path: Path) -> None:
    with wire_to("redis://127.0.0.1:1") as wire, contextlib.ExitStack() as closing:
        url = wire.url.replace("redis://", "redis+cluster://")
        connected, asynchronous = closing.enter_context(client(url)), connect_async(url)
        for name in ("first", "second"):  # the second has other addresses, all of them
            for call in (connected.ping, lambda: books(connected, 3), connected.pipeline().xlen("raw").execute):
                with pytest.raises(UnavailableError, match="Redis does not answer"), needed():
                    call()
            with pytest.raises(redis.ConnectionError):
                await asynchronous.xlen("raw")
            with running_cluster(short_tmp / f"{tmp_path.name}-{name}") as cluster:
                wire.leads_to = cluster.primaries[0].url
                accept(connected, _posts(30), partitions=3, bound=100)
                assert (books(connected, 3).accepted, books(connected, 3).missing) == (30, 0)
                lengths = [await asynchronous.xlen(stream_key("raw", partition)) for partition in range(3)]
                assert sum(lengths) == 30
                assert all(lengths)
        await asynchronous.aclose()


async def test_a_blocked_read_of_a_cluster_asks_no_node_but_the_one_that_has_the_stream(redis_cluster_url: str) -> None:
    asynchronous = connect_async(redis_cluster_url)
    with connected_to(redis_cluster_url) as cluster:
        for node in cluster.get_primaries():
            node.redis_connection.config_resetstat()
        for partition in range(3):
            key = stream_key("raw", partition)
            await asynchronous.xgroup_create(key, "ingest", "0", mkstream=True)
            await asynchronous.xadd(key, {"body": str(partition)})
            ((name, ((_, fields),)),) = await asynchronous.xreadgroup("ingest", "me", {key: ">"}, block=1_000)
            assert (name.decode(), fields) == (key, {b"body": b"%d" % partition})
        for node in cluster.get_primaries():
            commands = node.redis_connection.info("commandstats")
            assert commands["cmdstat_xreadgroup"]["calls"] == 1
            assert "cmdstat_command|getkeys" not in commands
    await asynchronous.aclose()


def test_a_transaction_of_one_slot_is_one_and_a_pipeline_may_touch_any(redis_cluster_url: str) -> None:
    with client(redis_cluster_url) as connected:
        with connected.pipeline() as together:
            together.hset("a{x}", "field", "1").zadd("b{x}", {"member": 2.0}).hget("a{x}", "field")
            assert together.execute() == [1, 1, b"1"]
        with connected.pipeline() as apart, pytest.raises(redis.ConnectionError):
            apart.set("a", "1").set("b", "2").execute()
        with connected.pipeline(transaction=False) as anywhere:
            for n in range(20):
                anywhere.set(f"key-{n}", n)
            for n in range(20):
                anywhere.get(f"key-{n}")
            assert anywhere.execute() == [True] * 20 + [b"%d" % n for n in range(20)]
