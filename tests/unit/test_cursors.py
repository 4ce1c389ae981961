import base64
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.cursors import Cursor
from barometer.errors import InvalidInputError


@given(st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001 (hypothesis adds the zone)
def test_a_cursor_comes_back_as_it_was_to_the_microsecond(at: datetime, item: uuid.UUID):
    cursor = Cursor(at, item)
    assert Cursor.decode(cursor.encode()) == cursor


def test_a_cursor_needs_no_quoting_in_a_url():
    assert set(Cursor(datetime.now(UTC), uuid.uuid4()).encode()) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!" * 32,
        "A" * 31,
        "A" * 33,
        "A" * 36,
        "é" * 32,
        "A" * 31 + "\n",
        base64.urlsafe_b64encode(b"\x7f" * 24).decode(),
        base64.urlsafe_b64encode(b"\x80" + b"\x00" * 23).decode(),
    ],
)
def test_a_broken_cursor_is_refused_by_its_name(text: str):
    with pytest.raises(InvalidInputError) as refused:
        Cursor.decode(text)
    assert refused.value.field == "cursor"


@given(st.text(max_size=40))
def test_no_text_breaks_the_decoder(text: str):
    try:
        Cursor.decode(text)
    except InvalidInputError as error:
        assert error.field == "cursor"  # noqa: PT017 (either it decodes or this)
