"""Whether the whole works. Needs no key, and tells nothing but that."""

from http import HTTPStatus

import psycopg
import redis as redis_py
from fastapi import APIRouter, Response

from barometer.errors import UnavailableError
from barometer.observability import logger
from barometer.settings import Settings
from barometer.stores import models, postgres, streams
from barometer.stores.redis import Client
from functions.api.deps import RedisDep, SettingsDep
from functions.api.models.operations import Health, ModelInUse, PipelineHealth

router = APIRouter(prefix="/api/health", tags=["health"])
# Functions that work leave no post waiting for so long, cold starts, retries and a long queue included.
BEHIND_AFTER_MS = 60_000


def _database_answers(config: Settings) -> bool:
    try:
        with postgres.transaction(config.database_url.get_secret_value()) as connection:
            connection.execute("SELECT 1 FROM posts LIMIT 1")
    except (UnavailableError, psycopg.Error) as error:
        logger.warning("health: the database does not answer", extra={"error": str(error)})
        return False
    return True


def _books(client: Client, partitions: int) -> streams.Books | None:
    try:
        return streams.books(client, partitions)
    except redis_py.RedisError as error:
        logger.warning("health: Redis does not answer", extra={"error": str(error)})
        return None


def _model(client: Client) -> models.InUse | None:
    try:
        return models.in_use(client)
    except redis_py.RedisError as error:
        logger.warning("health: Redis does not tell the model", extra={"error": str(error)})
        return None


@router.get("", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Health, "description": "Something is down"}})
async def get_health(response: Response, config: SettingsDep, client: RedisDep) -> Health:
    """Ask database and Redis, and judge the functions by how long the oldest post has been waiting for them.

    200 while posts are taken and shown (`ok`, or `degraded` when they wait), 503 when they cannot be (`down`).
    """
    database, books = _database_answers(config), _books(client, config.partitions)
    behind = books is not None and books.oldest_ms > BEHIND_AFTER_MS
    if not database or books is None:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Cache-Control"] = "no-store"
    return Health(
        status="down" if not database or books is None else "degraded" if behind else "ok",
        database="ok" if database else "down",
        redis="ok" if books else "down",
        functions="unknown" if books is None else "behind" if behind else "ok",
        pipeline=PipelineHealth(lag=books.in_flight, oldest_ms=books.oldest_ms) if books else None,
        model=ModelInUse.of(_model(client)) if books else None,
    )
