"""Records and parcels: what a batch weighs, and how records are put together."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.poller.records import LARGEST_EVENT, Record, event, pack


def _record(body: bytes, entry_id: bytes = b"1763800000000-0") -> Record:
    return Record.of(entry_id, {b"body": body})


@given(st.lists(st.text(max_size=200).map(lambda text: orjson.dumps({"text": text})), min_size=1, max_size=20))
def test_no_event_weighs_more_than_was_counted(bodies: list[bytes]) -> None:
    records = [_record(body) for body in bodies]
    assert len(event("posts", records)) <= sum(record.weight for record in records) + 20


@given(
    weights=st.lists(st.integers(1, 5_000), max_size=50), most=st.integers(1, 10), most_bytes=st.integers(1_000, 10_000)
)
def test_parcels_keep_order_and_bounds(weights: list[int], most: int, most_bytes: int) -> None:
    records = [Record(f"{n}-0", b"", weight) for n, weight in enumerate(weights)]
    parcels = pack(records, most, most_bytes)
    assert [record for parcel in parcels for record in parcel.records] == records
    for parcel in parcels:
        assert 1 <= len(parcel.records) <= most
        assert sum(record.weight for record in parcel.records) <= most_bytes or len(parcel.records) == 1


def test_an_event_carries_bodies_as_they_were() -> None:
    body = orjson.dumps({"text": 'größer "so" \\ \n \u2028 🙂'})
    (record,) = orjson.loads(event("posts", [_record(body)]))["Records"]
    assert record["body"].encode() == body
    assert record["attributes"] == {"ApproximateReceiveCount": "1", "SentTimestamp": "1763800000000"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "has no field 'body'"),
        ({b"body": b"\xff"}, "is not UTF-8"),
        ({b"body": b"x" * LARGEST_EVENT}, "bytes in an event"),
        ({b"body": b"{}"}, None),
    ],
)
def test_a_record_that_no_function_can_be_given_says_why(fields: dict[bytes, bytes], says: str | None) -> None:
    fault = Record.of(b"1-0", fields).fault
    assert (fault is None) if says is None else (says in (fault or ""))
