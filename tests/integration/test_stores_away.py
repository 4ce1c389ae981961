"""A store that is away is nobody's fault: a real Postgres that is stopped, a real Lambda runtime that says so."""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from barometer.errors import UnavailableError
from barometer.steps.aggregate import aggregate
from barometer.stores import postgres
from infra.local.migrate import migrate
from infra.local.services import Service, postgres_service
from tests.integration.lambdas import function, lambda_service
from tests.scored import batch, event, no_cache, post


@contextlib.contextmanager
def started(service: Service) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        service.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **service.identity()
    )
    try:
        service.wait_ready(lambda: process.poll() is None)
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Postgres' fast shutdown: it ends its connections rather than wait for them."""
    process.send_signal(signal.SIGINT)
    process.wait(20)


def ask(url: str, *statements: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    with postgres.transaction(url) as connection:
        meanwhile()
        for statement in statements:
            connection.execute(statement.encode())


def test_a_postgres_that_is_stopped_is_unavailable_until_it_is_back(short_tmp: Path):
    service = postgres_service(short_tmp / "stopped", durable=False)
    posts = [post()]
    with contextlib.closing(postgres.pool(service.url)):
        with started(service) as server:
            migrate(service.url)
            assert [end["as"] for end in aggregate(batch(posts), service.url, no_cache()).finished] == ["stored"]
            with pytest.raises(UnavailableError) as caught:
                ask(service.url, "SELECT 1", meanwhile=lambda: stop(server))
            assert isinstance(caught.value.__cause__, psycopg.OperationalError)
        with pytest.raises(UnavailableError, match="the database does not answer: "):
            aggregate(batch(posts), service.url, no_cache())
        with started(service):
            assert [end["as"] for end in aggregate(batch(posts), service.url, no_cache()).finished] == ["stored"]


def test_a_lost_deadlock_is_no_outage(postgres_url: str):
    both_hold = threading.Barrier(2, timeout=20)
    outcomes: list[BaseException | None] = []

    def take(first: int, second: int):
        try:
            with postgres.transaction(postgres_url) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (first,))
                both_hold.wait()
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (second,))
        except errors.DeadlockDetected as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=take, args=order) for order in ((1, 2), (2, 1))]
    with contextlib.closing(postgres.pool(postgres_url)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DeadlockDetected", "NoneType"]


@pytest.mark.parametrize(
    ("statements", "error"),
    [
        (["SET LOCAL statement_timeout = '10ms'", "SELECT pg_sleep(5)"], errors.QueryCanceled),
        (["SELECT 1 / 0"], errors.DivisionByZero),
        (["SELECT pg_terminate_backend(pg_backend_pid())"], UnavailableError),
    ],
)
def test_what_the_database_says_of_a_statement_stays_its_own_error(
    postgres_url: str, statements: list[str], error: type[Exception]
):
    with contextlib.closing(postgres.pool(postgres_url)), pytest.raises(error):
        ask(postgres_url, *statements)


async def test_lambdas_runtime_tells_the_poller_by_the_errors_name(tmp_path: Path):
    variables = {
        "BAROMETER_DATABASE_URL": f"postgresql:///none?host={tmp_path}",
        "BAROMETER_REDIS_URL": f"unix://{tmp_path}/redis.sock",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    away = function("functions.aggregate.app.handler", "aggregate", variables=variables)
    async with lambda_service(tmp_path, away) as lab:
        reply = await lab.call("aggregate", event([post().as_json()]))
    assert reply.error == "Unhandled"
    assert reply.body["errorType"] == "UnavailableError"
    assert reply.body["errorMessage"].startswith("the database does not answer: ")


def test_threads_that_ask_at_once_share_one_pool(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    together = threading.Barrier(8)

    class Slow(postgres.ConnectionPool):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            made.append(self)
            time.sleep(0.05)  # long enough for every other thread to ask meanwhile
            super().__init__(*arguments, **options)

    def ask(_: int) -> int:
        together.wait(30)
        with postgres.transaction(postgres_url) as connection:
            return int(connection.execute("SELECT 1").fetchone()[0])

    monkeypatch.setattr(postgres, "ConnectionPool", Slow)
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(ask, range(8))) == [1] * 8
    assert len(made) == 1
