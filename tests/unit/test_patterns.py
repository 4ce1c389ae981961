"""Event patterns: what each operator lets through, and what is refused before it could let anything through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import SettingsError
from barometer.patterns import MOST_CHARACTERS, InvalidPatternError, parse
from barometer.stores import deployment


def _matches(pattern: object, event: dict[str, Any]) -> bool:
    return parse(json.dumps(pattern)).matches(event)


@pytest.mark.parametrize(
    ("wanted", "passes", "fails"),
    [
        (["en"], ["en", ["de", "en"], [[], [["en"]]]], ["EN", "e", "", None, 0, True, ["de"], [], {"en": 1}]),
        (["en", "de"], ["en", "de", ["fr", "de"]], ["fr", ["fr"]]),
        ([""], [""], [" ", None, 0, False, []]),
        ([None], [None, [1, None]], ["", "null", 0, False, [], {}]),
        ([True], [True], ["true", 1, 1.0, False]),
        ([0], [0, 0.0, -0.0], [False, "0", None, ""]),
        ([300], [300, 300.0, 3.0e2], ["300", 301, True]),
        ([{"prefix": "ba"}], ["ba", "bar", ["x", "ban"]], ["Bar", "abar", "b", None, 1, [], {"bar": 1}]),
        ([{"prefix": ""}], ["", "a"], [None, 1]),
        ([{"suffix": ".png"}], [".png", "a.png"], [".PNG", "png", None, 1]),
        ([{"equals-ignore-case": "Acme"}], ["acme", "ACME", "Acme"], ["acme ", "acm", None, 1]),
        ([{"numeric": ["=", 5]}], [5, 5.0, [1, 5]], [4, "5", True, None]),
        ([{"numeric": [">", 0, "<=", 5]}], [0.1, 5], [0, 5.1, -1, "3", True, None]),
        ([{"numeric": [">=", -1]}], [-1, 0, 1e300], [-1.01]),
        ([{"numeric": ["<", 1]}], [0, -1.5], [1, 2, False, "0"]),
        ([{"anything-but": "en"}], ["de", "", None, 5, True, ["en", "de"]], ["en", ["en", "en"], [], {"en": 1}]),
        ([{"anything-but": ["en", "de"]}], ["fr", ["de", "fr"]], ["en", "de", ["en", "de"]]),
        ([{"anything-but": 5}], [4, "5", None], [5, 5.0]),
        ([{"anything-but": [1, 2]}], [3, True], [1, 2.0]),
        ([{"anything-but": {"prefix": "de"}}], ["en", 5, None], ["de", "de-AT"]),
        ([{"anything-but": {"suffix": ["a", "b"]}}], ["c", "ac"], ["xa", "b"]),
        ([{"anything-but": {"equals-ignore-case": ["EN", "de"]}}], ["fr"], ["en", "En", "DE"]),
        ([{"exists": True}], ["", None, 0, False, [None]], [{}, {"a": 1}, [], [[]], [{}]]),
        ([{"exists": False}], [{}, {"a": 1}, [], [{}]], ["", None, 0, [1]]),
        (["en", {"exists": False}], ["en", {}], ["de"]),
        ([{"prefix": "a"}, {"numeric": ["<", 0]}, 7], ["ab", -1, 7], ["b", 0]),
    ],
    ids=json.dumps,
)
def test_a_field_may_be_what_its_array_lists(wanted: list[Any], passes: list[Any], fails: list[Any]) -> None:
    for value in passes:
        assert _matches({"field": wanted}, {"field": value, "other": 1}), value
    for value in fails:
        assert not _matches({"field": wanted}, {"field": value, "other": 1}), value


@pytest.mark.parametrize(
    "wanted",
    [["en"], [None], [""], [{"anything-but": "en"}], [{"prefix": ""}], [{"numeric": ["<", 1]}], [{"exists": True}]],
    ids=json.dumps,
)
@pytest.mark.parametrize("event", [{}, {"other": "en"}, {"Field": "en"}], ids=json.dumps)
def test_a_field_that_is_absent_matches_nothing_but_its_absence(wanted: list[Any], event: dict[str, Any]) -> None:
    assert not _matches({"field": wanted}, event)
    assert _matches({"field": [*wanted, {"exists": False}]}, event)


def test_every_field_of_a_pattern_must_match() -> None:
    pattern = {"a": [1], "b": {"c": ["x"], "d": [True]}}
    assert _matches(pattern, {"a": 1, "b": {"c": "x", "d": True, "e": 0}, "f": 0})
    assert not _matches(pattern, {"a": 2, "b": {"c": "x", "d": True}})
    assert not _matches(pattern, {"a": 1, "b": {"c": "x", "d": False}})
    assert not _matches(pattern, {"a": 1, "b": {"c": "x"}})
    assert not _matches(pattern, {"a": 1, "b": "x"})
    assert not _matches(pattern, {"a": 1})


def test_fields_of_objects_in_an_array_must_match_in_one_and_the_same_object() -> None:
    event = {"people": [{"name": "Ada", "age": 36}, [{"name": "Bob", "age": 7}], "nobody"]}
    assert _matches({"people": {"name": ["Bob"], "age": [7]}}, event)
    assert not _matches({"people": {"name": ["Bob"], "age": [36]}}, event)


def test_what_must_be_absent_must_be_so_in_every_object_of_an_array() -> None:
    pattern = {"people": {"name": ["Ada"], "age": [{"exists": False}]}}
    assert _matches(pattern, {"people": [{"name": "Ada"}, {"name": "Bob"}]})
    assert not _matches(pattern, {"people": [{"name": "Ada"}, {"name": "Bob", "age": 7}]})


@pytest.mark.parametrize("event", [{}, {"a": {}}, {"a": 1}, {"a": [1]}, {"a": {"b": {"c": 1}}}], ids=json.dumps)
def test_a_field_of_what_is_no_object_is_absent(event: dict[str, Any]) -> None:
    assert _matches({"a": {"b": [{"exists": False}]}}, event)
    assert not _matches({"a": {"b": [{"exists": True}]}}, event)


def test_of_an_or_one_alternative_is_enough() -> None:
    pattern = {"lang": ["en"], "$or": [{"a": [1], "b": [1]}, {"c": [{"exists": False}]}]}
    assert _matches(pattern, {"lang": "en", "a": 1, "b": 1, "c": 1})
    assert _matches(pattern, {"lang": "en"})
    assert not _matches(pattern, {"lang": "en", "a": 1, "c": 1})
    assert not _matches(pattern, {"lang": "de"})


def test_an_or_may_stand_within_an_object_and_within_an_or() -> None:
    pattern = {"body": {"$or": [{"a": [1]}, {"$or": [{"b": [1]}, {"c": {"d": [{"exists": False}]}}]}]}}
    assert _matches(pattern, {"body": {"b": 1, "c": {"d": 0}}})
    assert _matches(pattern, {"body": {"b": 0}})
    assert not _matches(pattern, {"body": {"b": 0, "c": {"d": 0}}, "a": 1})


def test_it_tells_whether_a_pattern_looks_inside_a_field() -> None:
    assert parse('{"body": {"a": [1]}}').reads_inside("body")
    assert parse('{"$or": [{"stream": ["raw"]}, {"body": {"a": [1]}}]}').reads_inside("body")
    assert not parse('{"body": ["a"], "b": {"body": {"a": [1]}}}').reads_inside("body")


@pytest.mark.parametrize(
    ("pattern", "place", "part"),
    [
        ("", "", "not JSON"),
        ('{"a": [1}', "", "line 1 column 9"),
        ('{"a": [NaN]}', "", "not JSON: NaN"),
        ("[]", "", "an object of fields"),
        ('"en"', "", "an object of fields"),
        ("{}", "", "an empty object"),
        ('{"a": {}}', "a", "an empty object"),
        ('{"a": []}', "a", "an empty array"),
        ('{"a": "en"}', "a", 'an array of what it may be: ["en"]'),
        ('{"a": null}', "a", "[null]"),
        ('{"a": [1], "b": {"c": [2], "c": [3]}}', "", "'c' twice"),
        ('{"a": {"b": ["x", ["y"]]}}', "a.b[1]", "a string, a number"),
        ('{"a": [{}]}', "a[0]", "one key"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "a[0]", "one key"),
        ('{"a": [{"wildcard": "x*"}]}', "a[0]", "no operator 'wildcard' here, only prefix, suffix"),
        ('{"a": [{"prefix": 1}]}', "a[0].prefix", "a string"),
        ('{"a": [{"prefix": {"equals-ignore-case": "x"}}]}', "a[0].prefix", "a string"),
        ('{"a": [{"equals-ignore-case": ["x"]}]}', "a[0].equals-ignore-case", "a string"),
        ('{"a": [{"exists": "true"}]}', "a[0].exists", "true or false"),
        ('{"a": [{"exists": null}]}', "a[0].exists", "true or false"),
        ('{"a": [{"anything-but": null}]}', "a[0].anything-but", "a string or a number"),
        ('{"a": [{"anything-but": true}]}', "a[0].anything-but", "a string or a number"),
        ('{"a": [{"anything-but": []}]}', "a[0].anything-but", "a string or a number"),
        ('{"a": [{"anything-but": ["x", 1]}]}', "a[0].anything-but", "an array of strings, an array of numbers"),
        ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "a[0].anything-but", "only prefix, suffix"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "a[0].anything-but.prefix", "none of them empty"),
        ('{"a": [{"anything-but": {"suffix": []}}]}', "a[0].anything-but.suffix", "none of them empty"),
        ('{"a": [{"anything-but": {"suffix": ["x", 1]}}]}', "a[0].anything-but.suffix", "a string"),
        ('{"a": [{"numeric": 5}]}', "a[0].numeric", "a comparison or a range"),
        ('{"a": [{"numeric": [">"]}]}', "a[0].numeric", "a comparison or a range"),
        ('{"a": [{"numeric": [">", 0, "<", 5, "=", 3]}]}', "a[0].numeric", "a comparison or a range"),
        ('{"a": [{"numeric": ["!=", 5]}]}', "a[0].numeric[0]", "one of =, >"),
        ('{"a": [{"numeric": [">", "5"]}]}', "a[0].numeric[1]", "a number"),
        ('{"a": [{"numeric": [">", 0, "<", true]}]}', "a[0].numeric[3]", "a number"),
        ('{"a": [{"numeric": ["<", 5, ">", 0]}]}', "a[0].numeric", "a lower bound"),
        ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "a[0].numeric", "a greater upper bound"),
        ('{"$or": [{"a": [1]}]}', "$or", "two objects or more"),
        ('{"b": {"$or": {"a": [1]}}}', "b.$or", "two objects or more"),
        ('{"b": {"$or": [{"a": [1]}, [1]]}}', "b.$or[1]", "an object of fields"),
        ('{"$or": [{"a": [1]}, {"c": {"d": ["x", {"exists": 1}]}}]}', "$or[1].c.d[1].exists", "true or false"),
        ('{"a":' * 52 + "[1]" + "}" * 52, ".".join("a" * 51), "deeper than 50 levels"),
        # Too deep for Python's own parser, or not whole: how deep that goes differs from one Python to the next.
        ("[" * MOST_CHARACTERS, "", ""),
        (f'{{"a": ["{"x" * MOST_CHARACTERS}"]}}', "", "at most 4,096 characters"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused_at_its_place(pattern: str, place: str, part: str) -> None:
    with pytest.raises(InvalidPatternError) as refusal:
        parse(pattern)
    assert refusal.value.field == place
    assert part in refusal.value.reason


LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0]) | st.sampled_from(["", "a", "ab"])
EVENTS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_size=3,
)


def _plain(value: object) -> list[object]:
    """What a value is made of when every array is spread out: an event's own reading of ``_matches``."""
    return [part for item in value for part in _plain(item)] if isinstance(value, list) else [value]


@given(event=EVENTS, value=LEAVES)
def test_exact_values_match_where_python_finds_one_of_the_same_json(event: dict[str, Any], value: Any) -> None:
    found = [part for part in _plain(event.get("a", [])) if not isinstance(part, dict)]
    same = any(part == value and (type(part) is bool) == (type(value) is bool) for part in found)
    assert _matches({"a": [value]}, event) is same
    assert _matches({"a": [{"exists": True}]}, event) is bool(found)
    assert _matches({"a": [{"exists": False}]}, event) is not found
    if isinstance(value, str):
        assert _matches({"a": [{"anything-but": value}]}, event) is any(part != value for part in found)


@given(event=EVENTS)
def test_an_event_matches_the_pattern_that_is_made_of_it(event: dict[str, Any]) -> None:
    """Spelt out field by field, with every array of values as what is listed."""

    def spelt(value: object) -> Any:
        if isinstance(value, dict):
            fields = {name: spelt(part) for name, part in value.items()}
            return {name: part for name, part in fields.items() if part is not None} or None
        parts = _plain(value)
        if any(isinstance(part, dict) for part in parts):
            return None
        return parts or [{"exists": False}]

    if (pattern := spelt(event)) is not None:
        assert _matches(pattern, event)
        assert not _matches({**pattern, "z": [1]}, event)
        assert _matches({"$or": [{"z": [1]}, pattern]}, event)


def test_an_event_nested_deeper_than_python_recurses_is_walked() -> None:
    event: dict[str, Any] = {"a": ["deep"]}
    for _ in range(5_000):
        event["a"] = [event["a"]]
    assert _matches({"a": ["deep"]}, event)
    assert not _matches({"a": {"b": [1]}}, event)


def test_an_event_is_searched_once_for_a_field_that_may_be_absent_however_many_objects_could_have_it() -> None:
    event = {"items": [*({"a": 0} for _ in range(200_000)), {"b": 0}]}
    assert not _matches({"items": {"b": [1, {"exists": False}]}}, event)


def _declared(criteria: object) -> str:
    pipe = {"Name": "ingest", "Source": "raw", "FunctionName": "f", "FilterCriteria": criteria}
    pipe["DestinationConfig"] = {"OnFailure": {"Destination": "dead"}}
    return json.dumps({"Streams": {name: {"MaximumLength": 1} for name in ("raw", "dead")}, "Pipes": [pipe]})


def test_a_bad_pattern_fails_when_the_deployment_is_read_and_is_found_from_the_message() -> None:
    filters = [{"Pattern": '{"body": {"lang": ["en"]}}'}, {"Pattern": '{"body": {"lang": ["en", {"prefx": "d"}]}}'}]
    with pytest.raises(
        SettingsError, match=r"Pipes\.0\.FilterCriteria\.Filters\.1\.Pattern: .*body\.lang\[1\]: .*'prefx'"
    ):
        deployment.parse(_declared({"Filters": filters}), "bad pattern")


@pytest.mark.parametrize(
    ("criteria", "part"),
    [
        ({"Filters": [{"Pattern": '{"a": [1]}'}] * 6}, "at most 5 items"),
        ({"Filters": [{"Pattern": {"a": [1]}}]}, "a text with a pattern's JSON"),
        ({"Filters": [{"pattern": '{"a": [1]}'}]}, "Pattern: Field required"),
        ({"filters": []}, "Extra inputs"),
    ],
)
def test_filters_are_declared_as_in_aws(criteria: object, part: str) -> None:
    with pytest.raises(SettingsError, match=part):
        deployment.parse(_declared(criteria), "criteria")
