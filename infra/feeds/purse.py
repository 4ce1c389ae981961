"""A budget that ends with its process, for a command that asks a language model where no Redis is named."""

from datetime import UTC, datetime

from barometer.analyzers.llm.budget import MICRO, NOTHING, Reservation, Usage
from barometer.errors import UnavailableError


class Purse:
    """A ``Budget`` of one process and its one thread of requests; it holds no more than a day's limits.

    Args:
        usd: most US dollars.
        tokens: most tokens, read and written.
    """

    def __init__(self, usd: float, tokens: int) -> None:
        self._micro_usd = int(usd * MICRO)
        self._tokens = tokens
        self._set_aside = NOTHING
        self.used = NOTHING

    def reserve(self, most: Usage) -> Reservation:
        """See ``Budget``."""
        after = self.used + self._set_aside + most
        if after.micro_usd > self._micro_usd or after.tokens > self._tokens:
            raise UnavailableError("daily budget spent", "too little left of it for this command")
        self._set_aside += most
        return Reservation(datetime.now(UTC).date().isoformat(), most)

    def settle(self, reservation: Reservation, used: Usage) -> None:
        """See ``Budget``."""
        most, aside = reservation.most, self._set_aside
        self._set_aside = Usage(
            aside.requests - most.requests,
            aside.tokens_in - most.tokens_in,
            aside.tokens_out - most.tokens_out,
            aside.micro_usd - most.micro_usd,
        )
        self.used += used
