"""Text as a list of words, the same for a post and for a query: case-insensitive, NFC, by Unicode's own classes.

A word is a run of letters, marks and digits; everything else separates. So ``Apple's`` holds the word ``apple``,
``don't`` is ``don`` and ``t``, and ``snow_day`` is ``snow`` and ``day``. In scripts written without spaces (Han,
Hiragana, Thai, Lao, Khmer, Myanmar) each character is a word: a word of a query is then found as a run of characters.

A tag is ``#`` and a run of letters, marks, digits and underscores with at least one letter, as the networks have it.
"""

import unicodedata

import regex

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[[\p{{L}}\p{{N}}]--[{_SPACELESS}]][[\p{{L}}\p{{M}}\p{{N}}]--[{_SPACELESS}]]*+|[{_SPACELESS}]\p{{M}}*+", regex.V1
)
# Not after a letter, "&" or "/": C#, &#39; and the fragment of an address are no tags.
_TAG = regex.compile(r"(?<![\p{L}\p{M}\p{N}_&/])[#\uff03]([\p{L}\p{M}\p{N}_]++)")
_LETTER = regex.compile(r"\p{L}")
# Joiners, soft hyphens and byte order marks: some write them inside a word, some do not, nobody sees them.
_UNSEEN = regex.compile("[\u00ad\u200c\u200d\u2060\ufeff]")


def fold(text: str) -> str:
    """The form in which two spellings of one word are equal: NFC, case folded (``Straße`` is ``STRASSE``)."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", _UNSEEN.sub("", folded))


def words(folded: str) -> list[str]:
    """The words of folded text, in order."""
    return _WORD.findall(folded)


def tags(folded: str) -> list[str]:
    """The tags of folded text, each with one plain ``#`` before it, in order."""
    return [f"#{name}" for name in _TAG.findall(folded) if _LETTER.search(name)]


class Words:
    """What a query asks of one text: which words and tags it has, and which words stand side by side."""

    __slots__ = ("_ordered", "_run", "terms")

    def __init__(self, text: str) -> None:
        folded = fold(text)
        self._ordered = words(folded)
        self._run: str | None = None
        self.terms = set(self._ordered)
        """Every word, and every tag with its ``#``."""
        if "#" in folded or "\uff03" in folded:
            self.terms.update(tags(folded))

    def has_run(self, run: str) -> bool:
        """Whether the words of ``run``, as ``as_run`` writes them, follow one another in the text."""
        if self._run is None:
            self._run = as_run(self._ordered)
        return run in self._run


def as_run(ordered: list[str] | tuple[str, ...]) -> str:
    """Words in order, a space before and after each, so that finding a run is finding a substring."""
    return f" {' '.join(ordered)} "
