"""The line to a provider: one request with all that makes it safe to send.

The order, for each try: is the circuit closed; is there money; send; charge what it cost; tell the circuit. A try that
failed in passing (a timeout, 429, 5xx) is made again after a pause with full jitter, or after what ``Retry-After``
says, as long as the batch's time allows.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from barometer.analyzers.llm.breaker import Breaker
from barometer.analyzers.llm.budget import NOTHING, Budget, Prices, Usage
from barometer.analyzers.llm.prompt import SYSTEM, Prompt
from barometer.analyzers.llm.providers import AskError, Provider, Reply
from barometer.errors import UnavailableError

CIRCUIT_OPEN: Final = "circuit open"
# The key, the account or the model's name is wrong: no use to try again, or to try another post.
_NEVER: Final = frozenset({401, 402, 403, 404})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Args:
        each: seconds for one try.
        total: seconds for a batch, with every try and pause.
        tries: how many, of one request.
        pause: seconds before the second, at most; doubled with each that follows.
        longest: seconds between two, at most, unless the provider says otherwise.
    """

    each: float = 10.0
    total: float = 20.0
    tries: int = 3
    pause: float = 0.5
    longest: float = 4.0


class RefusedError(Exception):
    """The provider takes no request with these posts; it takes others."""


class Line:
    """See the top.

    Args:
        provider: who is asked.
        budget: who pays.
        prices: what a token costs.
        patience: how long to try.
        breaker: of this provider.
        jitter: a number from 0 to 1.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        budget: Budget,
        prices: Prices,
        patience: Patience,
        breaker: Breaker,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.provider = provider
        self.breaker = breaker
        self.used = NOTHING
        self._budget = budget
        self._prices = prices
        self._patience = patience
        self._jitter = jitter
        self._form = 0

    async def ask(self, client: Any, prompt: Prompt, deadline: float) -> Reply:  # noqa: ANN401 (see ``Provider.ask``)
        """The model's reply to ``prompt``.

        Args:
            client: from ``Provider.connect``.
            prompt: what to ask.
            deadline: the loop's time at which the batch is over.

        Raises:
            UnavailableError: there is none to be had now, whatever the posts.
            RefusedError: there is none for these posts.
        """
        tries = 0
        form = self._form
        while True:
            tries += 1
            try:
                reply = await self._try(client, prompt, self.provider.forms[form])
            except AskError as error:
                if error.refused:
                    form += 1
                    if form == len(self.provider.forms):
                        raise RefusedError(error.reason) from None
                    tries -= 1
                    continue
                await self._pause(error, tries, deadline)
            else:
                # A form is kept once it has worked; what was refused in every form was refused for its posts.
                self._form = max(self._form, form)
                return reply

    async def _try(self, client: Any, prompt: Prompt, form: str) -> Reply:  # noqa: ANN401 (see ``Provider.ask``)
        if not self.breaker.begin():
            raise UnavailableError(CIRCUIT_OPEN, self.breaker.reason)
        most = self._usage(prompt.most_tokens_in, prompt.most_tokens_out)
        try:
            reservation = self._budget.reserve(most)
        except BaseException:
            self.breaker.forget()
            raise
        # Until it is known: what was sent, by the usual three bytes or more to a token, and no answer.
        used = self._usage(prompt.most_tokens_in // 3, 0)
        try:
            async with asyncio.timeout(self._patience.each):
                reply = await self.provider.ask(client, SYSTEM, prompt.user, prompt.most_tokens_out, form)
            used = self._usage(
                most.tokens_in if reply.tokens_in is None else reply.tokens_in,
                most.tokens_out if reply.tokens_out is None else reply.tokens_out,
            )
        except AskError as error:
            used = used if error.sent else Usage(requests=1)
            self._note(error)
            raise
        except TimeoutError:
            late = AskError("timed out")
            self._note(late)
            raise late from None
        except BaseException:
            self.breaker.forget()
            raise
        else:
            self.breaker.succeed()
            return reply
        finally:
            self.used += used
            self._budget.settle(reservation, used)

    def _note(self, error: AskError) -> None:
        if error.refused:
            self.breaker.succeed()
        elif error.status in _NEVER:
            self.breaker.trip(error.reason)
        else:
            self.breaker.fail(error.reason)

    async def _pause(self, error: AskError, tries: int, deadline: float) -> None:
        patience = self._patience
        # Whoever says when to come back is believed, but a pause of none by all at once helps nobody.
        pause = max(error.retry_after or 0.0, self._jitter() * min(patience.longest, patience.pause * 2 ** (tries - 1)))
        late = asyncio.get_running_loop().time() + pause >= deadline
        if late and error.retry_after:
            self.breaker.trip(error.reason, error.retry_after)
        if late or not error.passing or tries >= patience.tries:
            raise UnavailableError(error.reason)
        await asyncio.sleep(pause)

    def _usage(self, tokens_in: int, tokens_out: int) -> Usage:
        return Usage(1, tokens_in, tokens_out, self._prices.micro_usd(tokens_in, tokens_out))
