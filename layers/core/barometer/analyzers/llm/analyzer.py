"""The analyzer: texts in, scores out, whatever the provider's day is like."""

from collections.abc import Sequence
from typing import Final

from barometer.analyzers.llm.budget import Budget
from barometer.errors import BarometerError, UnavailableError
from barometer.scores import Score
from barometer.settings import Settings

MODELS: Final = {"groq": "openai/gpt-oss-20b", "openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5"}


class UnscorableError(BarometerError):
    """Some texts got no score; those that did are in ``scores``, so that nothing paid for is asked again.

    Args:
        scores: one for each text, in order; ``None`` where there is none.
    """

    def __init__(self, scores: Sequence[Score | None]) -> None:
        super().__init__(
            f"the language model scored {sum(score is not None for score in scores)} of {len(scores)} texts"
        )
        self.scores = tuple(scores)


class LlmAnalyzer:
    """Scores by a language model; see ``Analyzer``."""

    languages: frozenset[str] | None = None

    def __init__(self, provider: str, model: str, budget: Budget) -> None:
        self.name = f"llm:{provider}/{model}"
        self._budget = budget

    @classmethod
    def from_settings(cls, settings: Settings, budget: Budget) -> "LlmAnalyzer | None":
        """The analyzer that ``LLM_PROVIDER`` and ``LLM_API_KEY`` configure; ``None`` if either is empty."""
        if not settings.llm_provider or not settings.llm_api_key.get_secret_value():
            return None
        return cls(settings.llm_provider, settings.llm_model or MODELS[settings.llm_provider], budget)

    @property
    def unavailable_because(self) -> str | None:
        """Why it would not be asked now, in a few words ("circuit open"), or ``None`` if it would. Asks nobody."""
        return "not wired yet"

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``.

        Raises:
            UnavailableError: no text could be scored, whatever it says; ``what`` is the reason, in a few words.
            UnscorableError: some have no score; the others' are in it.
        """
        raise UnavailableError("the language model is not wired yet", f"{len(texts)} texts")
