"""A top-up that is taken back: the balance bears it first, emergency credit only what the balance lacks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.protocol.requests import Reversal, SelectEmergencyCredit
from tests.engine.accounts.test_move_out import RULES, use
from tests.engine.harness import House, house, operate, zar


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat whose customer has used up the first 100 rand, and 6 rand of emergency credit."""
    async with house(tmp_path, RULES) as made:
        await made.read(0, power_w=2_000)
        await use(made, "99.00")
        await operate(made, SelectEmergencyCredit())
        await use(made, "7.00")
        yield made


async def test_what_a_top_up_had_repaid_is_lent_again_where_the_balance_is_not_enough(flat: House) -> None:
    paid = await flat.top_up("10.00")
    assert (flat.account.balance, flat.account.emergency_used) == (zar("4"), 0)
    await operate(flat, Reversal(entry=paid.top_up.id, reason="bounced"))
    assert (flat.account.balance, flat.account.emergency_used) == (0, zar("6"))
    assert flat.problems() == []


async def test_a_balance_that_later_payments_filled_bears_it_without_emergency_credit(flat: House) -> None:
    paid = await flat.top_up("10.00")
    await flat.top_up("30.00")
    await operate(flat, Reversal(entry=paid.top_up.id, reason="bounced"))
    assert (flat.account.balance, flat.account.emergency_used) == (zar("24"), 0)
    assert flat.problems() == []


async def test_a_balance_that_is_not_quite_enough_is_used_up_before_anything_is_lent(flat: House) -> None:
    paid = await flat.top_up("10.00")
    await flat.top_up("2.00")
    await operate(flat, Reversal(entry=paid.top_up.id, reason="bounced"))
    assert (flat.account.balance, flat.account.emergency_used) == (0, zar("4"))
    assert flat.problems() == []
