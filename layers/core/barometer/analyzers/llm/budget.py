"""What a language model may cost, and what it did: the amounts, and the contract of whoever keeps the account.

Pure: the account itself lies in Redis (``barometer.stores.spending``), and is given to the analyzer by whoever makes
it, so that scoring needs no store to be tested or explained.
"""

from dataclasses import dataclass
from typing import Final, Protocol

MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens, read (``into``) and written (``out``); which is micro-dollars for one token."""

    into: float
    out: float

    def micro_usd(self, tokens_in: int, tokens_out: int) -> int:
        """The price in millionths of a dollar, rounded up."""
        exact = tokens_in * self.into + tokens_out * self.out
        return int(exact) + (exact > int(exact))


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests, tokens and millionths of a US dollar; of one request or of many."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micro_usd: int = 0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.tokens_in + self.tokens_out

    @property
    def usd(self) -> float:
        """In dollars."""
        return self.micro_usd / MICRO

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.micro_usd + other.micro_usd,
        )


NOTHING: Final = Usage()


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for one request, and the UTC day (``2026-11-22``) it is charged to."""

    day: str
    most: Usage


class Budget(Protocol):
    """An account that several processes draw on; nothing is sent that was not reserved before."""

    def reserve(self, most: Usage) -> Reservation:
        """Set aside what a request can cost at most.

        Raises:
            UnavailableError: it would pass the day's limit, or the account cannot be had: then nothing may be spent.
        """
        ...

    def settle(self, reservation: Reservation, used: Usage) -> None:
        """Charge what a request did cost instead of what was set aside for it. Never raises."""
        ...
