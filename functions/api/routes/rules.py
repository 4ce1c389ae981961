"""Alert rules: when to warn."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from barometer import alerts
from barometer.stores import rules
from functions.api.bodies import JsonRoute
from functions.api.deps import Admin, Database, Reader
from functions.api.models import Rule, RulePage

router = APIRouter(prefix="/api/rules", tags=["rules"], route_class=JsonRoute)


@router.get("")
async def list_rules(_: Reader, connection: Database) -> RulePage:
    """Every rule, newest first."""
    return RulePage(items=[_public(rule) for rule in rules.list_rules(connection)])


@router.post("", status_code=HTTPStatus.CREATED)
async def create_rule(_: Admin, body: alerts.RuleDraft, connection: Database) -> Rule:
    """Make a rule: it fires when the share of negative posts among the scored posts of its window reaches `threshold`.

    It says nothing while the window holds fewer than `minimum_posts`. Names are unique (409).
    """
    return _public(rules.create_rule(connection, body))


@router.get("/{rule_id}")
async def get_rule(_: Reader, rule_id: UUID, connection: Database) -> Rule:
    """One rule."""
    return _public(rules.get_rule(connection, rule_id))


@router.patch("/{rule_id}")
async def update_rule(_: Admin, rule_id: UUID, body: alerts.RulePatch, connection: Database) -> Rule:
    """Change a rule: what is absent stays; a `webhook_url` of null takes it away."""
    return _public(rules.update_rule(connection, rule_id, body))


@router.delete("/{rule_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_rule(_: Admin, rule_id: UUID, connection: Database) -> None:
    """Delete a rule, and its alerts with it."""
    rules.delete_rule(connection, rule_id)


def _public(rule: alerts.Rule) -> Rule:
    return Rule.model_validate(rule.as_public())
