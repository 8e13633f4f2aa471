"""Payments where two bridges share the sites: told to whichever, booked once, by the one with the account."""

import asyncio
import json

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from meter_bridge.actor import Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import ProviderEvent, ProviderEventKind
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.payments.providers.signature import HEADER, sign
from meter_bridge.protocol.messages import Role
from meter_bridge.protocol.requests import PaymentDecision
from meter_bridge.storage import tables
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.shards import RANGE, shard_of
from tests.cluster.test_router import Body, Pair, divided, pair
from tests.engine.test_shards import street
from tests.payments.till import SECRET

__all__ = ("divided", "pair")


async def send(pair: Pair, which: int, path: str, body: Body, **headers: str) -> tuple[int, Body]:
    """Post to a worker as a landlord; return status and body."""
    sent = {"Authorization": f"Bearer {pair.tokens['all']}", **headers}
    async with pair.session.post(pair.urls[which] + path, json=body, headers=sent) as answer:
        return answer.status, await answer.json()


async def order(pair: Pair, which: int, account: str, key: str = "o") -> str:
    """Set out to pay 50 rand at a worker; return the order."""
    asked = {"provider": "till", "amount": "50.00"}
    path = f"/api/v1/accounts/{account}/payments"
    status, body = await send(pair, which, path, asked, **{"Idempotency-Key": key})
    assert status in {200, 201}, body
    return str(body["id"])


async def tell(pair: Pair, which: int, event: str, kind: str, *, secret: str = SECRET, **said: str) -> Body:
    """Send a signed message to a worker, as a provider does; return the answer with its status."""
    body = json.dumps({"id": event, "type": kind, "currency": "ZAR", "amount": "50.00", **said}).encode()
    header = {HEADER: sign(secret, body, pair.owners[which].engine.session.clock.now() // 1000)}
    async with pair.session.post(
        pair.urls[which] + "/api/v1/payment-events/till", data=body, headers=header
    ) as answer:
        return {"status": answer.status, **await answer.json()}


async def waiting(pair: Pair, which: int) -> list[str]:
    """Return the payments that wait for a person, as a worker tells."""
    _, body = await pair.get(which, "/api/v1/payments/waiting")
    return [each["payment"] for each in body["waiting"]]


async def decide(pair: Pair, which: int, payment: str, decision: str, account: str | None = None) -> int:
    """Decide on a payment at a worker; return the status."""
    asked = {"provider": "till", "payment": payment, "decision": decision, "reason": "asked"}
    named = {} if account is None else {"account": account}
    return (await send(pair, which, "/api/v1/payments/decide", asked | named))[0]


def booked(pair: Pair, account: str) -> list[tuple[str, int]]:
    """Return each step that was booked for an account, with the shard that wrote its entry."""
    booking, entry = tables.payment_booking, tables.journal_entry
    query = (
        select(booking.c.step, entry.c.seq)
        .join(entry, entry.c.id == booking.c.entry_id)
        .where(booking.c.account_id == account)
        .order_by(entry.c.seq)
    )
    with pair.owners[0].engine.session.reader.connect() as connection:
        return [(step, shard_of(seq)) for step, seq in connection.execute(query)]


@pytest.mark.invariant(4)
@pytest.mark.parametrize("account, shard", [("n1", 0), ("s1", 1)])
async def test_a_payment_told_to_both_workers_again_and_again_is_credited_once(
    pair: Pair, account: str, shard: int
) -> None:
    paid = {"order": await order(pair, 1 - shard, account), "payment": "p1"}
    answers = await asyncio.gather(*(tell(pair, n % 2, "e1", "succeeded", **paid) for n in range(6)))
    assert {answer["status"] for answer in answers} == {200}
    assert sum(answer["events"] for answer in answers) == 1
    assert booked(pair, account) == [("credit", shard)]
    with pair.owners[0].engine.session.reader.connect() as connection:
        heard = connection.execute(select(tables.payment_event.c.n)).scalars().all()
    assert {n > RANGE for n in heard} == {bool(shard)}


@pytest.mark.invariant(4)
async def test_a_refund_that_comes_before_its_payment_reaches_the_account_of_the_other_shard(
    pair: Pair,
) -> None:
    ordered = await order(pair, 0, "s1")
    await tell(pair, 0, "e1", "refunded", payment="p1", reversal="r1")
    await tell(pair, 0, "e2", "succeeded", payment="p1", order=ordered)
    assert booked(pair, "s1") == [("credit", 1), ("take_back", 1)]


@pytest.mark.invariant(4)
async def test_what_the_first_shard_heard_at_the_same_instant_is_booked_by_the_account_s_bridge(
    pair: Pair,
) -> None:
    await tell(pair, 0, "e1", "succeeded", payment="p1", order=await order(pair, 0, "s1"))
    refund = ProviderEvent(
        event_id="e2", kind=ProviderEventKind.REFUNDED, payment_id="p1", reversal_id="r1", currency="ZAR"
    )
    await pair.owners[0].app.payments.orders.event_handler.save("till", refund, None)
    for owner in (*pair.owners, *pair.owners):
        await owner.app.payments.tick()
    assert booked(pair, "s1") == [("credit", 1), ("take_back", 1)]


@pytest.mark.invariant(4)
@pytest.mark.both_databases
async def test_what_the_account_s_bridge_is_about_to_credit_waits_for_nobody_at_the_other(pair: Pair) -> None:
    payments = pair.owners[0].app.payments
    subject = Subject("till", await order(pair, 0, "s1"), None)
    ordered = (await payments.orders.booking_steps.read_case(subject)).order
    assert ordered is not None
    paid = ProviderEvent(
        event_id="e1", kind=ProviderEventKind.SUCCEEDED, order_id=ordered.id, payment_id="p1",
        amount=ordered.amount, currency="ZAR",
    )  # fmt: skip
    await payments.orders.event_handler.save("till", paid, ordered)
    asked = PaymentDecision(provider="till", payment="p1", decision="credit", account="n1", reason="asked")
    both = Actor("both", Role.LANDLORD, frozenset({"north", "south"}))
    with pytest.raises(RequestRefused, match="does not wait for a decision"):
        await payments.review.decide(both, asked)
    for owner in pair.owners:
        await owner.app.payments.tick()
    assert (booked(pair, "n1"), booked(pair, "s1")) == ([], [("credit", 1)])


@pytest.mark.invariant(4)
async def test_a_payment_of_no_order_is_credited_to_an_account_of_either_shard_and_taken_back_there(
    pair: Pair,
) -> None:
    for payment in ("p1", "p2"):
        await tell(pair, 1, f"e{payment}", "succeeded", payment=payment)
    assert await waiting(pair, 0) == await waiting(pair, 1) == ["p1", "p2"]
    assert await decide(pair, 0, "p1", "credit", "s1") == 200
    assert await decide(pair, 1, "p1", "credit", "n1") == 404
    assert await decide(pair, 1, "p2", "dismiss") == 200
    assert await waiting(pair, 0) == await waiting(pair, 1) == []
    await tell(pair, 1, "e3", "refunded", payment="p1", reversal="r1")
    for owner in pair.owners:
        await owner.app.payments.tick()
    assert booked(pair, "s1") == [("credit", 1), ("take_back", 1)]
    assert booked(pair, "n1") == []


@pytest.mark.both_databases
async def test_what_waits_is_told_of_by_the_order_s_bridge_alone(pair: Pair) -> None:
    await tell(pair, 0, "e1", "succeeded", payment="p1", order=await order(pair, 0, "s1"), amount="7.00")
    for owner in pair.owners:
        await owner.app.payments.tick()
    alerts = [[key.kind.value for key in owner.engine.session.installation.alerts] for owner in pair.owners]
    assert alerts == [[], ["payment_waiting"]]
    (facts,) = (alert.facts for alert in pair.owners[1].engine.session.installation.alerts.values())
    assert (facts["case"], facts["payments"], facts["sums"]) == ("of_site", 1, "ZAR 7.00")
    assert await waiting(pair, 0) == ["p1"]
    assert await decide(pair, 0, "p1", "credit", "n2") == 200
    assert booked(pair, "n2") == [("credit", 0)]
    await pair.owners[1].app.payments.tick()
    assert pair.owners[1].engine.session.installation.alerts == {}


@pytest.mark.both_databases
async def test_a_landlord_of_one_site_credits_no_payment_of_a_site_of_another_shard(pair: Pair) -> None:
    await tell(pair, 0, "e1", "succeeded", payment="p1", order=await order(pair, 0, "s1"), amount="7.00")
    payments = pair.owners[0].app.payments
    asked = PaymentDecision(provider="till", payment="p1", decision="credit", account="n2", reason="asked")
    with pytest.raises(RequestRefused, match="does not wait for a decision"):
        await payments.review.decide(Actor("north", Role.LANDLORD, frozenset({"north"})), asked)
    assert booked(pair, "n2") == []
    await payments.review.decide(Actor("both", Role.LANDLORD, frozenset({"north", "south"})), asked)
    assert booked(pair, "n2") == [("credit", 0)]


async def test_a_payment_is_dismissed_by_the_bridge_of_its_order(pair: Pair) -> None:
    await tell(pair, 0, "e1", "succeeded", payment="p1", order=await order(pair, 0, "s1"), amount="7.00")
    before = [owner.engine.session.installation.sequences.event for owner in pair.owners]
    assert await decide(pair, 0, "p1", "dismiss") == 200
    assert await waiting(pair, 1) == []
    after = [owner.engine.session.installation.sequences.event for owner in pair.owners]
    assert (after[0] == before[0], after[1] > before[1]) == (True, True)


async def test_an_event_that_another_bridge_has_to_keep_is_never_acknowledged_unstored(pair: Pair) -> None:
    ordered = await order(pair, 0, "s1")
    told = ProviderEvent(
        event_id="e1",
        kind=ProviderEventKind.SUCCEEDED,
        order_id=ordered,
        payment_id="p1",
        amount=5000,
        currency="ZAR",
    )
    body = json.dumps(
        {"id": "e1", "type": "succeeded", "order": told.order_id, "payment": "p1"}
        | {"amount": "50.00", "currency": "ZAR"}
    ).encode()
    header = {HEADER: sign(SECRET, body, pair.owners[0].engine.session.clock.now() // 1000)}
    hear = pair.owners[0].app.payments.hear
    with pytest.raises(Exception, match="another bridge keeps the books"):
        await hear("till", header, body)
    assert booked(pair, "s1") == []
    await tell(pair, 0, "e1", "succeeded", order=ordered, payment="p1")
    assert (await hear("till", header, body)).events == 0
    assert booked(pair, "s1") == [("credit", 1)]


async def test_a_message_that_nobody_signed_is_refused_by_either_worker(pair: Pair) -> None:
    ordered = await order(pair, 0, "s1")
    for which in (0, 1):
        answer = await tell(pair, which, "e1", "succeeded", secret="guessed", order=ordered, payment="p1")
        assert (answer["status"], answer["code"]) == (401, "not_authenticated")
    assert booked(pair, "s1") == []


@pytest.mark.invariant(4)
async def test_the_database_refuses_a_payment_that_is_both_credited_and_dismissed(pair: Pair) -> None:
    await tell(pair, 0, "e1", "succeeded", payment="p1", order=await order(pair, 0, "s1"))
    booking = tables.payment_booking
    with pair.owners[0].engine.session.reader.connect() as connection:
        row = dict(connection.execute(select(booking)).mappings().one())
    writer = open_writer(pair.location)
    with pytest.raises(IntegrityError), writer.begin() as connection:
        connection.execute(booking.insert(), [row | {"step": "dismiss", "entry_id": None}])
    writer.dispose()


async def test_a_whole_site_file_passes_through_a_worker(pair: Pair) -> None:
    units = {f"unit-{n}": "10.00" for n in range(800)}
    text = street({"north": {"n1": "10.00", "n2": "10.00"}, "south": {"s1": "10.00"} | units})
    assert len(text) > 65_536
    headers = {"Authorization": f"Bearer {pair.tokens['all']}"}
    async with pair.session.post(
        pair.urls[1] + "/api/v1/site?dry_run=true", data=text.encode(), headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()


@pytest.mark.invariant(4)
async def test_a_voucher_typed_at_two_accounts_at_the_same_instant_is_used_once(pair: Pair) -> None:
    status, made = await send(pair, 0, "/api/v1/vouchers", {"count": 1, "amount": "50.00", "currency": "ZAR"})
    assert status == 201, made
    code = {"code": made["vouchers"][0]["code"]}

    async def redeem(account: str) -> int:
        path = f"/api/v1/accounts/{account}/vouchers"
        return (await send(pair, 0, path, code, **{"Idempotency-Key": "typed"}))[0]

    before = await asyncio.gather(redeem("n1"), redeem("s1"))
    assert before.count(201) == 1
    for owner in pair.owners:
        if owner.engine.session.storage_error is not None:
            await owner.engine.try_recover()
    after = await asyncio.gather(redeem("n1"), redeem("s1"))
    assert sorted(after) == [200, 409]
    assert after.index(200) == before.index(201)


async def test_vouchers_are_made_for_a_site_of_another_shard(pair: Pair) -> None:
    asked = {"count": 1, "amount": "50.00", "site": "south"}
    status, made = await send(pair, 0, "/api/v1/vouchers", asked)
    assert status == 201, made
    for account, expected in (("n1", 422), ("s1", 201)):
        path, code = f"/api/v1/accounts/{account}/vouchers", {"code": made["vouchers"][0]["code"]}
        assert (await send(pair, 0, path, code, **{"Idempotency-Key": account}))[0] == expected
    assert (await send(pair, 1, "/api/v1/vouchers", asked | {"site": "west"}))[0] == 404
