"""What a pattern sees of a record: the event that its function would be told, and inside a body that is JSON."""

import json

import pytest

from barometer.streams import FilterCriteria
from infra.poller.filters import lets_through
from infra.poller.records import Record


def _passes(body: bytes, *patterns: object) -> bool:
    criteria = FilterCriteria.model_validate({"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]})
    return lets_through(criteria, "raw", Record("1763800000000-0", body, 300, attempts=2))


@pytest.mark.parametrize(
    ("body", "pattern", "passes"),
    [
        (b'{"lang": "en"}', {"body": {"lang": ["en"]}}, True),
        (b'{"lang": "de"}', {"body": {"lang": ["en"]}}, False),
        (b'[{"lang": "de"}, {"lang": "en"}]', {"body": {"lang": ["en"]}}, True),
        (b'{"lang": "en"}', {"body": {"lang": ["en"], "author": [{"exists": False}]}}, True),
        (b"hello there", {"body": ["hello there"]}, True),
        (b"hello there", {"body": [{"prefix": "hello"}]}, True),
        (b"hello there", {"body": ["hello"]}, False),
        (b'"hello"', {"body": ['"hello"']}, True),
        (b"42", {"body": ["42"]}, True),
        (b"", {"body": [""]}, True),
        (b'{"lang": "en"}', {"body": [{"prefix": "{"}]}, False),
        (b"{broken", {"body": {"lang": ["en"]}}, False),
        (b"{broken", {"body": {"lang": [{"exists": False}]}}, False),
        (b'"en"', {"body": {"lang": [{"anything-but": "en"}, {"exists": False}]}}, False),
        (b"{broken", {"$or": [{"stream": ["raw"]}, {"body": {"lang": ["en"]}}]}, False),
        (b"{broken", {"stream": ["raw"]}, True),
    ],
)
def test_a_pattern_looks_inside_a_body_that_is_json_and_at_the_text_of_another(
    body: bytes, pattern: object, *, passes: bool
) -> None:
    assert _passes(body, pattern) is passes


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ({"messageId": ["1763800000000-0"]}, True),
        ({"messageId": [{"prefix": "1763800000001-"}]}, False),
        ({"stream": ["raw", "posts"]}, True),
        ({"stream": ["posts"]}, False),
        ({"eventSource": ["barometer:redis"]}, True),
        ({"attributes": {"ApproximateReceiveCount": ["3"], "SentTimestamp": ["1763800000000"]}}, True),
        ({"attributes": {"ApproximateReceiveCount": [3]}}, False),
    ],
)
def test_a_pattern_looks_at_what_else_a_record_tells(pattern: object, *, passes: bool) -> None:
    assert _passes(b"{}", pattern) is passes


def test_one_filter_that_lets_it_through_is_enough_and_without_filters_all_are_let_through() -> None:
    assert _passes(b'{"a": 2}', {"body": {"a": [1]}}, {"body": {"a": [2]}})
    assert not _passes(b'{"a": 3}', {"body": {"a": [1]}}, {"body": {"a": [2]}})
    assert _passes(b'{"a": 3}')


def test_a_filter_that_asks_for_the_text_lets_it_through_beside_one_that_looks_inside() -> None:
    assert _passes(b"plain", {"body": {"a": [1]}}, {"body": ["plain"]})
