"""Links: the analyzers of a chain, each loaded when it is first wanted, and which of them the settings ask for."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from barometer.analyzers import Analyzer, analyzer, known
from barometer.errors import MissingError, SettingsError, UnavailableError

LLM: Final = "llm"
FAST: Final = "linear"
# What takes so much longer than a look-up that scores are remembered: that takes 8 to 11 µs a text, hit or miss;
# `linear` and `vader` take 40, so it would pay only where over a quarter of the posts are reposts.
_SLOW: Final = frozenset({"local", "transformers"})
# What is missing may be delivered, and what is away be back: a link that could not be loaded is tried again.
LOAD_AGAIN_SECONDS: Final = 60.0
Log = Callable[..., None]
"""A logger's method: a message, and ``extra``."""


class Link:
    """One analyzer, loaded when it is first wanted.

    Args:
        name: as in ``BAROMETER_MODEL``.
        load: makes it. With ``MissingError``, ``UnavailableError`` or a crash of its own it is away.
        languages: what it reads, as far as can be told before it is loaded; ``None``: any.
        remote: others run it: it may be away for hours, and each text costs money.
        remembered: scoring costs so much more than looking a score up that scores are remembered.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Analyzer],
        *,
        languages: frozenset[str] | None = frozenset({"en"}),
        remote: bool = False,
        remembered: bool = False,
    ) -> None:
        self.name = name
        self.languages = languages
        self.remote = remote
        self.remembered = remembered
        self._load = load
        self._loaded: Analyzer | None = None
        self._again = 0.0
        self._why = ""

    def reads(self, lang: str | None) -> bool:
        """Whether it may be given texts in that language."""
        return self.languages is None or lang in self.languages

    def get(self, log: Log) -> Analyzer:
        """The analyzer; ``log`` hears of a crash.

        Raises:
            UnavailableError: it cannot be loaded now.
            SettingsError: as it is set, it never can.
        """
        if self._loaded is not None:
            return self._loaded
        if time.monotonic() < self._again:
            raise UnavailableError(self._why)
        try:
            self._loaded = self._load()
        except MissingError as error:
            raise self._away(str(error)) from error
        except SettingsError:
            raise
        except UnavailableError as error:
            raise self._away(error.what) from error
        except Exception as error:
            log("a model could not be loaded", extra={"link": self.name})
            raise self._away(f"cannot be loaded ({type(error).__name__})") from error
        self.languages = self._loaded.languages
        return self._loaded

    def _away(self, why: str) -> UnavailableError:
        self._why, self._again = why, time.monotonic() + LOAD_AGAIN_SECONDS
        return UnavailableError(why)


def links_for(model: str, llm: Analyzer | None, languages: frozenset[str] | None = frozenset({"en"})) -> list[Link]:
    """The links of a chain: the one that was chosen, then a language model if there is one, then the linear one.

    Args:
        model: ``BAROMETER_MODEL``.
        llm: the language model that is configured, if any.
        languages: what the chosen one reads, as far as its settings tell.

    Raises:
        SettingsError: there is no analyzer of that name, or it is ``llm`` and none is configured.
    """
    if model != LLM:
        known(model)
    elif llm is None:
        raise SettingsError("BAROMETER_MODEL: llm needs LLM_PROVIDER and LLM_API_KEY")
    links = []
    for name in dict.fromkeys((model, LLM, FAST)):
        if name != LLM:
            reads = languages if name == model else frozenset({"en"})
            links.append(Link(name, partial(analyzer, name), languages=reads, remembered=name in _SLOW))
        elif llm is not None:
            links.append(Link(name, partial(_same, llm), languages=llm.languages, remote=True, remembered=True))
    return links


def _same(it: Analyzer) -> Analyzer:
    return it
