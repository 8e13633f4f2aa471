"""Payments that wait for a decision are told to landlords of their site, with count and sum."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest_asyncio

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.notify.people import People, Person
from meter_bridge.notify.rules import notices_for
from meter_bridge.payments.orders.waiting_alert import update_waiting_alerts
from meter_bridge.protocol.messages import Event, EventKind, Role
from meter_bridge.protocol.requests import PaymentDecision
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import LANDLORD, SITE, zar
from tests.payments.till import TENANT, Till, till

OTHER_LANDLORD = Actor("other", Role.LANDLORD, frozenset({"elsewhere"}))
SITE_LANDLORD = Actor("site", Role.LANDLORD, frozenset({"house"}))
CARETAKERS = [Actor("c", Role.CARETAKER, frozenset({site})) for site in (EVERYTHING, "house")]
DECIDES = "'payments credit' books"


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Till]:
    async with till(tmp_path, SITE) as open_till:
        yield open_till


async def told(shop: Till, actor: Actor) -> list[str]:
    """Return what an actor is told of payments that wait, in both of the ways there are."""
    app, kind = shop.house.app, AlertKind.PAYMENT_WAITING
    views = await app.alerts.views(actor, only_open=True, limit=50)
    listed = [each.message for each in views if each.kind == kind]
    streamed = [
        each.message for each in shop.house.engine.snapshots.snapshot(actor).alerts if each.kind == kind
    ]
    assert sorted(listed) == sorted(streamed)
    return sorted(listed)


async def test_landlords_of_the_site_are_told_how_many_wait_of_how_much_and_what_to_do(shop: Till) -> None:
    first, second = await shop.order(key="a"), await shop.order(key="b")
    await shop.pay(first, "p1", amount="40.00")
    await shop.house.app.payments.tick()
    (one,) = await told(shop, LANDLORD)
    assert one.startswith("Test house: 1 payment has been waiting for your decision since ")
    assert "(ZAR 40.00)" in one
    assert DECIDES in one
    await shop.pay(second, "p2", amount="7.00")
    await shop.pay(second, "p3", amount="1.00", currency="USD")
    await shop.house.app.payments.tick()
    (both,) = await told(shop, SITE_LANDLORD)
    assert both.startswith("Test house: 3 payments are waiting for your decision, the oldest since ")
    assert "(USD 1.00, ZAR 47.00)" in both
    for actor in (TENANT, OTHER_LANDLORD, *CARETAKERS):
        assert await told(shop, actor) == []
    assert shop.house.app.status.health().status == "ok"
    for payment in ("p1", "p2", "p3"):
        asked = PaymentDecision("till", payment, "dismiss", "returned")
        await shop.house.app.payments.review.decide(LANDLORD, asked)
    assert await told(shop, LANDLORD) == []
    assert shop.house.available == zar("100.00")


async def test_what_names_no_order_is_told_to_landlords_of_all_sites_alone(shop: Till) -> None:
    await shop.tell("succeeded", payment="p1", order="pay-none", amount="5.00", currency="ZAR")
    await shop.tell("succeeded", payment="p2", order="pay-none", amount="3.00", currency="XXX")
    await shop.house.app.payments.tick()
    (text,) = await told(shop, LANDLORD)
    assert text.startswith("2 payments that name no order are waiting for your decision, the oldest since ")
    for actor in (TENANT, SITE_LANDLORD, *CARETAKERS):
        assert await told(shop, actor) == []


async def test_an_alert_that_outlived_its_payment_closes_at_the_first_look(shop: Till) -> None:
    update_waiting_alerts(shop.house.engine.session, {"house": {"case": "not_booked"}})
    assert len(await told(shop, LANDLORD)) == 1
    await shop.house.app.payments.tick()
    assert await told(shop, LANDLORD) == []


def test_people_of_other_sites_are_not_notified() -> None:
    names = {"a": (), "b": ("house",), "c": ("elsewhere",)}
    staff = {name: Person(name, ("ntfy://x",), sites=frozenset(sites)) for name, sites in names.items()}
    data = {"id": "alert-1", "kind": "payment_waiting", "detail": "house"}
    event = Event(
        seq=1,
        at="2026-12-03T00:00:00Z",
        kind=EventKind.ALERT_OPENED,
        account_id=None,
        meter_id=None,
        data=data | {"facts": {"case": "not_booked"}},
    )
    notices = notices_for(event, None, People(staff=staff), 0, ZoneInfo("UTC"))
    assert [each.recipient for each in notices] == ["a", "b"]
