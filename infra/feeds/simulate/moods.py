"""The mood behind a post: which feeling, how strong, and how a calm topic's feelings are spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

Sentiment = Literal["positive", "neutral", "negative"]
Emotion = Literal["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]

# From this intensity on a post says what it feels in words that a lexicon knows; below, it may only hint.
STRONG = 0.5

# Of each sentiment, the emotions that bring it, with their weights. Surprise goes with any.
_EMOTIONS: Mapping[Sentiment, tuple[tuple[Emotion, ...], tuple[float, ...]]] = {
    "positive": (("joy", "surprise"), (0.88, 0.12)),
    "neutral": (("neutral", "surprise"), (0.94, 0.06)),
    "negative": (("anger", "sadness", "fear", "disgust", "surprise"), (0.4, 0.22, 0.16, 0.14, 0.08)),
}


@dataclass(frozen=True, slots=True)
class Mood:
    """What made a post: the truth that a test may compare a model with. ``intensity`` runs from 0 to 1."""

    sentiment: Sentiment
    emotion: Emotion
    intensity: float

    @property
    def strong(self) -> bool:
        """Whether the words say it plainly."""
        return self.intensity >= STRONG


@dataclass(frozen=True, slots=True)
class Climate:
    """How likely each sentiment is; the rest of 1 is neutral."""

    positive: float
    negative: float

    def under(self, severity: float) -> "Climate":
        """The same topic in a storm of ``severity`` 0 to 1: almost all of it turns negative."""
        return Climate(
            positive=self.positive + (0.03 - self.positive) * severity,
            negative=self.negative + (0.9 - self.negative) * severity,
        )

    def mood(self, random: Random, severity: float = 0.0) -> Mood:
        """Draw one mood. A storm makes feelings not only darker but stronger."""
        climate = self.under(severity)
        draw = random.random()
        sentiment: Sentiment = "neutral"
        if draw < climate.positive:
            sentiment = "positive"
        elif draw < climate.positive + climate.negative:
            sentiment = "negative"
        emotions, weights = _EMOTIONS[sentiment]
        emotion = random.choices(emotions, weights)[0]
        intensity = random.betavariate(2.2 + 2 * severity, 1.6)
        return Mood(sentiment, emotion, round(intensity, 3))
