"""An amount far beyond what is usual is booked only once a person has confirmed it."""

from pathlib import Path
from typing import Final, get_args

import msgspec
import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import AMOUNT, AMOUNT_OR_NONE
from tests.engine.harness import LANDLORD, SITE, House, house, operate, zar
from tests.payments.till import TENANT, till

MILLION = "1000000"


async def top_up(house: House, amount: str, *, key: str = "k", confirmed: bool = False) -> None:
    accounts = house.app.accounts
    await accounts.top_up(
        LANDLORD, "flat-1", amount=amount, method="cash", reference=None, key=key, confirmed=confirmed
    )


async def test_a_million_typed_by_mistake_asks_first(flat: House) -> None:
    with pytest.raises(RequestRefused) as refused:
        await top_up(flat, MILLION)
    assert refused.value.code is ErrorCode.CONFIRMATION_NEEDED
    assert "ZAR 1,000,000.00 is more than 10 times what is usual for Flat 1" in refused.value.message
    assert flat.account.balance == zar("100")
    await top_up(flat, MILLION, confirmed=True)
    await top_up(flat, MILLION)
    assert flat.account.balance == zar("1000100")


async def test_the_price_of_much_energy_is_usual_where_nobody_has_paid_yet(flat: House) -> None:
    await top_up(flat, "2000")
    with pytest.raises(RequestRefused):
        await top_up(flat, "20000.01", key="l")


async def test_what_was_paid_last_is_usual(flat: House) -> None:
    await top_up(flat, "5000", confirmed=True)
    await top_up(flat, "50000", key="l")


EARN: Final = requests.Correction(amount=MILLION, reason="r")
OWE: Final = requests.Correction(amount=f"-2{MILLION[1:]}", reason="r")
LEAVE: Final = requests.MoveOut(reason="r", remainder="keep")
BORROW: Final = requests.OpenDebt(debt="old", description="old", amount=MILLION, reason="r", percent="10")
ASKED: Final[tuple[tuple[requests.OperationRequest, ...], ...]] = (
    (EARN,),
    (OWE,),
    (EARN, requests.Refund(amount=MILLION, reason="r")),
    (EARN, requests.Transfer(to="flat-2", amount=MILLION, reason="r")),
    (BORROW,),
    (BORROW, requests.ChangeDebt(debt="old", rate=MILLION, reason="r")),
    (BORROW, requests.ChangeDebt(debt="old", cap=MILLION, reason="r")),
    (BORROW, requests.WriteOff(debt="old", amount=MILLION, reason="r")),
    (LEAVE, requests.MoveIn(customer="Next", opening_credit=MILLION)),
    (OWE, LEAVE, requests.Settlement(tenancy=1, how="paid", amount=MILLION, reason="r")),
)
"""Operations with an amount, each after those that make it possible."""


@pytest.mark.parametrize("steps", ASKED, ids=lambda steps: type(steps[-1]).__name__)
async def test_every_operation_with_a_typed_amount_asks(
    tmp_path: Path, steps: tuple[requests.OperationRequest, ...]
) -> None:
    two = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
    async with house(tmp_path, two) as flat:
        for step in steps[:-1]:
            await operate(flat, step)
        asked, operate_as = steps[-1], flat.app.accounts.operate
        before = flat.account.balance
        with pytest.raises(RequestRefused) as refused:
            await operate_as(LANDLORD, "flat-1", asked, key="k", confirmed=False)
        assert refused.value.code is ErrorCode.CONFIRMATION_NEEDED
        assert flat.account.balance == before
        await operate_as(LANDLORD, "flat-1", asked, key="k", confirmed=True)


def test_no_operation_with_an_amount_is_left_out() -> None:
    kinds = get_args(requests.OperationRequest.__value__)
    amounts = tuple(msgspec.json.encode(pattern).decode() for pattern in (AMOUNT, AMOUNT_OR_NONE))
    schemas = {kind: msgspec.json.encode(msgspec.json.schema(kind)).decode() for kind in kinds}
    taking = {kind for kind, schema in schemas.items() if any(amount in schema for amount in amounts)}
    assert taking == {type(steps[-1]) for steps in ASKED}


@pytest.mark.parametrize(
    "count, amount, what",
    [
        (1, "2000.01", "a voucher of ZAR 2,000.01"),
        (101, "200.00", "101 vouchers, ZAR 20,200.00 in all,"),
        (5000, "4.01", "5000 vouchers, ZAR 20,050.00 in all,"),
    ],
)
async def test_vouchers_of_unusual_worth_are_made_once_that_is_confirmed(
    flat: House, count: int, amount: str, what: str
) -> None:
    vouchers, order = flat.app.payments.vouchers, requests.VoucherOrder(count=count, amount=amount)
    with pytest.raises(RequestRefused) as refused:
        await vouchers.create(LANDLORD, order, confirmed=False)
    assert refused.value.code is ErrorCode.CONFIRMATION_NEEDED
    assert refused.value.message.startswith(what)
    assert flat.rows("SELECT count(*) FROM voucher") == [(0,)]
    assert len((await vouchers.create(LANDLORD, order, confirmed=True)).vouchers) == count


async def test_usual_vouchers_are_made_unasked(flat: House) -> None:
    vouchers = flat.app.payments.vouchers
    for order in (
        requests.VoucherOrder(count=1, amount="2000.00"),
        requests.VoucherOrder(count=100, amount="200.00"),
    ):
        assert (await vouchers.create(LANDLORD, order, confirmed=False)).vouchers


async def test_a_customer_is_asked_before_an_unusual_payment_is_begun(tmp_path: Path) -> None:
    async with till(tmp_path) as shop:
        start, order = shop.house.app.payments.start_payment, requests.PaymentOrder("till", MILLION)
        with pytest.raises(RequestRefused) as refused:
            await start(TENANT, "flat-1", order, key="k", confirmed=False)
        assert refused.value.code is ErrorCode.CONFIRMATION_NEEDED
        assert shop.house.rows("SELECT count(*) FROM payment_order") == [(0,)]
        first, _ = await start(TENANT, "flat-1", order, key="k", confirmed=True)
        assert await start(TENANT, "flat-1", order, key="k", confirmed=False) == (first, True)


async def test_money_that_a_provider_brings_is_never_asked_about(flat: House) -> None:
    await flat.top_up(MILLION, key="provider")
    assert flat.account.balance == zar("1000100")
