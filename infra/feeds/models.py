"""The models of a command that runs alone: chosen as ``infer`` chooses them, but with no Redis needed.

A language model's daily limits are kept in the Redis of ``BAROMETER_REDIS_URL`` where that is set, shared with all who
use it; else they are the limits of this one command.
"""

from barometer.analyzers import Analyzer, analyzer
from barometer.analyzers.chain import Chain
from barometer.analyzers.links import LLM, links_for
from barometer.errors import SettingsError
from barometer.settings import Settings

_ENGLISH = frozenset({"en"})


def chain(settings: Settings, model: str | None = None) -> Chain:
    """The chain whose first link is ``model``, or what ``BAROMETER_MODEL`` says.

    Raises:
        SettingsError: there is none of that name, or it is ``llm`` and none is configured.
    """
    name, told = model or settings.model, settings.checkpoint_languages
    languages = _ENGLISH if name != "transformers" else None if told == "*" else frozenset(told.split(","))
    return Chain(links_for(name, language_model(settings), languages))


def one(settings: Settings, name: str) -> Analyzer:
    """The model of that name alone, those that are only measured included.

    Raises:
        SettingsError: there is none of that name, or it is not configured.
        MissingError: its package or its artefact is not here.
    """
    if name == "textblob":
        from infra.evaluation.textblob import TextBlobAnalyzer  # noqa: PLC0415 (only this one needs its package)

        return TextBlobAnalyzer()
    if name != LLM:
        return analyzer(name)
    found = language_model(settings)
    if found is None:
        raise SettingsError("the model llm needs LLM_PROVIDER and LLM_API_KEY")
    return found


def language_model(settings: Settings) -> Analyzer | None:
    """The language model that is configured, if any; its packages are loaded only then."""
    if not settings.llm_provider or not settings.llm_api_key.get_secret_value().strip():
        return None
    from barometer.analyzers.llm import Budget, LlmAnalyzer  # noqa: PLC0415 (see above)
    from infra.feeds.purse import Purse  # noqa: PLC0415 (see above)

    budget: Budget = Purse(settings.llm_daily_usd, settings.llm_daily_tokens)
    if url := settings.redis_url.get_secret_value():
        from barometer.stores import redis  # noqa: PLC0415 (see above)
        from barometer.stores.spending import Spending  # noqa: PLC0415 (see above)

        budget = Spending.from_settings(settings, redis.connect(url))
    return LlmAnalyzer.from_settings(settings, budget)
