"""What the settings make of the chain: its links, its memory, and where it is noted what was used."""

from functools import cache

from barometer.analyzers import Analyzer
from barometer.analyzers.chain import Chain
from barometer.analyzers.links import links_for
from barometer.errors import SettingsError
from barometer.observability import logger
from barometer.settings import Settings
from barometer.stores import redis
from barometer.stores.models import Notes
from barometer.stores.scores import ScoreMemory


def chain_for(settings: Settings) -> Chain:
    """The chain that the settings ask for, with nothing loaded.

    Raises:
        SettingsError: ``BAROMETER_MODEL`` is no analyzer's name, or is ``llm`` and none is configured; or one is
            configured, and no Redis to keep its budget.
    """
    told = settings.checkpoint_languages
    languages = None if told == "*" else frozenset(told.split(","))
    links = links_for(settings.model, _llm(settings), languages if settings.model == "transformers" else _ENGLISH)
    url, seconds = settings.redis_url.get_secret_value(), settings.score_cache_seconds
    memory = ScoreMemory(redis.connect(url), seconds) if url and seconds else None
    return Chain(links, memory, logger.exception)


@cache
def notes_for(settings: Settings) -> Notes | None:
    """Where it is noted which model is in use; ``None`` without a Redis."""
    url = settings.redis_url.get_secret_value()
    return Notes(redis.connect(url)) if url else None


def _llm(settings: Settings) -> Analyzer | None:
    """The language model that is configured; its packages are loaded only then.

    Raises:
        SettingsError: it is, and there is no Redis to keep its budget.
    """
    if not settings.llm_provider or not settings.llm_api_key.get_secret_value().strip():
        return None
    from barometer.analyzers.llm import LlmAnalyzer  # noqa: PLC0415 (see above)
    from barometer.stores.spending import Spending, metered  # noqa: PLC0415 (see above)

    url = settings.redis_url.get_secret_value()
    if not url:
        raise SettingsError("BAROMETER_REDIS_URL: a language model needs a Redis that keeps its budget")
    return LlmAnalyzer.from_settings(settings, Spending.from_settings(settings, redis.connect(url), metered))


_ENGLISH = frozenset({"en"})
