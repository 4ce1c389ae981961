"""Event patterns in EventBridge's syntax: which events a pipe's ``FilterCriteria`` let through.

A pattern has the shape of the events that it matches. An object names fields, all of which must match; an array lists
what the value of a field may be: exact values, or operators. ``parse`` checks a pattern once; ``Pattern.matches`` is
then a walk over an event. Pure.

The operators are those that Lambda's event filtering knows, with the meanings of EventBridge
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html) and, where that page is
silent, of the library behind it (https://github.com/aws/event-ruler):

- An array in an event stands for each of its elements: one that matches is enough, so ``anything-but`` matches an
  array that holds anything else. The fields of an object in an array must match within one and the same object.
- A field that is absent matches nothing but ``exists: false``. An object is no value, and an empty array holds none:
  to ``exists`` both are absent.
- Numbers are compared as numbers: 300 is 3.0e2. Nothing else is converted: ``"300"`` is not 300, and true is not 1.
"""

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, NoReturn, Protocol, TypeAlias, TypeGuard

from barometer.errors import InvalidInputError

# Lambda's own bound of a pattern: https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
MOST_CHARACTERS: Final = 4_096
# Ours, far beyond any event: matching goes as deep as the pattern does.
MOST_LEVELS: Final = 50


class InvalidPatternError(InvalidInputError):
    """A pattern that says nothing; ``field`` is the place in it that is at fault, as ``body.lang[1]``."""


class _Test(Protocol):
    def accepts(self, value: object) -> bool:
        """Whether a value, never an object or an array, is one that the pattern asks for."""


@dataclass(frozen=True, slots=True)
class _Exact:
    value: object

    def accepts(self, value: object) -> bool:
        return value == self.value and isinstance(value, bool) is isinstance(self.value, bool)


@dataclass(frozen=True, slots=True)
class _Prefix:
    text: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.startswith(self.text)


@dataclass(frozen=True, slots=True)
class _Suffix:
    text: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.endswith(self.text)


@dataclass(frozen=True, slots=True)
class _AnyCase:
    text: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.lower() == self.text.lower()


@dataclass(frozen=True, slots=True)
class _AnythingBut:
    refused: Sequence[_Test]

    def accepts(self, value: object) -> bool:
        return not any(test.accepts(value) for test in self.refused)


@dataclass(frozen=True, slots=True)
class _Numeric:
    comparisons: Sequence[tuple[str, float]]

    def accepts(self, value: object) -> bool:
        return _is_number(value) and all(_COMPARE[sign](value, bound) for sign, bound in self.comparisons)


@dataclass(frozen=True, slots=True)
class _Exists:
    def accepts(self, value: object) -> bool:  # noqa: ARG002 (whatever it is, it is there)
        return True


_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TEXTUAL: Final[dict[str, Callable[[str], _Test]]] = {
    "prefix": _Prefix,
    "suffix": _Suffix,
    "equals-ignore-case": _AnyCase,
}
_OPERATORS: Final = (*_TEXTUAL, "anything-but", "numeric", "exists")


_Path: TypeAlias = tuple[str, ...]
# Whether the event has a value at a path.
_Presence: TypeAlias = Callable[[_Path], bool]


@dataclass(frozen=True, slots=True)
class _Values:
    """What one field may be. ``absent`` is its path if it may be missing; no element of an array may have it then."""

    tests: Sequence[_Test]
    absent: _Path | None

    def matches(self, node: object, is_present: _Presence) -> bool:
        if any(test.accepts(value) for value in _values(node) for test in self.tests):
            return True
        return self.absent is not None and not is_present(self.absent)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the fields of one object must be, all of them; of each ``$or``, one alternative."""

    fields: Sequence[tuple[str, "_Values | _Fields"]]
    alternatives: Sequence[Sequence["_Fields"]]

    def matches(self, node: object, is_present: _Presence) -> bool:
        # Without any object every field is absent, which a pattern may ask for.
        return any(self._match(found, is_present) for found in list(_objects(node)) or [{}])

    def _match(self, found: dict[str, object], is_present: _Presence) -> bool:
        return all(wanted.matches(found.get(name, []), is_present) for name, wanted in self.fields) and all(
            any(branch.matches(found, is_present) for branch in branches) for branches in self.alternatives
        )

    def reads_inside(self, name: str) -> bool:
        """Whether any branch looks at fields of field ``name``."""
        return any(field == name and isinstance(wanted, _Fields) for field, wanted in self.fields) or any(
            branch.reads_inside(name) for branches in self.alternatives for branch in branches
        )


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, checked by ``parse``."""

    root: _Fields

    def matches(self, event: dict[str, object]) -> bool:
        """Whether an event, as JSON is read, has all that the pattern asks for."""
        # Looked up once a path: once for each object of a large array would take hours.
        return self.root.matches(event, cache(partial(_is_present, event)))

    def reads_inside(self, name: str) -> bool:
        """Whether it asks for fields of the event's field ``name``, rather than for what that is itself."""
        return self.root.reads_inside(name)


def parse(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        InvalidPatternError: it is not one; the message names the place.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidPatternError("", f"a pattern has at most {MOST_CHARACTERS:,} characters; this has {len(text):,}")
    try:
        said = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InvalidPatternError("", f"not JSON: {error}") from None
    except RecursionError:
        raise InvalidPatternError("", f"nested deeper than {MOST_LEVELS} levels") from None
    return Pattern(_read_fields(said, _Place()))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a pattern the reader is: ``at`` for a person, ``path`` for the field of the event."""

    at: str = ""
    path: _Path = ()
    levels: int = 0

    def field(self, name: str) -> "_Place":
        return _Place(f"{self.at}.{name}" if self.at else name, (*self.path, name), self.levels + 1)

    def branch(self, index: int) -> "_Place":
        return _Place(f"{self.at}.$or[{index}]" if self.at else f"$or[{index}]", self.path, self.levels + 1)

    def item(self, index: int) -> "_Place":
        return _Place(f"{self.at}[{index}]", self.path, self.levels)

    def refuse(self, reason: str) -> NoReturn:
        raise InvalidPatternError(self.at, reason)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; of a field named twice the first half would be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidPatternError("", f"names {next(name for name in found if names.count(name) > 1)!r} twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise InvalidPatternError("", f"not JSON: {name}")


def _read_fields(said: object, place: _Place) -> _Fields:
    if not isinstance(said, dict):
        place.refuse('must be an object of fields, as {"body": {"lang": ["en"]}}')
    if not said:
        place.refuse("an empty object asks for nothing: name a field, or leave it out")
    if place.levels > MOST_LEVELS:
        place.refuse(f"nested deeper than {MOST_LEVELS} levels")
    return _Fields(
        fields=[(name, _read_field(value, place.field(name))) for name, value in said.items() if name != "$or"],
        alternatives=[_read_branches(said["$or"], place)] if "$or" in said else [],
    )


def _read_field(said: object, place: _Place) -> _Values | _Fields:
    if isinstance(said, dict):
        return _read_fields(said, place)
    if not isinstance(said, list):
        place.refuse(f"must be an array of what it may be: [{json.dumps(said)}]")
    if not said:
        place.refuse("an empty array lets nothing be right")
    tests = [_read_test(item, place.item(index)) for index, item in enumerate(said)]
    return _Values([test for test in tests if test is not None], place.path if None in tests else None)


def _read_branches(said: object, place: _Place) -> list[_Fields]:
    if not isinstance(said, list) or len(said) < 2:
        place.field("$or").refuse("must be an array of two objects or more")
    return [_read_fields(branch, place.branch(index)) for index, branch in enumerate(said)]


def _read_test(said: object, place: _Place) -> _Test | None:
    """The test that one element of an array stands for; ``None`` for ``exists: false``, which no value passes."""
    if isinstance(said, list):
        place.refuse("must be a string, a number, true, false, null or an operator")
    if not isinstance(said, dict):
        return _Exact(said)
    name, operand = _read_operator(said, place, _OPERATORS)
    place = _Place(f"{place.at}.{name}", place.path)
    if name in _TEXTUAL:
        return _TEXTUAL[name](_text(operand, place))
    if name == "anything-but":
        return _AnythingBut(_read_refused(operand, place))
    if name == "numeric":
        return _Numeric(_read_comparisons(operand, place))
    if not isinstance(operand, bool):
        place.refuse("must be true or false")
    return _Exists() if operand else None


def _read_operator(said: dict[str, object], place: _Place, known: Sequence[str]) -> tuple[str, object]:
    if len(said) != 1:
        place.refuse('an operator is an object of one key, as {"prefix": "a"}')
    ((name, operand),) = said.items()
    if name not in known:
        place.refuse(f"knows no operator {name!r} here, only {', '.join(known)}")
    return name, operand


def _read_refused(said: object, place: _Place) -> list[_Test]:
    """What ``anything-but`` leaves out: a value or several of one kind, or of an operator's texts any."""
    if isinstance(said, dict):
        name, operand = _read_operator(said, place, tuple(_TEXTUAL))
        place = _Place(f"{place.at}.{name}", place.path)
        texts = [_text(text, place) for text in (operand if isinstance(operand, list) else [operand])]
        if not texts or "" in texts:
            place.refuse("must be a text or several, none of them empty")
        return [_TEXTUAL[name](text) for text in texts]
    values = said if isinstance(said, list) else [said]
    if not values or not (all(isinstance(value, str) for value in values) or all(map(_is_number, values))):
        place.refuse("must be a string or a number, an array of strings, an array of numbers, or an operator")
    return [_Exact(value) for value in values]


def _read_comparisons(said: object, place: _Place) -> list[tuple[str, float]]:
    """One comparison, or a lower bound and then an upper one above it."""
    if not isinstance(said, list) or len(said) not in (2, 4):
        place.refuse('must be a comparison or a range, as [">", 0, "<=", 5]')
    found: list[tuple[str, float]] = []
    for index in range(0, len(said), 2):
        sign, bound = said[index], said[index + 1]
        if not isinstance(sign, str) or sign not in _COMPARE:
            place.item(index).refuse(f"must be one of {', '.join(_COMPARE)}")
        if not _is_number(bound):
            place.item(index + 1).refuse("must be a number")
        found.append((sign, bound))
    if len(found) == 2:
        (lower, bottom), (upper, top) = found
        if not lower.startswith(">") or not upper.startswith("<") or bottom >= top:
            place.refuse("a range is a lower bound (> or >=) and then a greater upper bound (< or <=)")
    return found


def _text(said: object, place: _Place) -> str:
    if not isinstance(said, str):
        place.refuse("must be a string")
    return said


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _elements(node: object) -> Iterator[object]:
    """``node``, or what it holds if it is an array, through arrays in arrays.

    Not by recursion: how deep an event nests is for others to say.
    """
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        else:
            yield node


def _values(node: object) -> Iterator[object]:
    return (element for element in _elements(node) if not isinstance(element, dict))


def _objects(node: object) -> Iterator[dict[str, object]]:
    return (element for element in _elements(node) if isinstance(element, dict))


def _is_present(event: object, path: _Path) -> bool:
    """Whether there is a value anywhere at ``path``."""
    nodes = [event]
    for name in path:
        nodes = [found[name] for node in nodes for found in _objects(node) if name in found]
    return any(True for node in nodes for _ in _values(node))
