"""The account of the language model: what it may cost in a UTC day, and what it did, shared by every process.

Promises: what a request can cost at most is set aside before it is sent, in one script, so processes that ask at once
cannot pass the limit together; afterwards the real cost replaces it. A process that dies in between leaves its sum set
aside until the day is over: too little may be spent, never too much. **While Redis cannot be had nothing is spent.**
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import redis
from aws_lambda_powertools.metrics import MetricUnit

from barometer.analyzers.llm.budget import MICRO, Reservation, Usage
from barometer.errors import UnavailableError
from barometer.observability import logger, metrics
from barometer.stores.streams import script

if TYPE_CHECKING:
    from barometer.settings import Settings
    from barometer.stores.redis import Client

_PREFIX: Final = "barometer:llm:spent"
# Two days: past the end of its own in every case, and long enough to be looked at the morning after.
_KEPT_SECONDS: Final = 2 * 86_400
# After an error the account rests, so that a Redis that hangs costs one timeout and not one for every request.
REST_SECONDS: Final = 15.0


def _day() -> str:
    return datetime.now(UTC).date().isoformat()


def metered(used: Usage) -> None:
    """Add what a request used to the metrics of the function that is running."""
    metrics.add_metric("LlmRequests", MetricUnit.Count, used.requests)
    metrics.add_metric("LlmTokensIn", MetricUnit.Count, used.tokens_in)
    metrics.add_metric("LlmTokensOut", MetricUnit.Count, used.tokens_out)
    metrics.add_metric("LlmUsd", MetricUnit.NoUnit, used.usd)


class Spending:
    """The account; a ``Budget``.

    Args:
        client: Redis.
        daily_usd: most US dollars in a UTC day.
        daily_tokens: most tokens in a UTC day, read and written.
        meter: is told what each request really used; a function gives ``metered``.
        day: the UTC day.
    """

    def __init__(
        self,
        client: "Client",
        daily_usd: float,
        daily_tokens: int,
        *,
        meter: Callable[[Usage], None] = lambda _used: None,
        day: Callable[[], str] = _day,
    ) -> None:
        self._client = client
        self._micro_usd = int(daily_usd * MICRO)
        self._tokens = daily_tokens
        self._meter = meter
        self._day = day
        self._rests_until = 0.0

    @classmethod
    def from_settings(
        cls, settings: "Settings", client: "Client", meter: Callable[[Usage], None] = lambda _used: None
    ) -> "Spending":
        """The account with the limits that are set."""
        return cls(client, settings.llm_daily_usd, settings.llm_daily_tokens, meter=meter)

    def reserve(self, most: Usage) -> Reservation:
        """See ``Budget``."""
        if time.monotonic() < self._rests_until:
            raise UnavailableError("budget cannot be read")
        day = self._day()
        try:
            spent = cast(
                "bytes",
                self._client.register_script(script("spending"))(
                    keys=[f"{_PREFIX}:{day}"],
                    args=[self._micro_usd, self._tokens, most.micro_usd, most.tokens, _KEPT_SECONDS],
                ),
            )
        except redis.RedisError as error:
            raise UnavailableError("budget cannot be read", self._rest(error)) from error
        if spent:
            raise UnavailableError("daily budget spent", f"too little {spent.decode()} left for {day} (UTC)")
        return Reservation(day, most)

    def settle(self, reservation: Reservation, used: Usage) -> None:
        """See ``Budget``. If Redis cannot be had, what was set aside stays so."""
        self._meter(used)
        if time.monotonic() < self._rests_until:
            return
        key = f"{_PREFIX}:{reservation.day}"
        try:
            with self._client.pipeline() as pipeline:
                pipeline.hincrby(key, "micro_usd", used.micro_usd - reservation.most.micro_usd)
                pipeline.hincrby(key, "tokens", used.tokens - reservation.most.tokens)
                pipeline.hincrby(key, "requests", used.requests)
                pipeline.hincrby(key, "tokens_in", used.tokens_in)
                pipeline.hincrby(key, "tokens_out", used.tokens_out)
                pipeline.expire(key, _KEPT_SECONDS)
                pipeline.execute()
        except redis.RedisError as error:
            self._rest(error)

    def today(self) -> Usage:
        """What was used today by all processes; what is set aside just now counts as spent money, not as tokens.

        Raises:
            UnavailableError: Redis does not answer.
        """
        try:
            row = cast("dict[bytes, bytes]", self._client.hgetall(f"{_PREFIX}:{self._day()}"))
        except redis.RedisError as error:
            raise UnavailableError("budget cannot be read", str(error)) from error
        return Usage(*(int(row.get(name, 0)) for name in (b"requests", b"tokens_in", b"tokens_out", b"micro_usd")))

    def _rest(self, error: Exception) -> str:
        self._rests_until = time.monotonic() + REST_SECONDS
        logger.warning("nothing is spent on the language model for %.0f s: %s", REST_SECONDS, error)
        return str(error)
