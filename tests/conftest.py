"""Real servers for tests: a Redis and a Postgres for each worker, empty for each test, gone at the end."""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import redis
from psycopg_pool import ConnectionPool

from barometer.settings import settings
from barometer.stores import postgres
from infra.local.migrate import migrate
from infra.local.services import Service, postgres_service, redis_service
from tests.cluster import RunningCluster, running_cluster


@pytest.fixture(autouse=True)
def _settings_are_read_anew() -> None:
    """A process reads its settings once; here each test is a process of its own."""
    settings.cache_clear()


@pytest.fixture
def main_loop() -> Iterator[None]:
    """A current event loop, as Mangum finds one in a new process: an asynchronous test before this one leaves none."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


class _RememberedPool(ConnectionPool):
    """A pool that the end of its test finds again."""

    alive: ClassVar["weakref.WeakSet[_RememberedPool]"] = weakref.WeakSet()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.alive.add(self)
        super().__init__(*arguments, **options)


@pytest.fixture(autouse=True)
def _no_pool_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pool has threads; left to the garbage collector, they end in the middle of some later test."""
    monkeypatch.setattr(postgres, "ConnectionPool", _RememberedPool)
    cached = postgres.pool  # a test may put something else in its place
    yield
    cached.cache_clear()
    for pool in list(_RememberedPool.alive):
        pool.close()
    _RememberedPool.alive.clear()


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A folder whose path is short enough for unix sockets, which pytest's own often is not."""
    folder = Path(tempfile.mkdtemp(prefix="baro-"))
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def running(service: Service, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service, started and ready; stopped on the way out."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            service.command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent, **service.identity()
        )
    try:
        service.wait_ready(lambda: process.poll() is None)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture(scope="session")
def _redis_server(short_tmp: Path) -> Iterator[str]:
    service = redis_service(short_tmp / "redis", fsync="no")
    with running(service, short_tmp / "redis.log"):
        yield service.url


@pytest.fixture
def redis_server_url(_redis_server: str) -> str:
    """A Redis of this worker, emptied before each test."""
    with redis.Redis.from_url(_redis_server) as client:
        client.flushall()
    return _redis_server


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The same. A module whose tests shall run on a cluster as well has a ``redis_url`` of its own."""
    return redis_server_url


@pytest.fixture(params=["server", "cluster"])
def any_redis_url(request: pytest.FixtureRequest) -> str:
    """The Redis for one run of the test, and the cluster for another."""
    return str(request.getfixturevalue(f"redis_{request.param}_url"))


@pytest.fixture(scope="session")
def _redis_cluster(short_tmp: Path) -> Iterator[RunningCluster]:
    with running_cluster(short_tmp / "cluster") as cluster:
        yield cluster


@pytest.fixture
def redis_cluster_url(_redis_cluster: RunningCluster) -> str:
    """A cluster of three nodes of this worker, emptied before each test; each of three partitions has its own node."""
    _redis_cluster.empty()
    return _redis_cluster.url


@pytest.fixture(scope="session")
def _postgres_server(short_tmp: Path) -> Iterator[str]:
    service = postgres_service(short_tmp / "postgres", durable=False)
    with running(service, short_tmp / "postgres.log"):
        migrate(_database(service.url, "template"))
        yield service.url


@pytest.fixture
def postgres_url(_postgres_server: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    url = _database(_postgres_server, name, template="template")
    yield url
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _database(server_url: str, name: str, template: str = "template1") -> str:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server_url.replace("/postgres?", f"/{name}?")
