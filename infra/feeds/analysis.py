"""Scores texts on this machine, as the pipeline would: the same language rule, the same chain of models."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.text import Text as RichText

from barometer.analyzers.chain import Chain, Wanted
from barometer.errors import BarometerError, InvalidInputError
from barometer.faults import fault_of
from barometer.language import detect
from barometer.posts import Text, public_distribution
from barometer.scores import EMOTIONS, SCALE, SENTIMENTS, Distribution, Score

# Enough for an analyzer to work in batches, few enough that a pipe shows its first lines soon.
_AT_ONCE = 32
_STYLES = {"positive": "green", "neutral": "dim", "negative": "red"}
_TEXT: TypeAdapter[str] = TypeAdapter(Text)


@dataclass(frozen=True, slots=True)
class Analysis:
    """One text, its language, what a model said of it, and why no better model did (``""``: it is the best)."""

    text: str
    lang: str
    score: Score
    because: str

    def as_json(self) -> dict[str, Any]:
        """As ``POST /api/analyze`` shows a score, with the text."""
        return {
            "text": self.text,
            "lang": self.lang,
            "sentiment": public_distribution(self.score.sentiment, SENTIMENTS),
            "emotion": public_distribution(self.score.emotion, EMOTIONS),
            "model": self.score.model,
        }


def analysed(texts: Iterator[str], chain: Chain, default_language: str) -> Iterator[Analysis]:
    """Each text with its score; a language that no model reads is left unscored, never guessed.

    Raises:
        InvalidInputError: a text is empty or too long.
        BarometerError: a text cannot be scored; ``UnavailableError``: no model can be had.
    """
    while batch := [_checked(text) for text in islice(texts, _AT_ONCE)]:
        wanted = [Wanted(text, detect(text, None, default_language)) for text in batch]
        verdict = chain.score(wanted)
        for one in wanted:
            if one not in verdict.scores:
                raise BarometerError(f"no model could score {one.text[:40]!r}")
            yield Analysis(one.text, one.lang or "", verdict.scores[one], verdict.used[one].because)


def _checked(text: str) -> str:
    try:
        return _TEXT.validate_python(text)
    except ValidationError as error:
        fault = fault_of(error.errors(include_url=False, include_context=False, include_input=False)[0])
        raise InvalidInputError("text", fault.reason) from None


def shown(analysis: Analysis) -> RichText:
    """One line for a person: the label, the share of each, the language, the text."""
    score = analysis.score
    if score.sentiment is None:
        return RichText.assemble(
            (f"{'unscored':<9}", "yellow"), f" {analysis.lang} ({analysis.because})  {analysis.text}"
        )
    line = RichText.assemble((f"{score.sentiment.label:<9}", _STYLES[score.sentiment.label]), _shares(score.sentiment))
    if score.emotion is not None:
        line.append(f"  {score.emotion.label} {max(score.emotion.shares) / SCALE:.0%}")
    return line.append(f"  {analysis.lang} {score.model}  {analysis.text}")


def _shares(sentiment: Distribution) -> str:
    return " ".join(
        f" {name[:3]} {share / SCALE:>4.0%}" for name, share in zip(SENTIMENTS, sentiment.shares, strict=True)
    )
