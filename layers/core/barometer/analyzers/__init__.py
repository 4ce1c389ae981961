"""Analyzers: what reads the mood of a text. One is chosen by name (``BAROMETER_MODEL``) and loaded when asked for.

Each lives in a module of its own, which is imported when it is asked for and never before: a function pays at its cold
start for the one it uses, and needs the packages of no other.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from barometer.errors import BarometerError, MissingError, SettingsError
from barometer.scores import Score

# layers/model beside layers/core/barometer/analyzers; in an image /opt/model beside /opt/python/barometer/analyzers.
MODEL_FOLDER: Final = Path(__file__).resolve().parents[3] / "model"


class UnscorableError(BarometerError):
    """An analyzer scored some texts and knows which not, so nobody need look for them, or ask again for the others.

    Args:
        scores: one for each text, in order; ``None`` where there is none.
        why: what was wrong with the others, in a few words for anyone.
    """

    def __init__(self, scores: "Sequence[Score | None]", why: str) -> None:
        scored = sum(score is not None for score in scores)
        super().__init__(f"{scored} of {len(scores)} texts were scored: {why}")
        self.scores = tuple(scores)
        self.why = why


class Analyzer(Protocol):
    """Scores texts; the same text always scores the same."""

    @property
    def name(self) -> str:
        """What ``Score.model`` says."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages it reads, as ``language.detect`` names them; others are never given to it. ``None``: any."""
        ...

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """One score for each text, in order.

        Raises:
            UnavailableError: the model cannot be reached, whatever the texts.
            UnscorableError: some texts have no score; the others' are in it. Any other error is blamed on the texts.
        """
        ...


@runtime_checkable
class Versioned(Protocol):
    """An analyzer whose scores may change while its name does not."""

    @property
    def version(self) -> str:
        """Another, whenever the same text may score otherwise."""
        ...


def identity(analyzer: Analyzer) -> str:
    """Under which an analyzer's scores are remembered: its name, and its version if it has one."""
    return f"{analyzer.name}@{analyzer.version}" if isinstance(analyzer, Versioned) else analyzer.name


def reads(analyzer: Analyzer, language: str | None) -> bool:
    """Whether ``analyzer`` may be given texts in that language (``None``: nobody can tell which)."""
    return analyzer.languages is None or language in analyzer.languages


def _lexicon() -> Analyzer:
    from barometer.analyzers.lexicon import LexiconAnalyzer  # noqa: PLC0415 (see the top)

    return LexiconAnalyzer()


def _local() -> Analyzer:
    from barometer.analyzers.encoder import EncoderAnalyzer  # noqa: PLC0415 (see the top)

    return EncoderAnalyzer(MODEL_FOLDER)


def _linear() -> Analyzer:
    from barometer.analyzers.linear import LinearAnalyzer  # noqa: PLC0415 (see the top)

    return LinearAnalyzer(MODEL_FOLDER / "linear.npz")


def _transformers() -> Analyzer:
    from barometer.analyzers.hub import HubAnalyzer  # noqa: PLC0415 (see the top)
    from barometer.settings import settings  # noqa: PLC0415 (only this one has settings of its own)

    return HubAnalyzer(settings())


_ANALYZERS: dict[str, Callable[[], Analyzer]] = {
    "linear": _linear,
    "local": _local,
    "transformers": _transformers,
    "vader": _lexicon,
}


def known(name: str) -> None:
    """Refuse a name that no analyzer has; loads nothing.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in _ANALYZERS:
        names = ", ".join(sorted([*_ANALYZERS, "llm"]))
        raise SettingsError(f"BAROMETER_MODEL: there is no analyzer {name!r}; there is: {names}")


@cache
def analyzer(name: str) -> Analyzer:
    """The analyzer of that name, loaded once a process.

    Raises:
        SettingsError: there is none of that name (``known``), or its own settings are wrong.
        MissingError: its package or its artefact is not here.
    """
    known(name)
    try:
        return _ANALYZERS[name]()
    except ImportError as error:
        raise MissingError(f"BAROMETER_MODEL: analyzer {name!r} needs the package {error.name!r}") from error
