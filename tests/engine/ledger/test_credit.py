"""Overdraft, debts, arrears and the limits of top-ups in a running house."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import SelectEmergencyCredit
from meter_bridge.protocol.vocabulary import (
    AlertKind,
    EmergencyCreditState,
    SupplyReason,
    SupplyState,
)
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, operate, zar

POLICY = """low credit: [5.00]
        overdraft: 10.00
        maximum balance: 150.00
        emergency credit: {limit: 20.00, threshold: 3.00}
"""
RULES = SITE.replace("low credit: [5.00]\n", POLICY)
DAY = 24 * HOUR


@pytest.fixture
async def lending(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with an overdraft, emergency credit and a maximum balance."""
    async with house(tmp_path, RULES) as made:
        await made.read(0, power_w=2_000)
        yield made


async def use(flat: House, amount: str, after: int = 12 * HOUR) -> None:
    """Use energy worth an amount at 2.00 per kWh, as one reading."""
    register = flat.meter.register
    assert register is not None
    await flat.read(register.watermark_wh + zar(amount) * 1000 // zar("2"), after=after)


async def test_an_overdraft_keeps_supply_on_down_to_its_end(lending: House) -> None:
    await use(lending, "105.00")
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert (view.available, view.headroom) == (-zar("5"), zar("5"))
    assert lending.state() is SupplyState.CONNECTED
    await use(lending, "5.00")
    assert lending.state() is SupplyState.DISCONNECTED
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert view.amount_to_restore == zar("0.01")
    assert lending.problems() == []


async def test_emergency_credit_is_offered_below_its_threshold_and_not_before(lending: House) -> None:
    def state() -> EmergencyCreditState | None:
        credit = lending.app.accounts.view(LANDLORD, "flat-1").emergency_credit
        return None if credit is None else credit.state

    assert state() is EmergencyCreditState.UNAVAILABLE
    await use(lending, "97.00")
    assert state() is EmergencyCreditState.UNAVAILABLE
    await use(lending, "0.01", after=60_000)
    assert state() is EmergencyCreditState.AVAILABLE
    assert AlertKind.EMERGENCY_CREDIT_AVAILABLE in lending.alert_kinds()
    await lending.top_up("10.00")
    assert state() is EmergencyCreditState.UNAVAILABLE
    assert AlertKind.EMERGENCY_CREDIT_AVAILABLE not in lending.alert_kinds()


async def test_the_offer_is_made_in_a_run_of_small_readings(lending: House) -> None:
    await use(lending, "96.90")
    for _ in range(200):
        await use(lending, "0.002", after=1_000)
        offered = AlertKind.EMERGENCY_CREDIT_AVAILABLE in lending.alert_kinds()
        assert offered is (lending.available < zar("3"))
    assert lending.available < zar("3")


async def test_a_top_up_beyond_the_maximum_balance_is_refused_with_the_largest_one(lending: House) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await lending.top_up("50.01")
    assert refusal.value.code is ErrorCode.AMOUNT_OUT_OF_RANGE
    assert "to ZAR 50.00, for the balance to stay within its maximum" in refusal.value.message
    await lending.top_up("50.00")
    with pytest.raises(RequestRefused, match="a top-up is not possible now"):
        await lending.top_up("0.01")


async def test_selected_emergency_credit_restores_above_the_minimum_to_restore(tmp_path: Path) -> None:
    rules = "minimum to restore: 10.00\n        emergency credit: {limit: 20.00, threshold: 3.00}\n"
    async with house(tmp_path, SITE.replace("low credit: [5.00]\n", rules)) as flat:
        await flat.read(0, power_w=2_000)
        await use(flat, "100.00")
        assert flat.state() is SupplyState.DISCONNECTED
        await operate(flat, SelectEmergencyCredit())
        assert flat.state() is SupplyState.CONNECTED


async def test_a_minimum_of_zero_brings_the_supply_back_only_above_zero(tmp_path: Path) -> None:
    """What is to be paid is told as such, and less of it brings nothing back."""
    async with house(
        tmp_path, RULES.replace("overdraft:", "minimum to restore: 0\n        overdraft:")
    ) as flat:
        await flat.read(0, power_w=2_000)
        await use(flat, "110.00")
        assert flat.state() is SupplyState.DISCONNECTED
        assert flat.app.accounts.view(LANDLORD, "flat-1").amount_to_restore == zar("10.01")
        await flat.top_up("10.00")
        assert flat.account.reason is SupplyReason.BELOW_RESTORE_MINIMUM
        assert flat.app.accounts.view(LANDLORD, "flat-1").amount_to_restore == zar("0.01")
        await flat.top_up("0.01")
        assert flat.state() is SupplyState.CONNECTED
