"""The analyzer: texts in, scores out, whatever the provider's day is like.

Promises: what one post says changes no other's score (``isolation`` tells how far); a score that was paid for is never
thrown away because another failed; a batch takes no longer than ``BAROMETER_LLM_TOTAL_SECONDS``, whoever hangs.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from barometer.analyzers import UnscorableError
from barometer.analyzers.llm import answers
from barometer.analyzers.llm.answers import Mood
from barometer.analyzers.llm.breaker import Breaker
from barometer.analyzers.llm.budget import Budget, Prices, Usage
from barometer.analyzers.llm.isolation import Controls, together, visible
from barometer.analyzers.llm.line import CIRCUIT_OPEN, Line, Patience, RefusedError
from barometer.analyzers.llm.prompt import prompt
from barometer.analyzers.llm.providers import PROVIDERS
from barometer.analyzers.preparation import prepare
from barometer.errors import UnavailableError
from barometer.scores import Score
from barometer.settings import Settings

MODELS: Final = {"groq": "openai/gpt-oss-20b", "openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5"}
"""Small models of each provider that answer by a schema, for an empty ``LLM_MODEL``."""

_SHOWN_SECONDS: Final = 60.0


class LlmAnalyzer:
    """Scores by a language model, in any language; see ``Analyzer``. A text may score a little otherwise another time.

    Args:
        name: what ``Score.model`` says.
        line: to the provider.
        patience: how long a batch may take.
        posts: most in one request.
        requests: most at once.
    """

    languages: frozenset[str] | None = None

    def __init__(self, name: str, line: Line, patience: Patience, posts: int = 20, requests: int = 4) -> None:
        self.name = name
        self._line = line
        self._patience = patience
        self._posts = posts
        self._requests = requests
        self._away: tuple[str, float] | None = None

    @classmethod
    def from_settings(
        cls, settings: Settings, budget: Budget, *, patience: Patience | None = None, breaker: Breaker | None = None
    ) -> "LlmAnalyzer | None":
        """The analyzer that ``LLM_PROVIDER`` and ``LLM_API_KEY`` configure; ``None`` if either is empty.

        Args:
            settings: of this process.
            budget: who pays: ``barometer.stores.spending.Spending``.
            patience: how long to try, if not as set.
            breaker: the circuit breaker, if not the usual.
        """
        if not settings.llm_provider or not settings.llm_api_key.get_secret_value().strip():
            return None
        model = settings.llm_model or MODELS[settings.llm_provider]
        provider = PROVIDERS[settings.llm_provider](settings.llm_api_key, model, settings.llm_base_url)
        patience = patience or Patience(settings.llm_timeout_seconds, settings.llm_total_seconds)
        prices = Prices(settings.llm_usd_per_million_in, settings.llm_usd_per_million_out)
        line = Line(provider, budget=budget, prices=prices, patience=patience, breaker=breaker or Breaker())
        name = f"llm:{settings.llm_provider}/{model}"
        return cls(name, line, patience, settings.llm_posts, settings.llm_requests)

    @property
    def unavailable_because(self) -> str | None:
        """Why it is not used just now, in a few words ("circuit open: timed out"), or ``None``.

        Asks nobody: it is what was seen within a minute, to be shown. Only ``analyze`` finds out that it is back.
        """
        if self._line.breaker.state == "open":
            return f"{CIRCUIT_OPEN}: {self._line.breaker.reason}"
        if self._away and time.monotonic() < self._away[1] and self._away[0] != CIRCUIT_OPEN:
            return self._away[0]
        return None

    @property
    def used(self) -> Usage:
        """What this process has asked and paid for so far."""
        return self._line.used

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``. Not to be called where an event loop runs: it runs one of its own.

        Raises:
            UnavailableError: none could be scored, whatever the texts; ``what`` says why in a few words: "circuit
                open", "daily budget spent", "timed out", "rate limited", "answered 500"…
            UnscorableError: some have no score, for whatever reason; the others' are in it.
        """
        read = [visible(prepare(text)) for text in texts]
        batch = _Batch(self._line, self._patience, self._requests)
        moods = asyncio.run(batch.run(list(dict.fromkeys(read)), self._posts)) if texts else {}
        self._away = (batch.away.what, time.monotonic() + _SHOWN_SECONDS) if batch.away else None
        by_text = {text: Score(mood.sentiment, mood.emotion, self.name) for text, mood in moods.items()}
        scores = [by_text.get(text) for text in read]
        complete = [score for score in scores if score is not None]
        if len(complete) == len(scores):
            return complete
        if batch.away and not complete:
            raise batch.away
        raise UnscorableError(scores, batch.away.what if batch.away else batch.fault)


class _Batch:
    """One call of ``analyze``."""

    def __init__(self, line: Line, patience: Patience, requests: int) -> None:
        self._line = line
        self._patience = patience
        self._at_once = asyncio.Semaphore(requests)
        self._moods: dict[str, Mood] = {}
        self._deadline = 0.0
        self.away: UnavailableError | None = None
        self.fault = ""

    async def run(self, texts: Sequence[str], posts: int) -> dict[str, Mood]:
        """The moods that could be had, by text; no text comes twice."""
        shares = list(together(texts, posts))
        total, each = self._patience.total, self._patience.each
        # Outside the time: the first call loads the SDK, and that is not the provider's slowness.
        async with self._line.provider.connect(each) as client:
            self._deadline = asyncio.get_running_loop().time() + total
            try:
                async with asyncio.timeout(total):
                    if self._line.breaker.state != "closed":
                        # One request finds out whether the provider is back, before all the others ask.
                        await self._score(client, shares.pop())
                    await asyncio.gather(*(self._score(client, share) for share in shares))
            except TimeoutError:
                self.away = UnavailableError("timed out", f"not done after {total:g} s")
        return self._moods

    async def _score(self, client: Any, share: Sequence[str]) -> None:  # noqa: ANN401 (see ``Provider.ask``)
        """Ask, and ask once more about what was answered wrong; where another may be to blame, about each alone."""
        faults: Sequence[str] = ()
        left = share
        try:
            for _ in range(2):
                left, faults = await self._ask(client, left, faults)
                if not left:
                    return
                self.fault = "; ".join(faults)
        except (_SwayedError, RefusedError) as error:
            self.fault = str(error)
            if len(share) > 1:
                await asyncio.gather(*(self._score(client, [text]) for text in left))
        except UnavailableError as error:
            self.away = error

    async def _ask(
        self,
        client: Any,  # noqa: ANN401 (see ``Provider.ask``)
        share: Sequence[str],
        faults: Sequence[str],
    ) -> tuple[Sequence[str], Sequence[str]]:
        """One request: notes the moods that can be taken; gives the texts that are left, and what was wrong."""
        controls = Controls(share) if len(share) > 1 else None
        asked = prompt(controls.texts if controls else share, faults)
        async with self._at_once:
            reply = await self._line.ask(client, asked, self._deadline)
        reading = answers.read(reply.text, asked.texts.keys(), whole=reply.whole)
        moods = {asked.texts[id_]: mood for id_, mood in reading.moods.items()}
        if controls and controls.swayed(moods):
            raise _SwayedError("an answer was not of the posts' making")
        if controls and controls.missing(moods):
            return share, reading.faults
        self._moods |= {text: moods[text] for text in share if text in moods}
        return [text for text in share if text not in moods], reading.faults


class _SwayedError(Exception):
    """Something in a request made the model judge our own posts wrong."""
