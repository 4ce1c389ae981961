"""Records and parcels: what a batch weighs, and how records are put together."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.poller.records import BRACKETS, ENVELOPE, LARGEST_EVENT, Record, event, pack

# What Redis can hold: any bytes. The longest id, and a count that only somebody's own XCLAIM could have set.
LONGEST_ID = b"18446744073709551615-18446744073709551615"
MOST_ATTEMPTS = 2**63 - 2
LONGEST_STREAM = "a" * 40
CHARACTERS = st.characters(codec="utf-8")


def _record(body: bytes, entry_id: bytes = b"1763800000000-0") -> Record:
    return Record.of(entry_id, {b"body": body})


@given(st.lists(st.text(CHARACTERS, max_size=200).map(str.encode), min_size=1, max_size=20))
def test_no_event_weighs_more_than_was_counted(bodies: list[bytes]) -> None:
    records = [Record.of(LONGEST_ID, {b"body": body}, MOST_ATTEMPTS) for body in bodies]
    assert len(event(LONGEST_STREAM, records)) <= BRACKETS + sum(record.weight for record in records)


@given(st.text(CHARACTERS | st.sampled_from([chr(code) for code in range(33)] + ['"', "\\", "\x7f"]), max_size=300))
def test_a_body_weighs_what_it_takes_as_a_json_string(text: str) -> None:
    assert _record(text.encode()).weight == ENVELOPE + len(orjson.dumps(text))


@settings(max_examples=50, deadline=None)  # megabytes each
@given(fill=st.sampled_from(["x", '"', "\n", "\x00", "ü", "🙂"]), spare=st.integers(-40, 40))
def test_what_lambda_takes_is_sent_and_what_it_refuses_is_not(fill: str, spare: int) -> None:
    """At the very bound: as many of one character as fit, and a few bytes more or less."""
    room = LARGEST_EVENT - BRACKETS - ENVELOPE - 2
    each = len(orjson.dumps(fill)) - 2
    body = fill * (room // each) + "x" * (room % each + spare) if spare >= 0 else fill * ((room + spare) // each)
    record = Record.of(LONGEST_ID, {b"body": body.encode()})
    if record.fault is None:
        assert len(event(LONGEST_STREAM, [record])) <= LARGEST_EVENT
    else:
        assert spare > 0
        assert f"Lambda takes {LARGEST_EVENT:,}" in record.fault


@given(
    weights=st.lists(st.integers(1, 5_000), max_size=50), most=st.integers(1, 10), most_bytes=st.integers(1_000, 10_000)
)
def test_parcels_keep_order_and_bounds(weights: list[int], most: int, most_bytes: int) -> None:
    records = [Record(f"{n}-0", b"", weight + ENVELOPE) for n, weight in enumerate(weights)]
    parcels = pack(records, most, most_bytes)
    assert [record for parcel in parcels for record in parcel.records] == records
    for parcel in parcels:
        assert 1 <= len(parcel.records) <= most
        assert BRACKETS + sum(record.weight for record in parcel.records) <= most_bytes or len(parcel.records) == 1


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
        ({b"body": b"x" * LARGEST_EVENT}, "makes an event of"),
        ({b"body": b"{}"}, None),
    ],
)
def test_a_record_that_no_function_can_be_given_says_why(fields: dict[bytes, bytes], says: str | None) -> None:
    fault = Record.of(b"1-0", fields).fault
    assert (fault is None) if says is None else (says in (fault or ""))
