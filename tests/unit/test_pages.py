"""Whose requests are a page's: what keeps pages away from the ports behind the front door."""

import pytest

from infra.local.pages import from_a_page


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "[::1]:4566", "cloud:4566", "10.0.0.7", ""])
def test_a_program_is_none(host: str):
    assert not from_a_page({"host": host, "user-agent": "Boto3/1"})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566", "origin": "http://evil.example"},
        {"host": "127.0.0.1:4566", "origin": "null"},
        {"host": "127.0.0.1:4566", "sec-fetch-site": "same-site"},
        {"host": "evil.example:4566"},
        {"host": "127.0.0.1.evil.example"},
    ],
)
def test_whoever_a_browser_names_or_could_own_the_name_is_one(headers: dict[str, str]):
    assert from_a_page(headers)
