"""An amount far beyond what is usual is booked only once a person has confirmed it."""

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from tests.engine.harness import LANDLORD, House, zar

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


@pytest.mark.parametrize(
    "request_of",
    [
        requests.Correction(amount=MILLION, reason="r"),
        requests.Correction(amount="-" + MILLION, reason="r"),
        requests.OpenDebt(debt="old", description="old", amount=MILLION, reason="r", rate="1"),
    ],
    ids=["credit", "charge", "debt"],
)
async def test_every_operation_with_a_typed_amount_asks(
    flat: House, request_of: requests.OperationRequest
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await flat.app.accounts.operate(LANDLORD, "flat-1", request_of, key="k", confirmed=False)
    assert refused.value.code is ErrorCode.CONFIRMATION_NEEDED
    await flat.app.accounts.operate(LANDLORD, "flat-1", request_of, key="k", confirmed=True)


async def test_money_that_a_provider_brings_is_never_asked_about(flat: House) -> None:
    await flat.top_up(MILLION, key="provider")
    assert flat.account.balance == zar("1000100")
