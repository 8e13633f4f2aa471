"""A payment is credited once and as its order says, whatever its provider repeats, reorders or retracts."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
import json
from pathlib import Path
from typing import Literal

from msgspec.structs import replace
import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError, OperationalError

from meter_bridge.actor import Actor
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import ProviderEvent, ProviderEventKind, next_step
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.payments.providers.signature import HEADER, sign
from meter_bridge.protocol.messages import ErrorCode, Event, Role
from meter_bridge.protocol.payments import PaymentView
from meter_bridge.protocol.requests import MoveIn, MoveOut, PaymentDecision, Reversal
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import (
    HOUR,
    LANDLORD,
    NOON,
    SITE,
    VirtualTime,
    apply,
    disk_full,
    opened,
    operate,
    refusing,
    zar,
)
from tests.payments.till import SECRET, TENANT, Till, till

TWO = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
type Decision = Literal["credit", "dismiss"]
NO_ORDER_WAITS = AlertKey(AlertKind.PAYMENT_WAITING)
WAITS = AlertKey(AlertKind.PAYMENT_WAITING, detail="house")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Till]:
    async with till(tmp_path, TWO) as open_till:
        yield open_till


async def refused(awaitable: object) -> RequestRefused:
    with pytest.raises(RequestRefused) as error:
        await awaitable  # type: ignore[misc]
    return error.value


async def test_an_order_says_where_and_how_to_pay_and_credits_nothing(shop: Till) -> None:
    order = await shop.order()
    assert order.state == "open"
    assert order.url is not None
    assert order.url.startswith(f"https://till.example.org/?o={order.id}&a=50.00&c=ZAR&r={order.reference}")
    assert order.instructions == f"Pay ZAR 50.00 to till 4711, reference {order.reference}"
    assert shop.house.available == zar("100.00")


async def test_a_payment_becomes_credit_and_names_the_provider_s_id(shop: Till) -> None:
    order = await shop.order()
    assert await shop.pay(order) == 1
    assert shop.house.available == zar("150.00")
    booked = shop.house.events("top_up")[-1]
    assert (booked["method"], booked["reference"]) == ("Mobile money", "p1")
    assert await shop.state(order) == "paid"
    assert shop.house.problems() == []


@pytest.mark.invariant(4)
async def test_a_payment_counts_once_however_often_and_under_how_many_events_it_is_told(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order, event="same")
    assert await shop.pay(order, event="same") == 0
    await asyncio.gather(*(shop.pay(order) for _ in range(5)))
    assert shop.house.available == zar("150.00")
    assert await shop.state(order) == "paid"


@pytest.mark.invariant(4)
async def test_every_order_in_which_a_provider_may_tell_ends_at_the_same_balance(shop: Till) -> None:
    for number, orders in enumerate(permutations(("paid", "failed", "refund", "again"))):
        before, order = shop.house.available, await shop.order(key=f"o{number}")
        payment = f"p{number}"
        for each in orders:
            if each == "failed":
                await shop.tell("failed", order=order.id)
            elif each == "refund":
                said = {"payment": payment, "reversal": f"r{number}", "amount": "20.00", "currency": "ZAR"}
                await shop.tell("refunded", **said)
            else:
                await shop.pay(order, payment, event=f"{each}{number}")
        assert shop.house.available == before + zar("30.00"), orders
        assert await shop.state(order) == "partly_refunded"
        shop.house.time.forward(HOUR)
    assert shop.house.problems() == []


async def test_a_late_failure_never_undoes_a_success(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order)
    for kind in ("failed", "expired", "cancelled", "pending"):
        await shop.tell(kind, order=order.id)
    assert await shop.state(order) == "paid"
    assert shop.house.available == zar("150.00")


async def test_a_success_after_a_failure_is_credited(shop: Till) -> None:
    order = await shop.order()
    await shop.tell("failed", order=order.id)
    assert await shop.state(order) == "failed"
    await shop.pay(order)
    assert await shop.state(order) == "paid"


async def test_a_double_click_is_one_order_and_the_back_button_another(shop: Till) -> None:
    one, other = await asyncio.gather(shop.order(key="click"), shop.order(key="click"))
    assert one == other
    again = await shop.order(key="after going back")
    assert again.id != one.id
    await shop.pay(one, "p1")
    await shop.pay(again, "p2")
    assert shop.house.available == zar("200.00")


async def test_a_key_stands_for_one_amount(shop: Till) -> None:
    await shop.order()
    error = await refused(shop.order("60.00"))
    assert error.code is ErrorCode.IDEMPOTENCY_CONFLICT


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "more,reason",
    [
        ({"amount": "49.99"}, "wrong_amount"),
        ({"amount": "500.00"}, "wrong_amount"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"order": "pay-none"}, "unknown_order"),
    ],
)
async def test_what_was_paid_otherwise_than_ordered_credits_nothing_and_waits_for_a_person(
    shop: Till, more: dict[str, object], reason: str
) -> None:
    order = await shop.order()
    await shop.pay(order, **more)
    assert shop.house.available == zar("100.00")
    (one,) = (await shop.house.app.payments.review.waiting(LANDLORD)).waiting
    assert (one.reason, one.payment) == (reason, "p1")
    await shop.house.app.payments.tick()
    alerts = shop.house.engine.session.installation.alerts
    assert (NO_ORDER_WAITS if reason == "unknown_order" else WAITS) in alerts
    assert await shop.state(order) == ("open" if reason == "unknown_order" else "review")


@pytest.mark.parametrize("account,credited", [(None, "flat-1"), ("flat-2", "flat-2")])
async def test_a_person_credits_what_was_paid_where_it_belongs(
    shop: Till, account: str | None, credited: str
) -> None:
    order = await shop.order()
    await shop.pay(order, amount="40.00")
    payments = shop.house.app.payments
    await payments.tick()
    assert WAITS in shop.house.engine.session.installation.alerts
    asked = PaymentDecision("till", "p1", "credit", "typed 40", account)
    decided = await payments.review.decide(LANDLORD, asked)
    assert decided.top_up is not None
    rows = shop.house.rows(f"SELECT account_id FROM journal_entry WHERE id = '{decided.top_up}'")
    assert rows == [(credited,)]
    assert WAITS not in shop.house.engine.session.installation.alerts
    assert await payments.review.decide(LANDLORD, asked) == decided
    for other in (
        replace(asked, reason="another"),
        replace(asked, decision="dismiss"),
        replace(asked, account="none"),
    ):
        assert (await refused(payments.review.decide(LANDLORD, other))).code is ErrorCode.NOT_FOUND
    await shop.tell("refunded", payment="p1", reversal="r1", amount="40.00", currency="ZAR")
    assert shop.house.app.accounts.view(LANDLORD, credited).balance in (zar("100.00"), 0)


async def test_a_person_dismisses_what_was_returned(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order, amount="40.00")
    payments = shop.house.app.payments
    await payments.review.decide(LANDLORD, PaymentDecision("till", "p1", "dismiss", "returned"))
    assert (await payments.review.waiting(LANDLORD)).waiting == ()
    assert shop.house.available == zar("100.00")
    assert shop.house.events("payment_decided")[-1]["reason"] == "returned"
    await shop.pay(order, "p2")
    assert shop.house.available == zar("150.00")


@pytest.mark.both_databases
@pytest.mark.parametrize("decision", ["credit", "dismiss"])
async def test_a_decision_is_booked_and_on_record_or_neither(shop: Till, decision: Decision) -> None:
    order = await shop.order()
    await shop.pay(order, amount="40.00")
    review, asked = shop.house.app.payments.review, PaymentDecision("till", "p1", decision, "typed 40")
    with refusing(shop.house, "INSERT", "event", when="NEW.kind = 'payment_decided'"):
        assert (await refused(review.decide(LANDLORD, asked))).code is ErrorCode.STORAGE_UNAVAILABLE
    assert await shop.house.engine.try_recover()
    assert shop.house.available == zar("100.00")
    assert [each.payment for each in (await review.waiting(LANDLORD)).waiting] == ["p1"]
    first = await review.decide(LANDLORD, asked)
    assert await review.decide(LANDLORD, asked) == first
    assert shop.house.available == zar("140.00" if decision == "credit" else "100.00")
    assert len(shop.house.events("payment_decided")) == 1
    assert shop.house.problems() == []


async def test_a_decision_that_was_booked_is_answered_although_nothing_can_be_read_after_it(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.pay(await shop.order(), amount="40.00")
    events = shop.house.app.payments.orders.event_handler
    await events.settle_unsettled()

    async def unreachable() -> None:
        raise OperationalError("SELECT", {}, Exception("the server is away"))

    monkeypatch.setattr(events, "_check_other_shards", unreachable)
    asked = PaymentDecision("till", "p1", "credit", "typed 40")
    decided = await shop.house.app.payments.review.decide(LANDLORD, asked)
    assert decided.top_up is not None
    assert WAITS in shop.house.engine.session.installation.alerts
    monkeypatch.undo()
    await events.settle_unsettled()
    assert WAITS not in shop.house.engine.session.installation.alerts


async def test_a_second_payment_of_one_order_is_not_lost_and_not_credited_unasked(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order, "p1")
    await shop.pay(order, "p2")
    assert shop.house.available == zar("150.00")
    (one,) = (await shop.house.app.payments.review.waiting(LANDLORD)).waiting
    assert (one.payment, one.reason) == ("p2", "second_payment")


async def test_what_is_paid_for_a_customer_who_moved_out_waits(shop: Till) -> None:
    order = await shop.order()
    await operate(shop.house, MoveOut(remainder="refund", reason="gone"))
    await shop.pay(order)
    assert shop.house.account.balance == 0
    (one,) = (await shop.house.app.payments.review.waiting(LANDLORD)).waiting
    assert one.reason == "closed_account"
    with pytest.raises(RequestRefused):
        await shop.order(key="new", actor=LANDLORD)


@pytest.mark.invariant(15)
async def test_a_step_that_was_decided_before_a_customer_moved_out_is_not_booked_after(shop: Till) -> None:
    """Credit of the one before would else be the next customer's, and a refund taken from them."""
    order, late = await shop.order(), await shop.order(key="late")
    await shop.pay(order)
    cashier = shop.house.app.payments.orders
    stepping, decided = cashier.booking_steps, []
    for told in (
        ProviderEvent(
            event_id="e-r1",
            kind=ProviderEventKind.REFUNDED,
            order_id=order.id,
            payment_id="p1",
            reversal_id="r1",
            amount=zar("20.00"),
            currency="ZAR",
        ),
        ProviderEvent(
            event_id="e-p2",
            kind=ProviderEventKind.SUCCEEDED,
            order_id=late.id,
            payment_id="p2",
            amount=zar("50.00"),
            currency="ZAR",
        ),
    ):
        await cashier.event_handler.save("till", told, None)
        subject = Subject("till", told.order_id, told.payment_id)
        case = await stepping.read_case(subject)
        step = next_step(case)
        assert step is not None
        decided.append((subject, case, step))
    await operate(shop.house, MoveOut(remainder="refund", reason="gone"))
    await operate(shop.house, MoveIn(customer="Next"))
    for subject, case, step in decided:
        assert (await refused(stepping.book(subject, case, step))).code is ErrorCode.CONFLICT
    assert shop.house.account.balance == 0
    await cashier.event_handler.settle_unsettled(after_decision=True)
    waiting = (await shop.house.app.payments.review.waiting(LANDLORD)).waiting
    assert [each.reason for each in waiting] == ["closed_account", "closed_account"]


@pytest.mark.invariant(15)
async def test_an_order_that_waited_is_not_made_once_its_customer_moved_out(shop: Till) -> None:
    """Also where the state was read anew meanwhile: the account is looked up again."""
    opening = shop.house.app.payments.orders._locks
    async with opening.setdefault(("flat-1", "o"), asyncio.Lock()):
        ordered = asyncio.create_task(shop.order(actor=LANDLORD))
        await asyncio.sleep(0)
        shop.house.engine.session.reload()
        await operate(shop.house, MoveOut(remainder="refund", reason="gone"))
        await operate(shop.house, MoveIn(customer="Next"))
    assert (await refused(ordered)).code is ErrorCode.CONFLICT
    assert shop.house.rows("SELECT count(*) FROM payment_order") == [(0,)]


async def test_what_is_paid_for_a_unit_that_is_gone_waits(shop: Till) -> None:
    order = await shop.order(actor=LANDLORD, account="flat-2")
    await apply(shop.house, SITE)
    await shop.pay(order)
    (one,) = (await shop.house.app.payments.review.waiting(LANDLORD)).waiting
    assert one.reason == "closed_account"
    await shop.house.app.payments.review.decide(
        LANDLORD, PaymentDecision("till", "p1", "credit", "moved to flat 1", "flat-1")
    )
    assert shop.house.available == zar("150.00")


async def test_what_was_paid_is_credited_also_above_the_limits_of_the_account(tmp_path: Path) -> None:
    limited = SITE.replace("low credit: [5.00]", "low credit: [5.00]\n        maximum balance: 160.00")
    async with till(tmp_path, limited) as shop:
        orders = [await shop.order(key=f"o{n}") for n in range(2)]
        assert (await refused(shop.order("60.01", "more"))).code is ErrorCode.AMOUNT_OUT_OF_RANGE
        for number, order in enumerate(orders):
            await shop.pay(order, f"p{number}")
        assert shop.house.available == zar("200.00")


async def test_charge_backs_and_refunds_are_entries_of_their_own_that_name_the_top_up(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order)
    await shop.tell("charged_back", payment="p1", reversal="cb", amount="50.00", currency="ZAR")
    assert shop.house.available == zar("100.00")
    assert await shop.state(order) == "charged_back"
    await shop.tell("reinstated", payment="p1", reversal="cb")
    assert shop.house.available == zar("150.00")
    assert await shop.state(order) == "paid"
    await shop.tell("refunded", payment="p1", reversal="r1", amount="10.00", currency="ZAR")
    assert shop.house.available == zar("140.00")
    assert shop.entries() == [
        ("top_up", "Top-up, Mobile money"),
        ("reversal", "Reversal: Top-up, Mobile money"),
        ("top_up", "Top-up, Charge-back undone, Mobile money"),
        ("refund", "Refund, Mobile money"),
    ]
    assert shop.house.problems() == []


async def test_a_refund_that_is_undone_gives_nothing_back_while_another_stands_for_all(
    shop: Till,
) -> None:
    order = await shop.order()
    await shop.pay(order)
    await shop.tell("refunded", payment="p1", reversal="r1", amount="20.00", currency="ZAR")
    await shop.tell("charged_back", payment="p1", reversal="cb", amount="50.00", currency="ZAR")
    assert await shop.tell("reinstated", payment="p1", reversal="r1") == 1
    assert shop.house.available == zar("100.00")
    assert await shop.state(order) == "charged_back"
    await shop.tell("reinstated", payment="p1", reversal="cb")
    assert shop.house.available == zar("150.00")
    assert await shop.state(order) == "paid"
    assert shop.house.problems() == []


async def test_a_message_is_taken_while_event_time_is_ahead_of_a_clock_that_was_set_back(shop: Till) -> None:
    order = await shop.order()
    clock = shop.house.engine.session.clock
    shop.house.time.wall -= HOUR
    await shop.house.app.status.confirm_clock(LANDLORD)
    assert clock.now() - clock.believed_wall() == HOUR
    paid = {"id": "e", "type": "succeeded", "payment": "p", "amount": "50.00", "currency": "ZAR"}
    body = json.dumps(paid | {"order": order.id}).encode()
    signed = {HEADER: sign(SECRET, body, shop.house.time.wall // 1000)}
    await shop.house.app.payments.hear("till", signed, body)
    assert shop.house.available == zar("150.00")


async def test_a_refund_that_the_landlord_had_booked_by_hand_is_not_booked_again(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order)
    top_up = (await shop.house.app.payments.payment(TENANT, "flat-1", order.id)).top_up
    assert top_up is not None
    await operate(shop.house, Reversal(entry=top_up, reason="refunded"))
    await shop.tell("refunded", payment="p1", reversal="r1", amount="50.00", currency="ZAR")
    assert shop.house.available == zar("100.00")
    assert await shop.state(order) == "refunded"


async def test_a_top_up_that_its_provider_took_back_cannot_be_reversed_once_more(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order)
    await shop.tell("refunded", payment="p1", reversal="r1", amount="10.00", currency="ZAR")
    top_up = (await shop.house.app.payments.payment(TENANT, "flat-1", order.id)).top_up
    error = await refused(operate(shop.house, Reversal(entry=top_up or "", reason="twice")))
    assert error.code is ErrorCode.ALREADY_REVERSED


async def test_a_message_that_is_not_signed_by_a_known_secret_books_nothing(shop: Till) -> None:
    order = await shop.order()
    error = await refused(shop.pay(order, secret="somebody's own secret"))
    assert error.code is ErrorCode.NOT_AUTHENTICATED
    assert shop.house.rows("SELECT count(*) FROM payment_event WHERE kind != 'started'") == [(0,)]
    await shop.pay(order, secret="the one before it")
    assert await shop.state(order) == "paid"


@pytest.mark.parametrize(
    "more,said",
    [
        ({"amount": "fifty"}, "decimal"),
        ({"amount": "50.001"}, "decimal places"),
        ({"amount": "-50.00"}, "above zero"),
        ({"amount": "0.00"}, "above zero"),
        ({"amount": None}, "needs amount"),
        ({"currency": None}, "needs currency"),
        ({"payment": None}, "needs payment"),
        ({"payment": "x" * 201}, "payment"),
        ({"order": 7}, "order"),
    ],
)
async def test_a_signed_message_that_makes_no_sense_is_refused_with_the_place(
    shop: Till, more: dict[str, object], said: str
) -> None:
    order = await shop.order()
    said_of_it = {"amount": "50.00", "currency": "ZAR", "order": order.id, "payment": "p1"} | more
    error = await refused(shop.tell("succeeded", **said_of_it))  # type: ignore[arg-type]
    assert error.code is ErrorCode.BAD_REQUEST
    assert said in error.message


@pytest.mark.parametrize("kind", ["refunded", "charged_back"])
async def test_a_refund_written_with_a_sign_credits_nothing(shop: Till, kind: str) -> None:
    order = await shop.order()
    await shop.pay(order)
    before = shop.house.available
    more = {"order": order.id, "payment": "p1", "reversal": "r1", "amount": "-50.00", "currency": "ZAR"}
    assert (await refused(shop.tell(kind, **more))).code is ErrorCode.BAD_REQUEST
    assert shop.house.available == before


async def test_an_event_is_kept_for_ever_and_says_one_thing(shop: Till) -> None:
    order = await shop.order()
    await shop.pay(order, event="e")
    error = await refused(shop.pay(order, "p2", event="e"))
    assert error.code is ErrorCode.IDEMPOTENCY_CONFLICT
    for table in ("payment_order", "payment_event", "payment_booking"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET amount = 1"):
            with pytest.raises(IntegrityError):
                shop.house.change(statement)


@pytest.mark.invariant(8)
async def test_what_was_heard_and_not_booked_before_a_stop_is_booked_after_it(tmp_path: Path) -> None:
    async with till(tmp_path) as shop:
        order = await shop.order()
        shop.house.app.payments.orders.event_handler._settle = _nothing  # type: ignore[assignment, method-assign]
        await shop.pay(order)
        assert shop.house.available == zar("100.00")
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as again:
        await again.app.payments.tick()
        await again.settle()
        assert again.available == zar("150.00")


async def test_what_could_not_be_settled_is_tried_again_even_where_a_look_at_it_failed(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await shop.order()
    payments = shop.house.app.payments
    for failing, error in ((_unready, RequestRefused), (_broken, OSError)):
        with monkeypatch.context() as patch:
            patch.setattr(payments.orders.event_handler, "_settle", failing)
            with pytest.raises(error):
                await (
                    shop.pay(order)
                    if failing is _unready
                    else payments.orders.event_handler.settle_unsettled()
                )
    assert shop.house.available == zar("100.00")
    await payments.orders.event_handler.settle_unsettled()
    assert shop.house.available == zar("150.00")


async def _unready(_subject: object) -> bool:
    """Stand for storage that takes nothing for now."""
    raise RequestRefused(ErrorCode.STORAGE_UNAVAILABLE, "not now")


async def _broken(_subject: object) -> bool:
    """Stand for a database that cannot be read."""
    raise OSError


async def _nothing(_subject: object) -> None:
    """Stand for a bridge that ends here."""


async def many(shop: Till, order: PaymentView) -> None:
    """Tell of an order until one event is not stored."""
    for number in range(2000):
        await shop.tell("pending", event=f"x{number}", order=order.id)


@pytest.mark.invariant(13)
@pytest.mark.sqlite("pages that SQLite may not have; a server's disk is not the bridge's")
async def test_with_a_full_disk_no_payment_is_acknowledged_and_the_repeat_is_credited(shop: Till) -> None:
    order = await shop.order()
    with disk_full(shop.house):
        with pytest.raises(RequestRefused) as full:
            await many(shop, order)
        assert full.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert (await refused(shop.pay(order, event="paid"))).code is ErrorCode.STORAGE_UNAVAILABLE
    assert await shop.house.engine.try_recover()
    assert await shop.pay(order, event="paid") == 1
    assert shop.house.available == zar("150.00")


@pytest.mark.both_databases
@pytest.mark.invariant(15)
async def test_a_tenant_pays_for_and_sees_the_own_account_and_tenancy_alone(shop: Till) -> None:
    mine = await shop.order()
    theirs = await shop.order(actor=LANDLORD, account="flat-2")
    payments = shop.house.app.payments
    assert (await refused(shop.order(key="x", account="flat-2"))).code is ErrorCode.NOT_FOUND
    assert (await refused(payments.payment(TENANT, "flat-1", theirs.id))).code is ErrorCode.NOT_FOUND
    assert [each.id for each in (await payments.payments(TENANT, "flat-1")).payments] == [mine.id]
    elsewhere = Actor("other", Role.LANDLORD, frozenset({"elsewhere"}))
    await shop.pay(mine, amount="1.00")
    assert (await payments.review.waiting(elsewhere)).waiting == ()
    asked = PaymentDecision("till", "p1", "dismiss", "x")
    assert (await refused(payments.review.decide(elsewhere, asked))).code is ErrorCode.NOT_FOUND


@pytest.mark.invariant(15)
async def test_a_new_customer_hears_nothing_of_what_was_paid_for_the_one_before(shop: Till) -> None:
    old = await shop.order()
    await operate(shop.house, MoveOut(remainder="refund", reason="gone"))
    await operate(shop.house, MoveIn(customer="Next"))
    await shop.pay(old)
    asked = PaymentDecision("till", "p1", "dismiss", "paid back to the old customer")
    await shop.house.app.payments.review.decide(LANDLORD, asked)
    await shop.pay(await shop.order(key="new"), "p2")
    heard = {}
    for actor in (TENANT, LANDLORD):
        told = [await anext(stream := shop.house.app.feed.stream(actor, since=0))]
        while not (isinstance(told[-1], Event) and told[-1].data.get("reference") == "p2"):
            told.append(await anext(stream))
        heard[actor.name] = str(told)
    for secret in (old.id, "'p1'", "paid back"):
        assert secret not in heard[TENANT.name]
        assert secret in heard[LANDLORD.name]


async def test_orders_that_are_never_paid_are_bounded(shop: Till) -> None:
    for number in range(30):
        await shop.order(key=f"o{number}")
    assert (await refused(shop.order(key="one more"))).code is ErrorCode.TOO_MANY_REQUESTS
    shop.house.time.forward(HOUR + 1)
    await shop.order(key="later")


async def test_the_preview_is_what_the_top_up_then_does_and_changes_nothing(shop: Till) -> None:
    payments = shop.house.app.payments
    before = shop.house.engine.session.installation.sequences.entry
    shown = payments.preview(TENANT, "flat-1", "50.00")
    assert shop.house.engine.session.installation.sequences.entry == before
    booked = await shop.house.top_up("50.00")
    assert shown.split == booked.top_up.split
    assert shown.balance_after == booked.top_up.balance_after


@pytest.mark.parametrize("tariff", ["energy", "units bought"])
async def test_no_amount_is_offered_or_previewed_that_is_refused(tmp_path: Path, tariff: str) -> None:
    limited = SITE.replace("low credit: [5.00]", "maximum balance: 160.00")
    if tariff == "units bought":
        limited = limited.replace("prices:", "sold as: units bought\n            prices:")
    async with till(tmp_path, limited) as shop:
        payments = shop.house.app.payments
        largest = payments.options(TENANT, "flat-1").largest
        assert 0 < largest < zar("160.00")
        await shop.house.top_up(f"{largest // zar('0.01') / 100:.2f}")
        assert payments.options(TENANT, "flat-1").largest == 0
        with pytest.raises(RequestRefused, match="not possible now"):
            payments.preview(TENANT, "flat-1", None)
