"""Units that a top-up bought come back at their purchase price: reversed, or when the customer moves out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.protocol.requests import MoveIn, MoveOut, Reversal
from tests.engine.accounts.test_units_bought import SITE
from tests.engine.harness import HOUR, LANDLORD, House, house, operate, zar


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house whose tariff sells units, with 200 rand of them in the first block."""
    async with house(tmp_path, SITE, credit=None) as made:
        await made.read(0, power_w=2_000)
        yield made


async def test_unused_units_are_returned_at_their_price_and_used_ones_stay_paid(shop: House) -> None:
    topped = await shop.top_up("200.00")
    await shop.read(20_000, after=HOUR)
    await operate(shop, Reversal(entry=topped.top_up.id, reason="cheque bounced"))
    used = zar("3.42585") * 20
    assert -used - 1 <= shop.account.balance <= -used
    assert shop.app.accounts.view(LANDLORD, "flat-1").units_left_wh == 0
    assert shop.rows("SELECT amount FROM balance WHERE bucket = 'units'") == [(0,)]
    assert shop.problems() == []


async def test_a_purchase_that_was_not_used_leaves_nothing_behind(shop: House) -> None:
    first = await shop.top_up("200.00")
    second = await shop.top_up("400.00")
    await operate(shop, Reversal(entry=second.top_up.id, reason="typed twice"))
    view = shop.app.accounts.view(LANDLORD, "flat-1")
    assert view.units_left_wh == first.top_up.units_wh
    assert 0 <= first.top_up.balance_after - view.balance <= zar("0.01")
    assert shop.problems() == []


async def test_units_left_are_paid_out_when_the_customer_moves(shop: House) -> None:
    await shop.top_up("200.00")
    await shop.read(20_000, after=HOUR)
    result = await operate(shop, MoveOut(reason="end of lease", remainder="refund"))
    paid_out = result.detail["amount"]
    assert isinstance(paid_out, int)
    assert zar("200") - zar("3.42585") * 20 - 2 <= paid_out <= zar("200") - zar("3.42585") * 20
    assert shop.rows("SELECT amount FROM balance WHERE bucket IN ('units', 'balance')") == [(0,), (0,)]
    await operate(shop, MoveIn(customer="B"))
    assert shop.app.accounts.view(LANDLORD, "flat-1").units_left_wh == 0
    assert shop.problems() == []
