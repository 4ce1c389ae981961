"""Topics: a name and a query that says which posts belong to it. Here is the language of queries, read and matched.

    query   = clause { clause }                 side by side: see below
    clause  = "+" atom | either
    either  = both { "OR" both }
    both    = not { "AND" not }
    not     = ( "NOT" | "-" ) not | atom
    atom    = word | phrase | tag | "(" query ")"
    word    = letters and digits; between two of them also ' . _ - & / @
    phrase  = '"' anything that holds a word '"'
    tag     = "#" letters, digits and "_", with at least one letter

Clauses side by side are read as search engines of the Lucene family read them:

- ``+a`` is **required**: each such clause must hold.
- ``-a``, or ``NOT a``, is **excluded**: none may hold.
- ``a`` is **optional**: where nothing is required, at least one optional clause must hold; beside a required clause it
  decides nothing. So ``rust cargo`` finds either word, ``+rust cargo -game`` finds what ``+rust -game`` finds, and
  ``+rust +(cargo crate) -game`` asks for rust and for one of the two.

AND binds more tightly than OR, NOT more tightly than AND, and standing side by side binds least: ``a OR b -c`` is (a or
b) and not c. The three are operators in capitals only: ``and``, or ``"AND"`` in quotes, is a word. ``+`` says how a
clause stands beside others, so it is refused as a part of AND or OR.

Words are whole words, whatever their case or composition (``barometer.words``): ``apple`` is in "Apple's" and "#apple",
not in "pineapple". A phrase is its words in that order, with nothing but space or punctuation between them. A word that
is several words to the tokenizer (``don't``, ``AT&T``, ``e-mail``, 東京) is that phrase. ``#tag`` is the tag only.

A query that holds for a post with none of its words (``-spam``, ``a OR NOT b``) is refused: it is about nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import regex

from barometer.errors import InvalidInputError
from barometer.queries import All, OneOf, Phrase, Query, Term
from barometer.words import Words, as_run, fold, tags, words

MAX_QUERY = 1_000
MAX_DEPTH = 20  # of parentheses and NOT: bounds the recursion of parser and matcher
TOPIC_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class InvalidQueryError(InvalidInputError):
    """A query that cannot be read, and where.

    Args:
        position: index of the character at fault in the query as it was given, from 0 to its length.
        reason: what is wrong there.
    """

    def __init__(self, position: int, reason: str) -> None:
        super().__init__("query", f"{reason} (at character {position + 1})")
        self.position = position


@dataclass(frozen=True, slots=True)
class Topic:
    """A name that never changes and the query that decides for posts to come."""

    name: str
    query: str


class TopicMatcher:
    """Tells which topics a text belongs to, in time that hardly grows with their number.

    Each topic is filed under its anchors, terms of which a matching text has at least one; only topics filed under a
    term of the text are asked.

    Raises:
        InvalidQueryError: the query of a topic cannot be read.
    """

    def __init__(self, topics: Iterable[Topic]) -> None:
        self._filed: dict[str, list[tuple[str, Query]]] = {}
        for topic in topics:
            query = parse(topic.query)
            for anchor in query.anchors() or ():
                self._filed.setdefault(anchor, []).append((topic.name, query))
        self._anchors = frozenset(self._filed)

    def match(self, text: str) -> list[str]:
        """The names of the topics that the text belongs to, sorted."""
        if not self._anchors:
            return []
        said = Words(text)
        asked = {topic[0]: topic[1] for anchor in said.terms & self._anchors for topic in self._filed[anchor]}
        return sorted(name for name, query in asked.items() if query.matches(said))


def parse(query: str) -> Query:
    """Read a query.

    Raises:
        InvalidQueryError: it is not in the language, or it is about nothing.
    """
    return _Parser(_lex(query)).whole()


def check(name: str, query: str) -> None:
    """Refuse a topic that cannot be.

    Raises:
        InvalidInputError: of field ``name``, or (``InvalidQueryError``) of field ``query``.
    """
    if not regex.fullmatch(TOPIC_NAME, name):
        raise InvalidInputError("name", "must be 1 to 64 of a-z, 0-9, '_' and '-', and begin with a letter or digit")
    parse(query)


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of the query: its kind is the operator itself, or ``word``, ``phrase``, ``tag`` or ``end``."""

    kind: str
    text: str
    position: int


_OPERATORS = ("AND", "OR", "NOT")
_EXPECTED = "expected a word, a phrase, a tag or '('"
_NEVER = regex.compile(r"[\x00\ud800-\udfff]")
_QUOTES = '"\u201c\u201d\u201e'  # what a phone makes of quotation marks too
_INSIDE = r"'\u2019._&/@\u2010\u2011-"  # apostrophes and hyphens, straight and curly, break no word of a query
_LETTERS = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u00ad\u200c\u200d\u2060]*+"
_PIECE = regex.compile(
    rf"""
    (?P<space>\s+)
  | (?P<operator>[()+-])
  | (?P<phrase>[{_QUOTES}][^{_QUOTES}]*+[{_QUOTES}])
  | (?P<tag>[#\uff03][\p{{L}}\p{{M}}\p{{N}}_]++)
  | (?P<word>{_LETTERS}(?:[{_INSIDE}]{_LETTERS})*+)
    """,
    regex.VERBOSE,
)


def _lex(query: str) -> list[_Token]:
    """Cut a query into tokens; the last is ``end``."""
    if len(query) > MAX_QUERY:
        raise InvalidQueryError(MAX_QUERY, f"is longer than {MAX_QUERY:,} characters")
    if (never := _NEVER.search(query)) is not None:
        raise InvalidQueryError(never.start(), "this character cannot be stored")
    tokens: list[_Token] = []
    position = 0
    apart = True  # whether the next token may begin here
    while position < len(query):
        piece = _PIECE.match(query, position)
        if piece is None:
            raise InvalidQueryError(position, _unexpected(query[position]))
        kind, text = str(piece.lastgroup), piece.group()
        if kind != "space":
            if not apart and text != ")":
                raise InvalidQueryError(position, f"unexpected {text[0]!r}: leave a space before it, or use quotes")
            if kind == "operator" or (kind == "word" and text in _OPERATORS):
                kind = text
            tokens.append(_Token(kind, text, position))
        apart = kind in ("space", "(", "+", "-")
        position = piece.end()
    tokens.append(_Token("end", "", len(query)))
    return tokens


def _unexpected(character: str) -> str:
    if character in _QUOTES:
        return "this quote is never closed"
    if character in "#\uff03":
        return "a tag needs a letter right after '#'"
    return f"unexpected {character!r}: words are letters and digits; anything else goes in double quotes"


class _Parser:
    """Recursive descent over the tokens; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Query:
        """The query and nothing after it."""
        query = self._query()
        if self._here.kind != "end":
            raise InvalidQueryError(self._here.position, "this ')' closes nothing")
        if query.anchors() is None:
            raise InvalidQueryError(0, "would hold for a post with none of its words: say what a post must contain")
        return query

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _query(self) -> Query:
        required: list[Query] = []
        optional: list[Query] = []
        excluded: list[Query] = []
        first = self._here
        while self._here.kind not in (")", "end"):
            if self._here.kind == "+":
                required.append(self._required())
                continue
            begin = self._here
            clause, compound = self._joined("OR")
            excludes = begin.kind in ("NOT", "-") and not compound
            (excluded if excludes else optional).append(clause)
        if self._here is first:
            raise InvalidQueryError(first.position, _EXPECTED)
        decisive = required or ([_one(OneOf, optional)] if optional else [])
        return _one(All, [*decisive, *excluded])

    def _required(self) -> Query:
        self._sign()
        query = self._atom()
        if self._here.kind in ("AND", "OR"):
            raise InvalidQueryError(
                self._here.position, f"'+' cannot stand beside {self._here.kind}: leave it out, or use parentheses"
            )
        return query

    def _joined(self, operator: str) -> tuple[Query, bool]:
        """``either`` and ``both``: what ``operator`` joins, and whether anything was joined at all."""
        parts: list[Query] = []
        compound = False
        while True:  # ends with the tokens: every turn takes at least one
            if operator == "OR":
                part, inner = self._joined("AND")
                compound = compound or inner
            else:
                part = self._not()
            parts.append(part)
            if self._here.kind != operator:
                return _one(OneOf if operator == "OR" else All, parts), compound or len(parts) > 1
            self._take()

    def _not(self) -> Query:
        if self._here.kind not in ("NOT", "-"):
            return self._atom()
        self._deeper()
        if self._here.kind == "-":
            self._sign()
        else:
            self._take()
        query = self._not().negated()
        self._depth -= 1
        return query

    def _sign(self) -> None:
        sign = self._take()
        if self._here.position != sign.position + 1 or self._here.kind == "end":
            raise InvalidQueryError(sign.position, f"{sign.text!r} must stand right before a word, phrase, tag or '('")

    def _atom(self) -> Query:
        token = self._take()
        match token.kind:
            case "word" | "phrase":
                ordered = words(fold(token.text))
                if not ordered:
                    raise InvalidQueryError(token.position, "this phrase holds no word")
                return Term(ordered[0]) if len(ordered) == 1 else Phrase(as_run(ordered))
            case "tag":
                found = tags(fold(token.text))
                if not found:
                    raise InvalidQueryError(token.position, "a tag needs at least one letter")
                return Term(found[0])
            case "(":
                return self._group(token)
            case "+":
                raise InvalidQueryError(token.position, "'+' cannot stand here: it marks a clause beside others")
            case _:
                raise InvalidQueryError(token.position, _EXPECTED)

    def _group(self, opening: _Token) -> Query:
        self._deeper()
        query = self._query()
        if self._take().kind != ")":
            raise InvalidQueryError(opening.position, "this '(' is never closed")
        self._depth -= 1
        return query

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidQueryError(self._here.position, f"is nested more than {MAX_DEPTH} deep")


def _one(join: type[All | OneOf], parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else join(tuple(parts))
