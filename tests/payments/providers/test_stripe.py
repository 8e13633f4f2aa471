"""Stripe Checkout through its official library, against localstripe as a process and signed events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from hypothesis import given, strategies as st
import pytest
import pytest_asyncio

from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.core.money import SMALLEST_COIN, parse_amount
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.providers.stripe_events import NotPayableError, from_stripe, to_stripe
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import PaymentView
from meter_bridge.protocol.requests import PaymentOrder
from scripts.lib.demo.waiting import until
from tests.engine.harness import HOUR, House, house, refusing, zar
from tests.payments.checkout import KEY, SECRET, Checkout, checkout, event, signed
from tests.payments.till import TENANT, write_file

FILE = """
page: https://pay.example.org
providers:
  card:
    kind: stripe
    name: Card
    key: {key}
    secrets: [{secret}, whsec_the_secret_before_it]
    api: {api}
"""


@dataclass
class Shop:
    """A house whose customers pay by card."""

    house: House
    stripe: Checkout

    async def order(self, key: str = "o", amount: str = "50.00") -> PaymentView:
        """Set out to pay."""
        asked = PaymentOrder(provider="card", amount=amount)
        view, _ = await self.house.app.payments.start_payment(TENANT, "flat-1", asked, key=key)
        return view

    async def hear(
        self, kind: str, thing: dict[str, Any], number: str = "evt_1", secret: str = SECRET
    ) -> int:
        """Send a signed event."""
        body = event(kind, thing, number)
        header = signed(body, self.house.engine.session.clock.now() // 1000, secret)
        heard = await self.house.app.payments.hear("card", header, body)
        await self.house.settle()
        return heard.events

    async def state(self, order: PaymentView) -> str:
        """Return the state of an order."""
        return (await self.house.app.payments.payment(TENANT, "flat-1", order.id)).state.value


async def paid(shop: Shop, order: PaymentView) -> bool | None:
    return await shop.state(order) == "paid" or None


async def asked_for(shop: Shop) -> bool | None:
    return "retrieve" in shop.stripe.asked or None


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with checkout(tmp_path) as stripe:
        data = tmp_path / "house"
        data.mkdir()
        write_file(data, FILE.format(key=KEY, secret=SECRET, api=stripe.url))
        async with house(data) as opened:
            yield Shop(opened, stripe)


async def test_an_order_becomes_one_session_with_amount_and_currency_of_the_order(shop: Shop) -> None:
    order = await shop.order()
    again = await shop.order()
    assert order.url == again.url == f"{shop.stripe.url}/pay/cs_test_1"
    (session,) = shop.stripe.sessions.values()
    assert (session["amount_total"], session["currency"]) == (5000, "zar")
    assert session["client_reference_id"] == order.id
    assert session["success_url"] == f"https://pay.example.org/my/paid#{order.id}"


async def test_a_payment_that_localstripe_makes_and_signs_is_credited_once(
    shop: Shop, tmp_path: Path
) -> None:
    order = await shop.order()
    shop.house.time.wall = wall_ms()
    shop.house.engine.session.clock.confirm()
    server = ApiServer(shop.house.app, ListenSettings(host="127.0.0.1", port=0))
    await server.start()
    await shop.stripe.listen(f"{server.url}/api/v1/payment-events/card")
    session = await shop.stripe.pay("cs_test_1")
    await until("it is paid", lambda: paid(shop, order), 20.0)
    await server.stop()
    await shop.hear("checkout.session.completed", session)
    assert shop.house.rows("SELECT count(*) FROM payment_booking") == [(1,)]
    assert await shop.state(order) == "paid"
    booked = shop.house.events("top_up")[-1]
    assert (booked["method"], booked["reference"]) == ("Card", session["payment_intent"])


async def test_refunds_and_disputes_are_taken_back_and_given_back(shop: Shop) -> None:
    order = await shop.order()
    session = await shop.stripe.pay("cs_test_1")
    await shop.hear("checkout.session.completed", session)
    assert shop.house.available == zar("150.00")
    refund = await shop.stripe.ask_stripe("refunds", payment_intent=session["payment_intent"], amount="2000")
    await shop.hear("refund.created", refund, "evt_2")
    await shop.hear("refund.updated", refund, "evt_3")
    assert shop.house.available == zar("130.00")
    await shop.hear("refund.failed", refund | {"status": "failed"}, "evt_4")
    assert shop.house.available == zar("150.00")
    dispute = {"id": "dp_1", "amount": 5000, "currency": "zar", "payment_intent": session["payment_intent"]}
    await shop.hear("charge.dispute.funds_withdrawn", dispute, "evt_5")
    assert await shop.state(order) == "charged_back"
    await shop.hear("charge.dispute.funds_reinstated", dispute, "evt_6")
    assert shop.house.available == zar("150.00")
    assert shop.house.problems() == []


async def test_an_event_before_the_session_answers_or_after_it_expired_is_credited(shop: Shop) -> None:
    order = await shop.order()
    session = shop.stripe.sessions["cs_test_1"]
    await shop.hear("checkout.session.expired", session, "evt_1")
    assert await shop.state(order) == "expired"
    paid = session | {"payment_status": "paid", "payment_intent": "pi_1"}
    await shop.hear("checkout.session.async_payment_succeeded", paid, "evt_2")
    assert await shop.state(order) == "paid"


async def test_what_is_not_ours_on_the_same_account_does_not_matter(shop: Shop) -> None:
    await shop.order()
    foreign = {"id": "pi_9", "amount": 100, "amount_received": 100, "currency": "zar", "metadata": {}}
    assert await shop.hear("payment_intent.succeeded", foreign) == 0
    assert await shop.hear("customer.created", {"id": "cus_1"}, "evt_2") == 0
    dispute = {"id": "dp_1", "amount": 5000, "currency": "zar", "payment_intent": "pi_9"}
    await shop.hear("charge.dispute.funds_withdrawn", dispute, "evt_3")
    assert shop.house.available == zar("100.00")


async def test_another_amount_than_ordered_waits(shop: Shop) -> None:
    order = await shop.order()
    intent = {"id": "pi_1", "amount": 100, "amount_received": 100, "currency": "zar"}
    await shop.hear("payment_intent.succeeded", intent | {"metadata": {"prepaid_order": order.id}})
    assert await shop.state(order) == "review"
    assert shop.house.available == zar("100.00")


async def test_where_no_webhook_comes_the_provider_is_asked(shop: Shop) -> None:
    order = await shop.order()
    shop.house.time.forward(1_000)
    await shop.state(order)
    assert "retrieve" not in shop.stripe.asked
    await shop.stripe.pay("cs_test_1")
    shop.house.time.forward(14_000)
    await shop.house.app.payments.tick()
    await shop.house.settle()
    assert shop.house.available == zar("150.00")
    shop.house.time.forward(HOUR)
    await shop.house.app.payments.tick()
    assert shop.stripe.asked.count("retrieve") == 1


@pytest.mark.invariant(13)
@pytest.mark.parametrize("table", ["payment_event", "payment_booking"])
async def test_what_a_provider_was_asked_and_cannot_be_stored_is_asked_again_and_credited_once(
    shop: Shop, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    orders = [await shop.order(), await shop.order("another")]
    await shop.stripe.pay("cs_test_1")
    await shop.stripe.pay("cs_test_2")
    shop.house.time.forward(15_000)
    with refusing(shop.house, "INSERT", table):
        await shop.house.app.payments.tick()
        shop.house.time.forward(3_000)
        assert await shop.state(orders[1]) == "open"
    assert shop.stripe.asked.count("retrieve") == 1
    ours = [each for each in caplog.records if each.name.startswith("meter_bridge.payments")]
    assert [each.exc_info for each in ours] == [None]
    assert orders[0].id in ours[0].message
    assert shop.house.rows("SELECT count(*) FROM payment_booking") == [(0,)]
    assert await shop.house.engine.try_recover()
    shop.house.time.forward(15_000)
    await shop.house.app.payments.tick()
    await shop.house.settle()
    assert shop.house.available == zar("200.00")
    assert [await shop.state(each) for each in orders] == ["paid", "paid"]
    assert shop.house.problems() == []


async def test_an_order_whose_answer_could_not_be_stored_does_not_wait_for_the_next_of_its_long_pauses(
    shop: Shop,
) -> None:
    order = await shop.order()
    for _ in range(10):
        shop.house.time.forward(HOUR)
        await shop.house.app.payments.tick()
    await shop.stripe.pay("cs_test_1")
    shop.house.time.forward(HOUR)
    with refusing(shop.house, "INSERT", "payment_event"):
        await shop.house.app.payments.tick()
    assert await shop.house.engine.try_recover()
    shop.house.time.forward(15_000)
    await shop.house.app.payments.tick()
    await shop.house.settle()
    assert shop.house.available == zar("150.00")
    assert await shop.state(order) == "paid"


async def test_a_customer_who_looks_sees_the_order_as_it_stands_while_nothing_can_be_stored(
    shop: Shop,
) -> None:
    order = await shop.order()
    await shop.stripe.pay("cs_test_1")
    with refusing(shop.house, "INSERT", "payment_event"):
        for _ in range(2):
            shop.house.time.forward(3_000)
            assert await shop.state(order) == "open"
    assert shop.stripe.asked.count("retrieve") == 1
    assert await shop.house.engine.try_recover()
    shop.house.time.forward(3_000)
    assert await shop.state(order) == "paid"


async def test_an_order_that_a_customer_saw_paid_while_another_was_asked_for_is_followed_no_more(
    shop: Shop,
) -> None:
    orders = [await shop.order(), await shop.order("another")]
    session = await shop.stripe.pay("cs_test_2")
    await shop.hear("checkout.session.completed", session)
    shop.house.time.forward(15_000)
    shop.stripe.answering.clear()
    asking = asyncio.create_task(shop.house.app.payments.tick())
    await until("the first is asked for", lambda: asked_for(shop), 20.0)
    assert await shop.state(orders[1]) == "paid"
    shop.stripe.answering.set()
    await asking
    assert await shop.state(orders[0]) == "open"
    assert shop.stripe.asked.count("retrieve") == 1


async def test_an_answer_that_makes_no_sense_is_no_matter_of_storage(shop: Shop) -> None:
    order = await shop.order()
    session = await shop.stripe.pay("cs_test_1")
    session["payment_intent"] = "p" * 201
    shop.house.time.forward(15_000)
    with pytest.raises(RequestRefused) as refused:
        await shop.house.app.payments.tick()
    assert refused.value.code is ErrorCode.BAD_REQUEST
    assert await shop.state(order) == "open"


async def test_a_customer_who_comes_back_before_the_webhook_is_answered_at_once(shop: Shop) -> None:
    order = await shop.order()
    await shop.stripe.pay("cs_test_1")
    shop.house.time.forward(3_000)
    assert await shop.state(order) == "paid"
    session = shop.stripe.sessions["cs_test_1"]
    await shop.hear("checkout.session.completed", session)
    assert shop.house.available == zar("150.00")


async def test_a_provider_that_is_down_is_told_and_the_same_key_starts_it_later(shop: Shop) -> None:
    shop.stripe.down = True
    with pytest.raises(RequestRefused) as refused:
        await shop.order()
    assert refused.value.code is ErrorCode.PROVIDER_UNAVAILABLE
    shop.stripe.down = False
    order = await shop.order()
    assert order.url is not None
    assert shop.house.rows("SELECT count(*) FROM payment_order") == [(1,)]
    shop.stripe.down = True
    shop.house.time.forward(60_000)
    assert await shop.state(order) == "open"
    await shop.house.app.payments.tick()


@pytest.mark.parametrize("skew", [-301, 301])
async def test_a_signature_that_is_old_or_of_the_future_is_refused(shop: Shop, skew: int) -> None:
    body = event("checkout.session.completed", {})
    header = signed(body, shop.house.engine.session.clock.now() // 1000 + skew)
    with pytest.raises(RequestRefused, match="301 s"):
        await shop.house.app.payments.hear("card", header, body)


async def test_a_signature_of_another_secret_is_refused_and_of_the_one_before_accepted(shop: Shop) -> None:
    order = await shop.order()
    session = await shop.stripe.pay("cs_test_1")
    with pytest.raises(RequestRefused) as refused:
        await shop.hear("checkout.session.completed", session, secret="whsec_of_somebody_else")
    assert refused.value.code is ErrorCode.NOT_AUTHENTICATED
    await shop.hear("checkout.session.completed", session, secret="whsec_the_secret_before_it")
    assert await shop.state(order) == "paid"


@pytest.mark.parametrize("thing", [{}, {"metadata": {"prepaid_order": "x"}}, {"metadata": None}])
async def test_a_signed_event_that_lacks_something_is_refused_or_ignored(
    shop: Shop, thing: dict[str, Any]
) -> None:
    if (thing.get("metadata") or {}).get("prepaid_order"):
        with pytest.raises(RequestRefused, match="lacks"):
            await shop.hear("checkout.session.completed", thing)
    else:
        assert await shop.hear("checkout.session.completed", thing) == 0
    body = json.dumps([1]).encode()
    with pytest.raises(RequestRefused, match="no event"):
        await shop.house.app.payments.hear(
            "card", signed(body, shop.house.engine.session.clock.now() // 1000), body
        )


@pytest.mark.parametrize(
    "currency,amount,written",
    [
        ("ZAR", "50.00", 5000),
        ("JPY", "500", 500),
        ("UGX", "500", 50_000),
        ("KWD", "1.230", 1230),
        ("MGA", "5.00", 5),
    ],
)
def test_amounts_are_written_as_stripe_wants_them(currency: str, amount: str, written: int) -> None:
    steps = parse_amount(amount, currency)
    assert to_stripe(steps, currency) == written
    assert from_stripe(written, currency) == steps


@pytest.mark.parametrize("currency,amount", [("KWD", "1.236"), ("MGA", "5.01"), ("ZAR", "0.001")])
def test_an_amount_that_stripe_would_round_is_refused(currency: str, amount: str) -> None:
    with pytest.raises(NotPayableError):
        to_stripe(parse_amount(amount, currency), currency)


@given(st.integers(1, 10**9), st.sampled_from(["ZAR", "EUR", "KES", "JPY", "XOF", "UGX"]))
def test_whole_coins_go_to_stripe_and_back(coins: int, currency: str) -> None:
    steps = coins * SMALLEST_COIN
    assert from_stripe(to_stripe(steps, currency), currency) == steps
