"""The simulator: an endless, seeded stream of posts whose mood is known.

The same seed and rate give the same posts in the same order, except for their times (and for ``run``, which begins
their ids, so that a simulator that is started again does not repeat the ids it used before).
"""

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from random import Random

from infra.feeds.simulate.abroad import ABROAD
from infra.feeds.simulate.english import ENGLISH, PLAIN
from infra.feeds.simulate.grammar import Grammar, Rules
from infra.feeds.simulate.moods import Mood
from infra.feeds.simulate.people import Author, Crowd
from infra.feeds.simulate.storms import StormPlan
from infra.feeds.simulate.style import dress
from infra.feeds.simulate.topics import CHATTER, TOPICS, Topic
from infra.feeds.source import RawPostJson

DAY = 86_400.0
DEFAULT_RATE = 5.0
# One post in so many is sent again, word for word and with the same id, as networks do.
REPEAT_ONE_IN = 150
FOREIGN_SHARE = 0.04
# A topic in a storm is talked of this much more, and the whole stream swells by at most this factor.
STORM_ATTENTION = 6.0
STORM_SWELL = 1.6
_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Simulated:
    """One post, and how much busier than the mean its moment is (the next is due after ``1 / (rate * swell)`` s)."""

    post: RawPostJson
    swell: float


def starter_topics() -> dict[str, str]:
    """Topic name to query, for each topic that the simulated people talk about."""
    return {topic.slug: topic.query for topic in TOPICS}


def rhythm(at: datetime) -> float:
    """How busy this time of day is, as a factor of mean 1: least at 4 o'clock in the morning, most at 16 o'clock."""
    hours = at.hour + at.minute / 60
    return 1 - 0.6 * math.cos((hours - 4) / 24 * 2 * math.pi)


class Simulator:
    """Composes posts.

    Args:
        seed: decides every word.
        rate: mean posts a second, by which storms last minutes.
        run: begins every ``source_id``.
    """

    def __init__(self, seed: int, *, rate: float = DEFAULT_RATE, run: str = "run") -> None:
        self._random = Random(seed)  # noqa: S311 (posts to be repeated, not secrets)
        self._seed, self._rate, self._run = seed, rate, run
        self._storms = StormPlan(seed, [topic.slug for topic in TOPICS])
        self._crowd = Crowd(seed)
        self._phase = self._random.random() * DAY
        self._english = {topic.slug: Grammar(ENGLISH | _words(topic)) for topic in (*TOPICS, CHATTER)}
        self._abroad = {
            (topic.slug, lang): Grammar(PLAIN | rules | _words(topic))
            for topic in TOPICS
            for lang, rules in ABROAD.items()
        }
        self._recent: deque[RawPostJson] = deque(maxlen=_REMEMBERED)
        self._count = 0

    def next(self, now: datetime) -> Simulated:
        """The next post, written at ``now``."""
        random, elapsed = self._random, self._count / self._rate
        self._count += 1
        storm = self._storms.at(elapsed)
        severity = storm.severity(elapsed)
        swell = 1 + (STORM_SWELL - 1) * severity
        if self._recent and random.random() < 1 / REPEAT_ONE_IN:
            return Simulated(random.choice(self._recent), swell)
        topic = self._topic(elapsed, storm.topic, severity)
        mood = topic.climate.mood(random, severity if topic.slug == storm.topic else 0.0)
        stormy = topic.slug == storm.topic and random.random() < severity
        author = self._crowd.speaker(random)
        text, lang = self._text(topic, mood, author, stormy=stormy)
        post: RawPostJson = {
            "text": text,
            "source": author.network,
            "source_id": f"{self._run}-{self._seed}-{self._count}",
            "author": author.name,
            "created_at": now.isoformat(),
            "metadata": {
                "truth": {
                    "sentiment": mood.sentiment,
                    "emotion": mood.emotion,
                    "intensity": mood.intensity,
                    "lang": lang,
                },
                "topic": topic.slug or None,
            },
        }
        self._recent.append(post)
        return Simulated(post, swell)

    def _topic(self, elapsed: float, stormy: str, severity: float) -> Topic:
        at = elapsed + self._phase
        topics = (*TOPICS, CHATTER)
        weights = [
            topic.weight
            * (1 + 0.5 * math.cos((at - topic.peak) / DAY * 2 * math.pi))
            * (1 + (STORM_ATTENTION - 1) * severity if topic.slug == stormy else 1)
            for topic in topics
        ]
        return self._random.choices(topics, weights)[0]

    def _text(self, topic: Topic, mood: Mood, author: Author, *, stormy: bool) -> tuple[str, str]:
        random = self._random
        if topic is not CHATTER and random.random() < FOREIGN_SHARE:
            lang = random.choice(tuple(ABROAD))
            text = self._abroad[topic.slug, lang].compose(mood.sentiment, random)
        else:
            lang = "en"
            text = self._english[topic.slug].compose(_rule(mood, stormy=stormy), random)
        return dress(text, topic, mood, self._crowd, random, author=author), lang


def _rule(mood: Mood, *, stormy: bool) -> str:
    if stormy and mood.sentiment == "negative":
        return f"{mood.emotion}.storm"
    if mood.emotion == "surprise":
        return "surprise." + {"positive": "good", "neutral": "even", "negative": "bad"}[mood.sentiment]
    return f"{mood.emotion}.{'strong' if mood.strong else 'weak'}"


def _words(topic: Topic) -> Rules:
    """The rules that a topic brings."""
    tags = tuple(f"#{tag}" for tag in topic.tags) if topic is not CHATTER else ()
    return {
        "name": (*topic.names * 3, *tags),
        "aspect": topic.aspects,
        "praise": topic.praise,
        "gripe": topic.gripes,
        "fact": topic.facts,
        "trouble": topic.troubles,
    }
