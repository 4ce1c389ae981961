"""Alert rules: when to warn."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from barometer import alerts
from barometer.stores import rules
from functions.api.bodies import JsonRoute
from functions.api.deps import Admin, Database, Reader
from functions.api.models.setup import Rule, RulePage
from functions.api.problems import problem

router = APIRouter(prefix="/api/rules", tags=["rules"], route_class=JsonRoute)
TAKEN = problem("The name is taken")


@router.get("")
async def list_rules(_: Reader, connection: Database) -> RulePage:
    """Every rule, newest first."""
    return RulePage(items=[_public(rule) for rule in rules.list_rules(connection)])


@router.post("", status_code=HTTPStatus.CREATED, responses={HTTPStatus.CONFLICT: TAKEN})
async def create_rule(_: Admin, body: alerts.RuleDraft, connection: Database) -> Rule:
    """Make a rule: it fires when the share of negative posts among the scored posts of its window reaches `threshold`.

    It says nothing while the window holds fewer than `minimum_posts`. Names are unique (409).
    """
    return _public(rules.create_rule(connection, body))


@router.get("/{id}")
async def get_rule(_: Reader, rule_id: Annotated[UUID, Path(alias="id")], connection: Database) -> Rule:
    """One rule."""
    return _public(rules.get_rule(connection, rule_id))


@router.patch("/{id}", responses={HTTPStatus.CONFLICT: TAKEN})
async def update_rule(
    _: Admin, rule_id: Annotated[UUID, Path(alias="id")], body: alerts.RulePatch, connection: Database
) -> Rule:
    """Change a rule: what is absent stays; a `webhook_url` of null takes it away."""
    return _public(rules.update_rule(connection, rule_id, body))


@router.delete("/{id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_rule(_: Admin, rule_id: Annotated[UUID, Path(alias="id")], connection: Database) -> None:
    """Delete a rule, and its alerts with it."""
    rules.delete_rule(connection, rule_id)


def _public(rule: alerts.Rule) -> Rule:
    return Rule.model_validate(rule.as_public())
