"""How a sentence becomes a post: capitals or none, typos, emoji, hashtags, mentions, links."""

import re
from collections.abc import Mapping
from random import Random

from infra.feeds.simulate.moods import Emotion, Mood
from infra.feeds.simulate.people import Author, Crowd
from infra.feeds.simulate.topics import Topic

_EMOJI: Mapping[Emotion, tuple[str, ...]] = {
    "joy": ("😀", "😍", "🥰", "😊", "🎉", "❤️", "😄"),
    "anger": ("😡", "🤬", "😠"),
    "disgust": ("🤢", "🤮"),
    "fear": ("😱", "😨", "😰"),
    "sadness": ("😢", "😭", "💔", "😞"),
    "surprise": ("😮", "😲"),
    "neutral": ("🤔", "📅", "📌", "🗒️"),
}
_SENTENCE_START = re.compile(r"(^|[.!?]\s+)([a-z])")
# A word whose letters may be mixed up: lower case and long enough, so never a name, a tag, a number or a link.
_TYPABLE = re.compile(r"(?<![\w#@/])[a-z]{4,}(?![\w/])")


def capitalise(text: str) -> str:
    """Give each sentence its capital."""
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def mistype(text: str, spared: str, random: Random) -> str:
    """Swap, drop or double one letter inside one ordinary word that is not in ``spared``."""
    words = [word for word in _TYPABLE.finditer(text) if word[0] not in spared]
    if not words:
        return text
    word = random.choice(words)
    at = random.randrange(word.start() + 1, word.end() - 1)
    before, letter, following, after = text[:at], text[at], text[at + 1], text[at + 2 :]
    return before + random.choice((following + letter, following, letter + letter + following)) + after


def dress(text: str, topic: Topic, mood: Mood, crowd: Crowd, random: Random, *, author: Author) -> str:
    """Make a composed text look as its author would have typed it."""
    text = capitalise(text)
    if random.random() < author.typos:
        text = mistype(text, topic.query, random)
    if author.lower_case:
        text = text.lower()
    if random.random() < 0.16:
        text = f"@{crowd.other(random).name} {text}"
    if random.random() < author.emoji:
        text = f"{text} {random.choice(_EMOJI[mood.emotion])}"
    if random.random() < 0.24:
        text = f"{text} #{random.choice(topic.tags)}"
    if random.random() < 0.09:
        text = f"{text} https://news.example/{topic.slug or 'talk'}/{random.randrange(10_000, 99_999)}"
    return text
