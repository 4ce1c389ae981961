"""The stores that variables name: looked at before anything starts, so that a wrong one is named at once."""

import psycopg
import redis

from barometer.errors import BarometerError
from barometer.stores.postgres import connect
from barometer.stores.redis import client, is_cluster
from infra.local.services import LEAST_REDIS

_LEAST_POSTGRES = 15


def postgres_version(url: str) -> int:
    """The major version of the Postgres that ``BAROMETER_DATABASE_URL`` names.

    Raises:
        BarometerError: it does not answer, or is too old.
    """
    try:
        with connect(url, "barometer-up") as connection:
            version = connection.info.server_version // 10_000
    except psycopg.Error as error:
        raise BarometerError(f"BAROMETER_DATABASE_URL does not answer: {_one_line(error)}") from None
    if version < _LEAST_POSTGRES:
        raise BarometerError(f"BAROMETER_DATABASE_URL is a Postgres {version}; {_LEAST_POSTGRES} or later is needed")
    return version


def redis_version(url: str) -> str:
    """The version of the Redis or Valkey, or of a node of the cluster, that ``BAROMETER_REDIS_URL`` names.

    Raises:
        SettingsError: it is no URL of one.
        BarometerError: it does not answer, is too old, or is a cluster's and not named as one.
    """
    try:
        with client(url) as connected:
            about = connected.info("server")
    except redis.RedisError as error:
        raise BarometerError(f"BAROMETER_REDIS_URL does not answer: {_one_line(error)}") from None
    version = str(about["redis_version"])
    if about["redis_mode"] == "cluster" and not is_cluster(url):
        raise BarometerError("BAROMETER_REDIS_URL is a node of a cluster: name that by redis+cluster://")
    if tuple(map(int, version.split(".")[:2])) < LEAST_REDIS:
        least = ".".join(map(str, LEAST_REDIS))
        raise BarometerError(f"BAROMETER_REDIS_URL is a Redis {version}; {least} or later is needed")
    return version


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
