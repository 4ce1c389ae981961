"""Postgres and Valkey in containers, on a network of their own, reached from containers and from this machine."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import redis

from infra.local.migrate import migrate
from tests.containers.compose import docker
from tests.e2e.stack import wait_for

POSTGRES, VALKEY = "postgres:17", "valkey/valkey:8"


@dataclass(frozen=True)
class Stores:
    """Where they are, for a container in ``network`` and for this machine."""

    network: str
    inside: dict[str, str]
    database_url: str
    redis_url: str


@contextlib.contextmanager
def stores() -> Iterator[Stores]:
    """Both, migrated and empty; nothing is left of them."""
    name, password = f"barometer-test-{secrets.token_hex(3)}", secrets.token_hex(16)
    hosts = {"postgres": f"{name}-postgres", "valkey": f"{name}-valkey"}
    docker("network", "create", name)
    try:
        run = ["run", "--detach", "--network", name, "--rm"]
        docker(
            *run, "--name", hosts["postgres"], "--publish", "127.0.0.1::5432",
            "--env", f"POSTGRES_PASSWORD={password}", "--env", "POSTGRES_DB=barometer", POSTGRES, seconds=600,
        )  # fmt: skip
        docker(
            *run, "--name", hosts["valkey"], "--publish", "127.0.0.1::6379",
            VALKEY, "valkey-server", "--requirepass", password, seconds=600,
        )  # fmt: skip
        database, cache = f"postgresql://postgres:{password}@{{}}/barometer", f"redis://:{password}@{{}}/0"
        database_url = database.format(_published(hosts["postgres"], 5432))
        redis_url = cache.format(_published(hosts["valkey"], 6379))
        wait_for(lambda: _postgres_answers(database_url), "postgres answers", 120)
        wait_for(lambda: _redis_answers(redis_url), "valkey answers", 60)
        migrate(database_url)
        inside = {
            "DatabaseUrl": database.format(f"{hosts['postgres']}:5432"),
            "RedisUrl": cache.format(f"{hosts['valkey']}:6379"),
        }
        yield Stores(name, inside, database_url, redis_url)
    finally:
        for container in docker("ps", "--all", "--quiet", "--filter", f"network={name}").split():
            docker("rm", "--force", "--volumes", container)
        docker("network", "rm", name)


def _published(container: str, port: int) -> str:
    return docker("port", container, f"{port}/tcp").split()[0]


def _postgres_answers(url: str) -> bool:
    """Over TCP, where it listens only once its database is made."""
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2).close()
        return True
    return False


def _redis_answers(url: str) -> bool:
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=2) as client:
        return bool(client.ping())
    return False
