"""Preparation: what is done to a post's text before any model of ours reads it, in training and in scoring alike.

Promises: the same text always gives the same result, whatever its length in time that grows no faster than it; what
names a person, or the tone of a skin, cannot reach a model.
"""

import html
import re
from functools import cache
from typing import Final

MAX_CHARACTERS: Final = 2_000
"""What is read of a text; a model may read less (its tokens are counted after this cut)."""

_URL: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTIONS: Final = re.compile(r"(?<![\w@])(?:@[\w.-]+(?:@[\w.-]+)?[\s,:]*)+")
_HASHTAG: Final = re.compile(r"#(\w+)")
_WORD_IN_TAG: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\W\d_]+")
_LONG_RUN: Final = re.compile(r"([^\W\d_])\1{2,}|([^\w\s])\2{3,}")
_SKIN_TONES: Final = re.compile("[\U0001f3fb-\U0001f3ff]")
_ESCAPED: Final = re.compile(r"\\u(?!d[89a-f])([0-9a-f]{4})", re.IGNORECASE)
_SPACES: Final = re.compile(r"\s+")


def prepare(text: str) -> str:
    """Write a post the way the models were taught to read.

    Entities of HTML and escapes of JSON are undone; an address is ``http``; mentions one after another are one
    ``@user``; a hashtag is ``#`` and its words; an emoji is its English name, once however often it is repeated; a
    letter repeated more than twice is written twice, another sign more than three times, three; white space is one
    blank.
    """
    text = text[:MAX_CHARACTERS]
    if "\\u" in text:
        text = _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), text)
    if "&" in text:
        text = html.unescape(text)
    text = _URL.sub(" http ", text)
    if "@" in text:
        text = _MENTIONS.sub("@user ", text)
    if "#" in text:
        text = _HASHTAG.sub(_words_of_tag, text)
    if not text.isascii():
        text = _SKIN_TONES.sub("", text.replace("\u2019", "'").replace("\u2018", "'"))
        text = _name_emoji(text)
    text = _LONG_RUN.sub(_shortened, text)
    return _SPACES.sub(" ", text).strip()


def _words_of_tag(tag: re.Match[str]) -> str:
    return f"# {' '.join(_WORD_IN_TAG.findall(tag[1])) or tag[1]} "


def _shortened(run: re.Match[str]) -> str:
    return run[1] * 2 if run[1] else run[2] * 3


def _name_emoji(text: str) -> str:
    pattern, names = _emoji()
    return pattern.sub(lambda run: f" {names[run[1]]} ", text)


@cache
def _emoji() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for a run of one emoji, and what each is called (``grinning face``)."""
    # Here, not above: its table of 5,000 names is only wanted by the first text that is not ASCII.
    from emoji import EMOJI_DATA  # noqa: PLC0415 (see the line above)

    names = {
        emoji: about["en"].strip(":").replace("_", " ")
        for emoji, about in EMOJI_DATA.items()
        if not _SKIN_TONES.search(emoji) and not emoji[0].isascii()  # a digit in a key's frame is still the digit
    }
    # By first sign, behind a coarse class: a text's other signs are held against three ranges, not a thousand names.
    longer: dict[str, list[str]] = {}
    for emoji in sorted(names, key=len, reverse=True):
        longer.setdefault(emoji[0], []).append(re.escape(emoji[1:]))
    known = "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in longer.items())
    return re.compile(f"(?=[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])({known})(?:\\s*\\1)*"), names
