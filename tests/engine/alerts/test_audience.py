"""Alerts for staff are seen by no tenant: suspicions, faults to repair, decisions to make."""

from dataclasses import replace
from typing import Final

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.access.visibility import CUSTOMER_ALERTS
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.notify.rules import CUSTOMER_TOPICS
from meter_bridge.protocol.messages import Event, Role, Snapshot, Update
from meter_bridge.text.alerts import alert_text
from tests.engine.harness import LANDLORD, House
from tests.engine.stream.test_feed import Message, some
from tests.text.test_alerts import EVERY, FACTS

pytestmark = pytest.mark.both_databases

TENANT: Final = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="t1")
KINDS: Final = dict(reversed(EVERY))
"""Every kind of alert with the first of its cases."""


async def raise_all(flat: House) -> None:
    """Open and acknowledge an alert of every kind."""
    session = flat.engine.session
    tx = session.begin(LANDLORD)
    for kind, case in KINDS.items():
        key = AlertKey(kind, "flat-1", flat.meter.id)
        set_alert(session.installation, flat.account, tx, key, FACTS | {"case": case})
    await session.commit(tx)
    for alert in list(flat.account.alerts.values()):
        await flat.app.alerts.acknowledge(LANDLORD, alert.id)
    await flat.settle()


def kinds_of(heard: list[Message]) -> set[str]:
    """Return the kinds of all alerts that a stream tells, whether as events or with the account."""
    events = {str(each.data["kind"]) for each in heard if isinstance(each, Event) and "alert" in each.kind}
    messages = [each for each in heard if isinstance(each, Snapshot | Update)]
    return events | {str(alert.kind) for each in messages for view in each.accounts for alert in view.alerts}


@pytest.mark.invariant(15)
@pytest.mark.parametrize("actor", [LANDLORD, TENANT], ids=["landlord", "tenant"])
async def test_a_tenant_sees_the_alerts_of_customers_alone_wherever_alerts_are_shown(
    flat: House, actor: Actor
) -> None:
    following = flat.app.feed.stream(actor, since=None)
    await anext(following)
    before = flat.engine.feed.seq
    await raise_all(flat)
    wanted = {str(kind) for kind in (KINDS if actor is LANDLORD else CUSTOMER_ALERTS)}
    assert len(wanted) > 5
    listed = await flat.app.alerts.views(actor, only_open=False, limit=200)
    assert {str(alert.kind) for alert in listed if alert.account_id == "flat-1"} == wanted
    assert {str(alert.kind) for alert in flat.app.accounts.view(actor, "flat-1").alerts} == wanted
    assert {str(each.kind) for view in flat.app.accounts.views(actor) for each in view.alerts} == wanted
    assert kinds_of(await some(following)) == wanted
    assert kinds_of(await some(flat.app.feed.stream(actor, since=before))) == wanted


async def test_an_alert_is_told_in_the_readers_language_wherever_it_is_shown(flat: House) -> None:
    reader = replace(LANDLORD, language="de")
    await raise_all(flat)
    german = {alert_text(kind, FACTS | {"case": case}, "de") for kind, case in KINDS.items()}
    snapshot = await anext(flat.app.feed.stream(reader, since=None))
    assert isinstance(snapshot, Snapshot)
    listed = await flat.app.alerts.views(reader, only_open=False, limit=200)
    for alerts in (
        [alert for alert in listed if alert.account_id == "flat-1"],
        flat.app.accounts.view(reader, "flat-1").alerts,
        snapshot.accounts[0].alerts,
    ):
        assert german <= {alert.message for alert in alerts}


async def test_a_limit_counts_what_the_tenant_may_see(flat: House) -> None:
    await raise_all(flat)
    listed = await flat.app.alerts.views(TENANT, only_open=True, limit=3)
    assert len(listed) == 3


def test_customers_see_no_alert_that_they_are_not_notified_of_either() -> None:
    assert {str(kind) for kind in CUSTOMER_ALERTS} <= CUSTOMER_TOPICS


async def test_what_acknowledges_an_alert_names_it(flat: House) -> None:
    await raise_all(flat)
    told = flat.events("alert_acknowledged")
    assert {str(data["kind"]) for data in told} == {str(kind) for kind in KINDS}
    assert all({"id", "kind", "facts", "detail", "by"} == data.keys() for data in told)
