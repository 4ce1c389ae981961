"""Alerts: warnings that were given, and who has seen them."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query

from barometer.stores import alerts
from functions.api.deps import Database, Reader
from functions.api.models.lists import Paging
from functions.api.models.setup import Alert, AlertPage

router = APIRouter(prefix="/api/alerts", tags=["alerts"])


class AlertQuery(Paging):
    """Which alerts."""

    state: Literal["firing", "resolved"] | None = None


@router.get("")
async def list_alerts(_: Reader, wanted: Annotated[AlertQuery, Query()], connection: Database) -> AlertPage:
    """Alerts, those that fired last first."""
    page = alerts.list_alerts(connection, wanted.state, limit=wanted.limit, cursor=wanted.place())
    return AlertPage(
        items=[Alert.model_validate(alert.as_public()) for alert in page.items],
        next_cursor=None if page.next_cursor is None else page.next_cursor.encode(),
    )


@router.post("/{id}/acknowledge")
async def acknowledge_alert(
    principal: Reader, alert_id: Annotated[UUID, Path(alias="id")], connection: Database
) -> Alert:
    """Note that it was seen, under the name of the key. Whoever did so first stays noted."""
    alert = alerts.acknowledge(connection, alert_id, principal.name, datetime.now(UTC))
    return Alert.model_validate(alert.as_public())
