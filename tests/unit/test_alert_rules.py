import uuid

import pytest
from pydantic import ValidationError

from barometer.alerts import Measure, Rule, RuleDraft, RulePatch, Verdict, verdict
from tests.scored import NOON

FIRE, RESOLVE, KEEP = Verdict.FIRE, Verdict.RESOLVE, Verdict.KEEP


def rule(*, enabled: bool = True) -> Rule:
    return Rule(uuid.uuid4(), "storm", "negative_share", "*", 0.5, 300, 10, None, enabled, NOON, NOON)


@pytest.mark.parametrize(
    ("scored", "negative", "firing", "expected"),
    [
        (10, 5, False, FIRE),
        (10, 4, False, KEEP),
        (10, 5, True, KEEP),
        (10, 4, True, RESOLVE),
        # too few to tell: what fires keeps firing, what is calm stays calm
        (9, 9, False, KEEP),
        (9, 0, True, KEEP),
        (1, 0, True, KEEP),
        # nothing at all
        (0, 0, False, KEEP),
        (0, 0, True, RESOLVE),
    ],
)
def test_a_rule_fires_at_its_threshold_and_resolves_on_knowing_better(
    scored: int, negative: int, firing: bool, expected: Verdict
):
    assert verdict(rule(), Measure(scored, negative), firing=firing) is expected


@pytest.mark.parametrize(("firing", "expected"), [(True, RESOLVE), (False, KEEP)])
def test_a_disabled_rule_never_fires_and_lets_go_of_its_alert(firing: bool, expected: Verdict):
    assert verdict(rule(enabled=False), Measure(100, 100), firing=firing) is expected


def test_the_share_of_nothing_is_nothing():
    assert Measure(0, 0).share == 0.0
    assert Measure(10, 7).share == 0.7


def test_a_rule_can_be_as_short_as_a_name_and_a_threshold():
    draft = RuleDraft.model_validate({"name": "storm", "threshold": 1})
    assert (draft.kind, draft.topic, draft.window_seconds, draft.minimum_posts) == ("negative_share", "*", 300, 20)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "two\nlines"),
        ("kind", "positive_share"),
        ("topic", "No Such"),
        ("threshold", 0),
        ("threshold", 1.01),
        ("threshold", "0.5"),
        ("threshold", float("nan")),
        ("window_seconds", 59),
        ("window_seconds", 90),
        ("window_seconds", 86_460),
        ("minimum_posts", 0),
        ("webhook_url", "ftp://example.org/"),
        ("webhook_url", "https://"),
        ("enabled", "yes"),
        ("colour", "red"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_field_at_fault(field: str, value: object):
    with pytest.raises(ValidationError) as refused:
        RuleDraft.model_validate({"name": "storm", "threshold": 0.5} | {field: value})
    assert [fault["loc"] for fault in refused.value.errors()] == [(field,)]


def test_a_patch_says_only_what_it_names_and_null_takes_the_webhook_away():
    patch = RulePatch.model_validate({"webhook_url": None, "enabled": False})
    assert patch.model_dump(include=patch.model_fields_set) == {"webhook_url": None, "enabled": False}


@pytest.mark.parametrize("body", [{}, {"name": None}, {"threshold": None}, {"kind": "negative_share"}])
def test_a_patch_that_says_nothing_or_nothing_sensible_is_refused(body: dict[str, object]):
    with pytest.raises(ValidationError):
        RulePatch.model_validate(body)


def test_a_rule_is_shown_as_json_can_hold_it():
    shown = rule().as_public()
    assert shown["created_at"] == "2026-03-04T12:00:30+00:00"
    assert isinstance(shown["id"], str)
