"""Alerts: list and acknowledge."""

from typing import Annotated, Final

import msgspec

from meter_bridge.api.http.authentication import PEOPLE, STAFF, may_see_alert
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.protocol.answers import MAX_ALERTS_PAGE, Alerts
from meter_bridge.protocol.messages import AlertView, ErrorCode

ALERTS_PAGE: Final = 200


class AlertsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filter of alerts."""

    open: Annotated[bool, msgspec.Meta(description="Only open alerts.")] = False
    limit: Annotated[
        int, msgspec.Meta(ge=1, le=MAX_ALERTS_PAGE, description="Maximum number of items to return.")
    ] = ALERTS_PAGE


@Endpoint("GET", "/api/v1/alerts", access=PEOPLE, answer=Alerts, query=AlertsQuery)
async def list_alerts(call: Call) -> Reply:
    """List alerts, newest first."""
    query = call.query(AlertsQuery)
    found = await call.app.alerts.views(call.actor, only_open=query.open, limit=query.limit)
    return Reply(Alerts(tuple(alert for alert in found if may_see_alert(call.actor, alert))))


@Endpoint(
    "POST",
    "/api/v1/alerts/{id}/acknowledge",
    access=STAFF,
    answer=AlertView,
    refusals=(ErrorCode.STORAGE_UNAVAILABLE,),
)
async def acknowledge_alert(call: Call) -> Reply:
    """Acknowledge an alert; it closes by itself when its cause is gone."""
    return Reply(await call.app.alerts.acknowledge(call.actor, call.id))
