"""The words of a run: what is said, how a client may write it, and how it must come out again."""

import json
import unicodedata

GOOD = ("I love", "What a wonderful thing:", "So happy with", "Best day ever thanks to", "I am grateful for")
BAD = ("I hate", "What a terrible mess:", "So disappointed by", "I am afraid of", "Nobody deserves")
DULL = (
    "On Tuesday we saw",
    "The report mentions",
    "There is a picture of",
    "Somebody asked about",
    "Next to it stands",
)
THINGS = ("the old bridge", "my new bicycle", "this train", "that garden", "the school play", "our neighbours' dog")
ANGRY = (
    "The {} is a horrible, terrible failure and I hate it",
    "I hate the {}, it is awful and broken",
    "What a disgusting, useless {}, I am so angry",
)
HAPPY = (
    "The {} is wonderful, I love it, great, brilliant",
    "Best day ever, so happy with the {}, I love it",
    "What a lovely {}, thank you, happy and grateful",
)
FOREIGN = (
    ("de", "Der Zug nach Hamburg hat heute leider schon wieder eine halbe Stunde Verspätung, wie jeden Morgen"),
    ("fr", "Le marché du dimanche était magnifique, nous avons acheté du pain et des fromages pour toute la famille"),
    ("es", "La biblioteca del barrio estará cerrada durante todo el mes de agosto por obras de mantenimiento"),
    ("ja", "今日はとても天気が良かったので、友達と一緒に公園を散歩しました。桜がきれいでした"),
)
NASTY = (
    "a NUL \x00 inside", "e\u0301 in two parts", "\u202eright to left\u202c",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 a family",
    'a quote " and a backslash \\ and \\u0000 in words', "line\u2028and\u2029paragraph\r\n\ttab", "\ufffd replacement",
    "\uffff no character", "\ufeffa mark of order", "Z\u0351\u036b\u0343a\u0369l\u0350go", "\U0010ffff the last one",
    "'; DROP TABLE posts; --", "{1,2,NULL}", "%s %b %(x)s {}", "\u00a0 spaces around \u3000",
)  # fmt: skip


def row_text(text: str) -> str:
    """A text as a row has it, by what the README says of it: no NUL, NFC, no white space around it."""
    return unicodedata.normalize("NFC", text.replace("\x00", "")).strip()


def encoded(body: object, *, ascii_only: bool) -> bytes:
    """JSON as one client or another writes it; half a surrogate pair can only be written in escapes."""
    text = json.dumps(body, ensure_ascii=ascii_only)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()
