"""A parsed query: a tree of what a text must and must not hold. ``barometer.topics`` reads one from text.

Negation lies at the leaves only (``negated`` pushes it down), which keeps ``anchors`` exact: it is ``None`` if, and
only if, the query matches a text that holds none of its terms.
"""

from dataclasses import dataclass
from typing import Protocol

from barometer.words import Words


class Query(Protocol):
    """A node of the tree."""

    def matches(self, text: Words) -> bool:
        """Whether the text is what the query asks for."""
        ...

    def negated(self) -> "Query":
        """The query that matches exactly what this one does not."""
        ...

    def anchors(self) -> frozenset[str] | None:
        """Terms of which every matching text has at least one; ``None`` if a text with no term at all matches."""
        ...


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or one tag with its ``#``."""

    term: str

    def matches(self, text: Words) -> bool:
        """See ``Query``."""
        return self.term in text.terms

    def negated(self) -> Query:
        """See ``Query``."""
        return Not(self)

    def anchors(self) -> frozenset[str] | None:
        """See ``Query``."""
        return frozenset((self.term,))


@dataclass(frozen=True, slots=True)
class Phrase:
    """Two or more words side by side, as ``words.as_run`` writes them."""

    run: str

    def matches(self, text: Words) -> bool:
        """See ``Query``."""
        return text.has_run(self.run)

    def negated(self) -> Query:
        """See ``Query``."""
        return Not(self)

    def anchors(self) -> frozenset[str] | None:
        """The longest word: as a rule the rarest."""
        return frozenset((max(self.run.split(" "), key=len),))


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be in the text."""

    leaf: Term | Phrase

    def matches(self, text: Words) -> bool:
        """See ``Query``."""
        return not self.leaf.matches(text)

    def negated(self) -> Query:
        """See ``Query``."""
        return self.leaf

    def anchors(self) -> frozenset[str] | None:
        """None: an empty text lacks everything."""
        return None


@dataclass(frozen=True, slots=True)
class All:
    """Every part."""

    parts: tuple[Query, ...]

    def matches(self, text: Words) -> bool:
        """See ``Query``."""
        return all(part.matches(text) for part in self.parts)

    def negated(self) -> Query:
        """See ``Query``."""
        return OneOf(tuple(part.negated() for part in self.parts))

    def anchors(self) -> frozenset[str] | None:
        """Those of the part that is likely to be met least: few terms, and long ones."""
        known = [anchors for part in self.parts if (anchors := part.anchors()) is not None]
        return min(known, key=lambda terms: (len(terms), -min(map(len, terms))), default=None)


@dataclass(frozen=True, slots=True)
class OneOf:
    """At least one part."""

    parts: tuple[Query, ...]

    def matches(self, text: Words) -> bool:
        """See ``Query``."""
        return any(part.matches(text) for part in self.parts)

    def negated(self) -> Query:
        """See ``Query``."""
        return All(tuple(part.negated() for part in self.parts))

    def anchors(self) -> frozenset[str] | None:
        """All of every part, since any part will do."""
        known: set[str] = set()
        for part in self.parts:
            anchors = part.anchors()
            if anchors is None:
                return None
            known |= anchors
        return frozenset(known)
