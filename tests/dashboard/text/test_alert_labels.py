"""Every kind of alert has words and a symbol, and those about money are for landlords."""

from dataclasses import replace

import pytest

from dashboard.access import Viewer
from dashboard.queries.alerts import Alert, told_to
from dashboard.text.labels import ALERTS
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.messages import Role
from meter_bridge.protocol.vocabulary import AlertKind


def test_every_kind_of_alert_has_a_label() -> None:
    assert set(ALERTS) == {kind.value for kind in known_members(AlertKind)}


@pytest.mark.parametrize("role,seen", [(Role.LANDLORD, 2), (Role.CARETAKER, 1), (Role.TENANT, 1)])
def test_only_landlords_are_told_of_payments_that_wait(role: Role, seen: int) -> None:
    of_money = Alert(
        id="alert-1",
        kind="payment_waiting",
        facts="{}",
        opened_at=1,
        acknowledged_at=None,
        acknowledged_by="",
        closed_at=None,
        account_id="",
        name="",
        site_name="",
        time_zone="UTC",
    )
    both = [of_money, replace(of_money, kind="power_outage")]
    assert len(told_to(Viewer(every_site=True, role=role), both)) == seen
