"""Tariffs that sell units: a top-up buys them up the ladder of the month, consumption takes them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.commands.top_up import as_text
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.statements import Detail
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState
from tests.engine.harness import HOUR, LANDLORD, House, apply, house, zar

SITE = """
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      tshwane:
        name: Tshwane 2025/26
        versions:
          - from: 2026-01-01
            sold as: units bought
            blocks: [100 kWh, 400 kWh, 650 kWh]
            prices: [3.42585, 4.00936, 4.36816, 4.70902]
            standing charge: 10.00 per day
    units:
      flat-1:
        name: Flat 1
        tariff: tshwane
        meters: [{address: "tasmota:flat-1/1", rating: 60 kW}]
        low credit: [50.00]
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house whose tariff sells units, without any credit."""
    async with house(tmp_path, SITE, credit=None) as made:
        await made.read(0, power_w=2_000)
        yield made


async def test_a_top_up_buys_units_and_says_so(shop: House) -> None:
    assert shop.state() is SupplyState.DISCONNECTED
    first = await shop.top_up("200.00")
    assert (first.top_up.units_wh, shop.state()) == (58_379, SupplyState.CONNECTED)
    split = first.top_up.split
    assert split["units"] + split["balance"] == zar("200")
    assert split["balance"] == shop.account.balance < zar("0.01")
    assert (await shop.top_up("400.00")).top_up.units_wh == 105_823 + 1, "with the rest of the first"
    assert shop.app.accounts.view(LANDLORD, "flat-1").units_left_wh == 58_379 + 105_824
    assert shop.problems() == []


async def test_consumption_takes_units_and_no_money_until_they_are_gone(shop: House) -> None:
    await shop.top_up("200.00")
    balance = shop.account.balance
    await shop.read(50_000, after=HOUR)
    assert shop.app.accounts.view(LANDLORD, "flat-1").units_left_wh == 8_379
    assert shop.app.accounts.view(LANDLORD, "flat-1").balance == balance
    assert AlertKind.LOW_CREDIT in shop.alert_kinds(), "what is left is worth 28.70"
    assert shop.state() is SupplyState.CONNECTED
    await shop.read(58_380, after=HOUR)
    assert shop.state() is SupplyState.DISCONNECTED
    assert shop.problems() == []
    held = shop.rows("SELECT amount FROM balance WHERE bucket = 'units'")
    assert held == [(0,)]


async def test_what_is_owed_in_money_is_paid_before_units_are_bought(shop: House) -> None:
    await shop.top_up("200.00")
    for _ in range(3):
        await shop.tick(24 * HOUR)
    assert shop.account.balance < -zar("29.99"), "three standing charges, and units to go on with"
    assert shop.state() is SupplyState.CONNECTED
    owed = -shop.account.balance
    second = await shop.top_up("100.00")
    assert second.top_up.units_wh == pytest.approx((zar("100") - owed) / 3.42585 / 1000, abs=1)
    assert shop.problems() == []


async def test_units_survive_a_restart(shop: House, tmp_path: Path) -> None:
    await shop.top_up("200.00")
    await shop.read(10_000, after=HOUR)
    shop.engine.session.flush(everything=True)
    await shop.settle()
    shop.engine.session.reload()
    assert shop.app.accounts.view(LANDLORD, "flat-1").units_left_wh == 48_379


async def test_units_are_used_up_under_a_tariff_that_sells_none(tmp_path: Path) -> None:
    other = "      other: {name: Other, versions: [{from: 2026-01-01, prices: [3.00]}]}"
    site = SITE.replace("    units:", f"{other}\n    units:")
    async with house(tmp_path, site, credit="20.00") as made:
        await made.read(0, power_w=2_000)
        units = made.account.supplies[0].rating.units
        await apply(made, site.replace("tariff: tshwane", "tariff: other"))
        await made.read(units - 100, after=HOUR)
        assert (made.account.supplies[0].rating.units, made.state()) == (100, SupplyState.CONNECTED)
        await made.read(units + 1_000, after=HOUR)
        assert made.state() is SupplyState.DISCONNECTED
        assert made.problems() == []


async def test_units_bought_before_a_change_of_tariff_are_used_up_first_at_no_price(shop: House) -> None:
    await shop.top_up("200.00")
    kept = shop.account.balance
    flat = SITE.replace("    units:\n", FLAT + "    units:\n").replace("tariff: tshwane\n", "tariff: flat\n")
    await apply(shop, flat)
    await shop.read(50_000, after=HOUR)
    assert shop.available == kept
    assert (await shop.top_up("100.00")).top_up.units_wh == 0, "the new tariff sells none"
    await shop.read(60_000, after=HOUR)
    rest = 60_000 - 58_379
    assert shop.available == kept + zar("100.00") - rest * zar("2.00") // 1000
    (held,) = (
        await shop.app.ledger.statement(LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY)
    ).units
    assert (held.bought_wh, held.used_wh, held.closing_wh) == (58_379, 58_379, 0)
    assert shop.problems() == []


async def test_money_that_is_left_when_a_tariff_begins_to_sell_units_buys_them_with_the_next_top_up(
    tmp_path: Path,
) -> None:
    flat = SITE.replace("    units:\n", FLAT + "    units:\n").replace("tariff: tshwane\n", "tariff: flat\n")
    async with house(tmp_path, flat, credit="100.00") as made:
        await made.read(0, power_w=2_000)
        await apply(made, flat.replace("tariff: flat\n", "tariff: tshwane\n"))
        assert made.account.supplies[0].rating.units == 0
        assert made.state() is SupplyState.CONNECTED, "money is still there"
        await made.read(1_000, after=HOUR)
        left = made.available
        assert left == zar("100.00") - 1_000 * zar("3.42585") // 1000
        bought = await made.top_up("100.00")
        assert bought.top_up.units_wh == pytest.approx((left + zar("100.00")) * 1000 / zar("3.42585"), abs=2)
        assert made.problems() == []


FLAT = """      flat:
        versions: [{from: 2026-01-01, prices: [2.00]}]
"""


async def test_a_maximum_balance_counts_what_units_are_worth(tmp_path: Path) -> None:
    limited = SITE.replace("        low credit: [50.00]", "        maximum balance: 250.00")
    async with house(tmp_path, limited, credit=None) as made:
        await made.read(0, power_w=2_000)
        await made.top_up("200.00")
        with pytest.raises(RequestRefused, match="within its maximum") as refused:
            await made.top_up("51.00")
        assert refused.value.code is ErrorCode.AMOUNT_OUT_OF_RANGE
        await made.read(10_000, after=HOUR)
        assert (await made.top_up("51.00")).top_up.units_wh


async def test_a_top_up_that_bought_units_says_so_and_not_that_nothing_is_available(shop: House) -> None:
    text = as_text(shop.app.accounts.view(LANDLORD, "flat-1"), await shop.top_up("200.00"))
    assert "kWh" in text
    assert "available" not in text
