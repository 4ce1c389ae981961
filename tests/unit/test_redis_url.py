"""The URL of a Redis: one server or a cluster, and one sentence, without the password, for what is neither."""

import pytest

from barometer.errors import SettingsError
from barometer.stores.cluster import Address, Cluster
from barometer.stores.redis import client, connect_async


def test_a_cluster_is_named_by_any_of_its_nodes_with_credentials_and_options_for_all() -> None:
    address = Address.of("rediss+cluster://me:p%40ss@one:7001,two,[::1]:7003/0?ssl_cert_reqs=none&socket_timeout=2")
    assert address.nodes == [("one", 7001), ("two", 6379), ("::1", 7003)]
    assert address.options == {
        "username": "me",
        "password": "p@ss",
        "ssl": True,
        "ssl_cert_reqs": "none",
        "socket_timeout": 2.0,
    }
    assert "p@ss" not in repr(address)


def test_a_client_of_a_cluster_is_made_before_there_is_one() -> None:
    with client("redis+cluster://127.0.0.1:1") as made:
        assert isinstance(made, Cluster)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "schemes"),
        ("http://127.0.0.1", "schemes"),
        ("cluster://127.0.0.1", "schemes"),
        ("redis+cluster://", "a host is missing"),
        ("redis+cluster://one:7001,,two:7002", "a host is missing"),
        ("redis+cluster://me:hidden@one:7001/3", "a cluster has no database but 0"),
        ("redis+cluster://one:7001?db=3", "a cluster has no database but 0"),
        ("redis+cluster://:hidden@one:port", "percent-encoded"),
        ("redis+cluster://:hidd/en@one:7001", "percent-encoded"),
        ("redis+cluster://:hidden@one:7001?socket_timeout=soon", "percent-encoded"),
    ],
)
def test_a_url_that_is_none_is_one_sentence_that_names_the_variable_and_no_password(url: str, why: str) -> None:
    for make in (client, connect_async):
        with pytest.raises(SettingsError, match=r"^BAROMETER_REDIS_URL is no URL of a Redis") as caught:
            make(url)
        assert why in str(caught.value)
        assert "hid" not in str(caught.value)
