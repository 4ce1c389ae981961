"""Where a page of a list ended: a place in an order of newest first, as an opaque text.

A cursor is the time (to the microsecond) and the id of the last item shown. What is written meanwhile neither repeats
nor skips an item, as counting pages would.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from uuid import UUID

from barometer.errors import InvalidInputError

# Microseconds since the epoch and the id's 16 bytes: 24 bytes, which are 32 characters without padding.
_FORMAT: Final = struct.Struct(">q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last item of a page; the next page begins behind it."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        """As a client holds it."""
        packed = _FORMAT.pack((self.at - _EPOCH) // _MICROSECOND, self.id.bytes)
        return base64.urlsafe_b64encode(packed).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a client's cursor back.

        Raises:
            InvalidInputError: it is none of ours; the field is ``cursor``.
        """
        try:
            microseconds, packed_id = _FORMAT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
            return cls(_EPOCH + microseconds * _MICROSECOND, UUID(bytes=packed_id))
        except (ValueError, OverflowError, binascii.Error, struct.error):
            raise InvalidInputError("cursor", "is not a cursor that this API gave") from None
