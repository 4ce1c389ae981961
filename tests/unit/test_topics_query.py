"""The language of topic queries: what each form means, and where a bad one is wrong."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import InvalidInputError
from barometer.topics import MAX_DEPTH, MAX_QUERY, InvalidQueryError, check, parse
from barometer.words import Words


def matches(query: str, text: str) -> bool:
    return parse(query).matches(Words(text))


@pytest.mark.parametrize(
    ("query", "yes", "no"),
    [
        ("rust", ["Rust!", "#rust", "I love RUST's borrow checker"], ["rusty", "trust", ""]),
        ("rust cargo", ["rust", "cargo", "cargo for rust"], ["npm"]),
        ("+rust cargo -game", ["rust", "rust cargo"], ["cargo", "rust game"]),
        ("+rust +(cargo crate) -game", ["rust crate", "cargo, rust"], ["rust", "rust crate game"]),
        ("+rust +cargo", ["rust cargo"], ["rust", "cargo"]),
        ("a OR b -c", ["a", "b"], ["a c", "b c", "c"]),
        ("a AND b OR c", ["a b", "c"], ["a", "b"]),
        ("a OR b AND c", ["a", "b c"], ["b", "c"]),
        ("(a OR b) AND c", ["a c", "b c"], ["a b", "c"]),
        ("a AND NOT b", ["a"], ["a b", "b"]),
        ("a NOT b", ["a"], ["a b", "b"]),
        ("a AND -b", ["a"], ["a b"]),
        ("a b AND c", ["a", "b c"], ["b", "c"]),
        ("a -(b c)", ["a"], ["a b", "a c"]),
        ("NOT (NOT a OR NOT b)", ["a b"], ["a", "b", ""]),
        ("NOT NOT a", ["a"], ["b"]),
        (
            '"climate change"',
            ["Climate  change", "climate-change", "a climate, change it"],
            ["climate", "change climate"],
        ),
        ("\u201cclimate change\u201d -hoax", ["climate change"], ["climate change hoax"]),
        ('"and"', ["this and that"], ["this or that"]),
        ("this and that", ["and"], ["or"]),
        ("#Rust", ["#rust", "I do #RUST.", "\uff03rust"], ["rust", "#rusty", "C#rust", "https://x.y/#rust", "&#rust;"]),
        ("#snow_day", ["#Snow_Day"], ["#snow", "snow day"]),
        ("don't", ["I DON\u2019T know", "don't"], ["do not"]),
        ("AT&T", ["at&t", "AT & T"], ["att"]),
        ("e-mail", ["E-Mail", "e mail"], ["email"]),
        ("straße", ["STRASSE", "Straße"], ["strase"]),
        ("caf\u00e9", ["CAFE\u0301"], ["cafe"]),
        ("हिन्दी", ["मुझे हिन्दी पसंद है"], ["हिन्द"]),
        ("東京", ["東京に行く"], ["京東"]),
        ("break\u00adfast", ["breakfast", "Break\u200cFast"], ["break fast"]),
    ],
)
def test_a_query_means_what_its_grammar_says(query: str, yes: list[str], no: list[str]):
    assert [text for text in yes if not matches(query, text)] == []
    assert [text for text in no if matches(query, text)] == []


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("", 0),
        ("   ", 3),
        ("a AND", 5),
        ("AND a", 0),
        ("a OR OR b", 5),
        ("(a", 0),
        ("a)", 1),
        ("a ()", 3),
        ('say "never closed', 4),
        ('"!?"', 0),
        ("#", 0),
        ("#123", 0),
        ("C#", 1),
        ("c++", 1),
        ("a, b", 1),
        ("a - b", 2),
        ("a -", 2),
        ("+a OR b", 3),
        ("a OR +b", 5),
        ("climat*", 6),
        ("a 😀", 2),
        ("a\x00", 1),
        ("a \ud800", 2),
        ("-spam", 0),
        ("a OR NOT b", 0),
        ("a " * (MAX_QUERY // 2) + "b", MAX_QUERY),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), MAX_DEPTH + 1),
    ],
)
def test_a_bad_query_is_refused_at_the_character_at_fault(query: str, position: int):
    with pytest.raises(InvalidQueryError) as refusal:
        parse(query)
    assert refusal.value.position == position
    assert refusal.value.field == "query"
    assert f"(at character {position + 1})" in refusal.value.reason


def test_a_topic_with_a_bad_name_is_refused_by_its_name():
    for name in ("", "*", "Big", "a b", "-a", "a" * 65, "a\n"):
        with pytest.raises(InvalidInputError) as refusal:
            check(name, "a")
        assert refusal.value.field == "name"
    check("a" * 64, "a")


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='ab +-()"#ANDORNOT', max_size=40))
def test_any_text_is_read_or_refused_at_a_place_within_it(query: str):
    try:
        parsed = parse(query)
    except InvalidQueryError as error:
        position = error.position
    else:
        position = 0
        assert not parsed.matches(Words(""))
    assert 0 <= position <= len(query)


@dataclass(frozen=True)
class Form:
    """A query as text, and what it means as a Python expression over the set ``has``."""

    text: str
    meaning: str


WORDS = ("ant", "bee", "cat", "dog")
words = st.sampled_from(WORDS).map(lambda word: Form(word, f"({word!r} in has)"))


def _grouped(form: Form) -> Form:
    return Form(f"({form.text})", form.meaning)


def _joined(parts: list[Form], operator: str) -> Form:
    texts = [part.text if re.fullmatch(r"\w+", part.text) else f"({part.text})" for part in parts]
    joined = f" {operator} ".join(texts)
    return Form(joined, "(" + f" {operator.lower()} ".join(part.meaning for part in parts) + ")")


def _side_by_side(required: list[Form], optional: list[Form], excluded: list[Form]) -> Form:
    text = [f"+({part.text})" for part in required] + [f"({part.text})" for part in optional]
    text += [f"-({part.text})" for part in excluded]
    meaning = [part.meaning for part in required] + [f"not {part.meaning}" for part in excluded]
    if optional and not required:
        meaning.append("(" + " or ".join(part.meaning for part in optional) + ")")
    return Form(" ".join(text), "(" + " and ".join(meaning) + ")")


def _larger(forms: st.SearchStrategy[Form]) -> st.SearchStrategy[Form]:
    some = st.lists(forms, max_size=2)
    return st.one_of(
        forms.map(_grouped),
        forms.map(lambda form: Form(f"NOT ({form.text})", f"(not {form.meaning})")),
        st.builds(_joined, st.lists(forms, min_size=2, max_size=3), st.sampled_from(["AND", "OR"])),
        st.builds(_side_by_side, some, some, some).filter(lambda form: form.text),
    )


@settings(deadline=None)
@given(st.recursive(words, _larger, max_leaves=8), st.sets(st.sampled_from(WORDS)))
def test_a_query_is_the_boolean_function_it_is_written_as(form: Form, has: set[str]):
    empty = eval(form.meaning, {"has": set()})  # noqa: S307 (the text is made above)
    try:
        parsed = parse(form.text)
    except InvalidQueryError as refusal:
        deep_or_long = "deep" in refusal.reason or "longer" in refusal.reason
        assert empty or deep_or_long
        return
    assert not empty
    expected = eval(form.meaning, {"has": has})  # noqa: S307 (the text is made above)
    assert parsed.matches(Words(" ".join(sorted(has)))) == expected
    assert parsed.negated().matches(Words(" ".join(sorted(has)))) != expected


@settings(deadline=None)
@given(st.recursive(words, _larger, max_leaves=8), st.sets(st.sampled_from(WORDS)))
def test_every_matching_text_has_an_anchor(form: Form, has: set[str]):
    try:
        parsed = parse(form.text)
    except InvalidQueryError:
        return
    if parsed.matches(Words(" ".join(has))):
        anchors = parsed.anchors()
        assert anchors is not None
        assert anchors & has
