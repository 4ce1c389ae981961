"""The circuit breaker: a provider that keeps failing is left alone for a while, then tried with one request.

Closed: every request goes. Open: none does, so that a provider that hangs costs its timeouts once and not for every
batch. Half-open: the time is over, one request goes; its success closes the circuit, its failure opens it for twice
as long. One per process; it is used by one event loop, so it needs no lock.
"""

import time
from collections.abc import Callable
from typing import Final, Literal

FAILURES: Final = 5
OPEN_SECONDS: Final = 30.0
LONGEST_SECONDS: Final = 300.0

State = Literal["closed", "open", "half-open"]


class Breaker:
    """The breaker.

    Args:
        failures: how many in a row open it.
        seconds: how long it is open at first.
        longest: how long at most.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        seconds: float = OPEN_SECONDS,
        longest: float = LONGEST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._seconds = seconds
        self._longest = longest
        self._clock = clock
        self._failed = 0
        self._opened = 0
        self._open_until: float | None = None
        self._probing = False
        self.reason = ""

    @property
    def state(self) -> State:
        """Where it stands."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def begin(self) -> bool:
        """Whether a request may go now. If so, ``succeed``, ``fail``, ``trip`` or ``forget`` must tell how it ended."""
        state = self.state
        if state == "half-open" and not self._probing:
            self._probing = True
            return True
        return state == "closed"

    def succeed(self) -> None:
        """The provider answered."""
        self._failed = self._opened = 0
        self._open_until = None
        self._probing = False

    def fail(self, reason: str) -> None:
        """The provider did not answer, or with an error of its own."""
        self._failed += 1
        if self._probing or self._failed >= self._failures:
            self.trip(reason)

    def trip(self, reason: str, seconds: float = 0) -> None:
        """Open at once, for ``seconds`` if that is longer than the usual."""
        usual = self._seconds * 2**self._opened
        self._open_until = self._clock() + min(max(usual, seconds), self._longest)
        self._opened = min(self._opened + 1, 10)
        self._failed = 0
        self._probing = False
        self.reason = reason

    def forget(self) -> None:
        """The request was given up before anything was known."""
        self._probing = False
