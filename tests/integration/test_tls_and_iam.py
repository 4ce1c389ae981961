"""The doors to Postgres and Redis as they are on AWS: TLS that is verified, IAM tokens, a password from elsewhere."""

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import psycopg
import pytest
import redis

from barometer.errors import SettingsError, UnavailableError
from barometer.settings import Settings, load
from barometer.stores import logins, postgres
from barometer.stores.partitions import ensure
from barometer.stores.redis import client, connect_async
from infra.local.given import postgres_version
from infra.local.migrate import migrate
from infra.local.services import redis_service
from tests.aurora import as_on_aurora
from tests.cluster import lone_node
from tests.conftest import running
from tests.doors import Authority, Door, postgres_door, redis_door

PASSWORD = "p@ss:w/rd?#"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_SESSION_TOKEN": "to/ken+==",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    for remembered in (logins.trusted, logins._session):
        remembered.cache_clear()
    yield
    for remembered in (logins.trusted, logins._session):
        remembered.cache_clear()


@pytest.fixture
def proxy(authority: Authority, postgres_url: str) -> Iterator[Door]:
    """RDS Proxy, as far as a client can tell, before this test's database."""
    with postgres_door(authority, _socket(postgres_url), _is_token) as door:
        yield door


def _socket(postgres_url: str) -> Path:
    return Path(parse_qs(urlsplit(postgres_url).query)["host"][0]) / ".s.PGSQL.5432"


def _is_token(user: str, password: str) -> bool:
    """Whether a password is a token as AWS's documents describe it; its signature is tried in another test."""
    url = urlsplit(f"https://{password}")
    said = {name: values[0] for name, values in parse_qs(url.query).items()}
    return (
        (said["Action"], said["DBUser"], said["X-Amz-Expires"]) == ("connect", user, "900")
        and said["X-Amz-Credential"].endswith("/eu-central-1/rds-db/aws4_request")
        and url.hostname == "localhost"
        and url.port is not None
    )


def _url(door: Door, database: str, user: str = "barometer", host: str = "localhost", **more: str) -> str:
    options = {"sslmode": "verify-full", "sslrootcert": "system"} | more
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"postgresql+iam://{user}@{host}:{door.port}/{database}?{query}"


def _database(postgres_url: str) -> str:
    return urlsplit(postgres_url).path.removeprefix("/")


def test_a_token_is_the_one_that_boto3_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    host = "prx.proxy-abc.eu-central-1.rds.amazonaws.com"
    told = psycopg.conninfo.conninfo_to_dict(logins.conninfo(f"postgresql+iam://some%20one@{host}:6543/db"))

    assert told["password"] == boto3.Session().client("rds").generate_db_auth_token(host, 6543, "some one")
    assert (told["user"], told["host"], told["port"], told["dbname"]) == ("some one", host, "6543", "db")


def test_a_pool_logs_in_by_a_token_of_each_connection_over_verified_tls(
    proxy: Door, authority: Authority, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    url = _url(proxy, _database(postgres_url))

    with contextlib.closing(postgres.pool(url)) as pool, pool.connection() as one, pool.connection() as two:
        for connection in (one, two):
            assert connection.execute("SELECT count(*) FROM posts").fetchone() == (0,)
            assert connection.pgconn.ssl_in_use
            assert connection.prepare_threshold is None
    assert len(proxy.passwords) == 2
    assert postgres_version(url) >= 15


def test_a_certificate_that_nobody_trusts_or_of_another_name_is_refused(
    proxy: Door, authority: Authority, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = _database(postgres_url)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        postgres.connect(_url(proxy, database), "test")
    with pytest.raises(UnavailableError), postgres.transaction(_url(proxy, database)):
        pass
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    logins.trusted.cache_clear()
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        postgres.connect(_url(proxy, database, host="wrong.test", hostaddr="127.0.0.1"), "test")
    assert proxy.passwords == []


def test_a_file_of_certificates_may_be_named_and_a_machine_without_any_has_those_of_boto3(
    proxy: Door, authority: Authority, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _url(proxy, _database(postgres_url), sslrootcert=str(authority.file))
    with postgres.connect(url, "test") as connection:
        assert connection.pgconn.ssl_in_use
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert "Amazon Root CA 1" in Path(logins.trusted()).read_text()


def test_without_credentials_or_region_a_login_by_iam_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(psycopg.OperationalError, match="needs AWS credentials and AWS_DEFAULT_REGION"):
        postgres.connect("postgresql+iam://a@localhost/b", "test")


def test_the_role_of_aws_may_migrate_and_add_days_and_has_the_timeouts_that_its_connections_are_not_told(
    proxy: Door, authority: Authority, postgres_url: str
) -> None:
    url = _url(proxy, _database(postgres_url), user="barometer_owner", sslrootcert=str(authority.file))
    with as_on_aurora(postgres_url):
        assert migrate(url)
        with contextlib.closing(postgres.pool(url)) as pool, pool.connection() as connection:
            ensure(connection, [datetime.now(UTC).date()])
            for name, value in (("statement_timeout", "20s"), ("lock_timeout", "5s"), ("timezone", "UTC")):
                assert connection.execute(f"SHOW {name}").fetchone() == (value,)
        with postgres.connect(url, "test", statement_timeout_ms=0, lock_timeout_ms=60_000) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
            assert connection.execute("SHOW lock_timeout").fetchone() == ("1min",)
            connection.rollback()
            assert connection.execute("SHOW lock_timeout").fetchone() == ("1min",)


async def test_redis_is_reached_over_verified_tls_with_a_password(short_tmp: Path, authority: Authority) -> None:
    open_service = redis_service(short_tmp / "redis-with-password", fsync="no")
    socket = Path(open_service.url.removeprefix("unix://"))

    def probe() -> None:
        with redis.Redis(unix_socket_path=str(socket), password=PASSWORD, socket_timeout=2) as own:
            own.ping()

    service = dataclasses.replace(open_service, command=[*open_service.command, "--requirepass", PASSWORD], probe=probe)
    with running(service, short_tmp / "redis-with-password.log"), redis_door(authority, socket) as door:
        url = f"rediss://:p%40ss%3Aw%2Frd%3F%23@localhost:{door.port}/0?ssl_ca_certs={authority.file}"
        with client(url) as synchronous:
            assert synchronous.ping()
        asynchronous = connect_async(url)
        assert await asynchronous.ping()
        await asynchronous.aclose()
        with pytest.raises(redis.AuthenticationError), client(url.replace("p%40ss", "wrong")) as wrong:
            wrong.ping()
        with (
            pytest.raises(redis.ConnectionError, match="certificate verify failed"),
            client(url.split("?", maxsplit=1)[0]) as blind,
        ):
            blind.ping()


async def test_so_is_a_cluster_whose_nodes_name_each_other(short_tmp: Path, authority: Authority) -> None:
    with lone_node(short_tmp / "tls-cluster") as node, redis_door(authority, node.port) as door:
        with node.client as own:
            own.config_set("cluster-announce-port", door.port)
            own.config_set("requirepass", PASSWORD)
        url = f"rediss+cluster://:p%40ss%3Aw%2Frd%3F%23@127.0.0.1:{door.port}?ssl_ca_certs={authority.file}"
        with client(url) as synchronous:
            assert synchronous.set("one", 1)
        asynchronous = connect_async(url)
        assert await asynchronous.get("one") == b"1"
        await asynchronous.aclose()


def test_settings_name_the_stores_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_DATABASE_URL", "postgresql+iam://a@b/c?sslmode=verify-full&sslrootcert=system")
    assert logins.is_iam(load(Settings).database_url.get_secret_value())
    with pytest.raises(SettingsError, match="BAROMETER_REDIS_URL is no URL"):
        client("redisss://")
