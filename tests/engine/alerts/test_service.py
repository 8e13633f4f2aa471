"""Who may acknowledge which alert."""

import pytest

from meter_bridge.actor import Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from tests.engine.harness import HOUR, LANDLORD, House

pytestmark = pytest.mark.both_databases

TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}))


@pytest.mark.invariant(15)
async def test_an_alert_of_the_installation_is_acknowledged_by_staff_and_unknown_to_a_tenant(
    flat: House,
) -> None:
    flat.time.wall += HOUR
    await flat.tick()
    (alert,) = flat.engine.session.installation.alerts.values()
    with pytest.raises(RequestRefused) as refused:
        await flat.app.alerts.acknowledge(TENANT, alert.id)
    assert refused.value.code is ErrorCode.NOT_FOUND
    await flat.app.alerts.acknowledge(LANDLORD, alert.id)
    await flat.settle()
    (told,) = flat.events("alert_acknowledged")
    assert (told["id"], told["by"]) == (alert.id, "landlord")
