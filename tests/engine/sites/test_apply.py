"""A site file is applied whole or not at all, and nothing that was used or paid gets lost over it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from meter_bridge.config import holidays
from meter_bridge.config.site_file import load
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.sites.apply import apply_transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, SupplyAction
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyState
from meter_bridge.storage import tables
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply, house, opened, refusing, zar

SECOND_UNIT = """
      flat-2:
        name: Flat 2
        tariff: flat
        opening credit: 30.00
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
"""
BOTH = SITE + SECOND_UNIT.lstrip("\n")
FIRST_UNIT = SITE[SITE.index("      flat-1:") :]
ONLY_SECOND = SITE.replace(FIRST_UNIT, SECOND_UNIT.lstrip("\n"))


def available(house: House, account_id: str) -> int:
    """Return an account's available credit."""
    return house.app.accounts.view(LANDLORD, account_id).available


async def test_the_installation_takes_the_name_of_the_site_file(flat: House) -> None:
    assert flat.app.status.info().name == "Test house"
    await apply(flat, SITE.replace("name: Test house\nsites", "name: New name\nsites"))
    assert flat.app.status.info().name == "New name"


async def test_a_new_unit_is_charged_from_its_first_reading(flat: House) -> None:
    await apply(flat, BOTH)
    await flat.report(Report("tasmota:flat-2/1", register_wh=9_000))
    await flat.report(Report("tasmota:flat-2/1", register_wh=10_000), after=HOUR)
    assert available(flat, "flat-2") == zar("28")
    assert flat.problems() == []


async def test_a_new_unit_in_credit_has_a_stored_supply_state_at_once(flat: House) -> None:
    await apply(flat, BOTH)
    status = tables.account_status
    with flat.engine.session.reader.connect() as connection:
        row = connection.execute(select(status).where(status.c.account_id == "flat-2")).mappings().one()
    assert (row["supply_state"], row["reason"], row["since"]) == ("connected", "in_credit", flat.time.wall)


async def test_an_opening_credit_counts_once(flat: House) -> None:
    await apply(flat, BOTH)
    await apply(flat, BOTH.replace("Flat 2", "Second flat"))
    assert available(flat, "flat-2") == zar("30")
    await apply(flat, SITE)
    await apply(flat, BOTH)
    assert available(flat, "flat-2") == zar("30")
    assert flat.problems() == []


async def test_a_removed_unit_is_closed_with_everything_posted(flat: House) -> None:
    await apply(flat, BOTH)
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    await apply(flat, ONLY_SECOND)
    assert flat.app.accounts.view(LANDLORD, "flat-1").closed_at is not None
    assert "flat-1" not in {each.id for each in flat.app.accounts.views(LANDLORD)}
    with pytest.raises(RequestRefused, match="flat-1 is closed"):
        await flat.app.accounts.top_up(
            LANDLORD, "flat-1", amount="1.00", method="cash", reference=None, key="after it closed"
        )
    balance = "SELECT amount FROM balance WHERE account_id = 'flat-1' AND bucket = 'balance'"
    assert flat.rows(balance) == [(zar("99.80"),)]
    await flat.report(Report("tasmota:flat-1/1", register_wh=12_000), after=HOUR)
    assert flat.rows(balance) == [(zar("99.80"),)]
    assert flat.problems() == []


async def test_the_alerts_of_a_removed_unit_close_with_it(flat: House) -> None:
    await apply(flat, BOTH)
    await flat.report(Report("tasmota:flat-1/1", register_wh=0, voltage_mv=270_000))
    await apply(flat, ONLY_SECOND)
    assert flat.rows("SELECT count(*) FROM alert WHERE account_id = 'flat-1' AND closed_at IS NULL") == [(0,)]
    assert flat.app.status.health().status == "ok"


async def test_a_unit_that_comes_back_goes_on_with_its_balance_and_owes_nothing_for_its_absence(
    tmp_path: Path,
) -> None:
    both = BOTH.replace("prices: [2.00]", "prices: [2.00]\n            standing charge: 1.00 per day")
    async with house(tmp_path, both) as made:
        await made.read(10_000)
        await made.read(11_000, after=HOUR)
        await apply(made, both.replace(FIRST_UNIT, ""))
        for _ in range(5):
            await made.tick(24 * HOUR)
        await apply(made, both)
        assert available(made, "flat-1") == zar("98")
        await made.tick(24 * HOUR)
        assert available(made, "flat-1") == zar("97")
        await made.read(50_000)
        await made.read(51_000, after=HOUR)
        assert available(made, "flat-1") == zar("95")
        assert made.problems() == []


@pytest.mark.parametrize("gone", ["site", "unit"])
async def test_a_unit_that_comes_back_at_another_price_never_stops_the_bridge(
    tmp_path: Path, gone: str
) -> None:
    other = (
        SITE.replace("  house:\n", "  other:\n")
        .replace("flat:", "dear:")
        .replace("tariff: flat", "tariff: dear")
    )
    other = other.replace("2.00", "4.00")
    without = other.replace("flat-1", "flat-9") if gone == "site" else other.replace("flat-1:", "flat-8:")
    async with house(tmp_path) as made:
        await apply(made, without)
        await made.tick(HOUR)
        await apply(made, other)
    async with opened(tmp_path, made.time) as again:
        await again.read(0)
        await again.read(1_000, after=HOUR)
        assert available(again, "flat-1") == zar("96")
        assert again.problems() == []


@pytest.mark.both_databases
async def test_a_tariff_that_comes_back_cannot_have_another_past(flat: House) -> None:
    other = (
        SITE.replace("  house:\n", "  other:\n")
        .replace("flat:", "dear:")
        .replace("tariff: flat", "tariff: dear")
    )
    await apply(flat, other.replace("flat-1", "flat-9"))
    with pytest.raises(RequestRefused) as refusal:
        await apply(flat, SITE.replace("2.00", "0.01").replace("flat-1", "flat-7"))
    assert refusal.value.code is ErrorCode.CONFLICT
    assert flat.engine.session.storage_error is None


async def test_a_newer_calendar_of_holidays_leaves_tariffs_as_they_were_applied(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SITE.replace(
        "prices: [2.00]", "prices: [2.00]\n          - {from: 2027-01-01, prices: 3, holidays: ZA}"
    )
    await apply(flat, site)
    known = holidays.resolve
    monkeypatch.setattr(holidays, "resolve", lambda *asked: known(*asked)[1:])
    assert load(site) != load(SITE)
    result = await flat.app.sites.apply(LANDLORD, load(site), document=site, dry_run=True)
    assert result.changes == ()


async def test_a_meter_at_another_address_starts_from_its_next_reading(flat: House) -> None:
    await flat.read(10_000)
    await flat.read(10_500, after=HOUR)
    await apply(flat, SITE.replace("tasmota:flat-1/1", "tasmota:new/1"))
    await flat.read(77_000, after=HOUR)
    await flat.read(77_250, after=HOUR)
    assert flat.meter.energy_wh == 750
    assert flat.available == zar("98.50")
    assert flat.problems() == []


@pytest.mark.invariant(9)
async def test_a_new_relay_of_a_cut_unit_is_opened_too(flat: House) -> None:
    await flat.read(10_000, power_w=500)
    await flat.hold_off()
    await flat.relay(RelayPosition.OPEN, power_w=0)
    await apply(flat, SITE.replace("tasmota:flat-1/1", "tasmota:new/1"))
    assert flat.transport.switched == [("flat-1/main", RelayPosition.OPEN)] * 2
    assert flat.problems() == []


@pytest.mark.invariant(9)
async def test_a_relay_is_closed_whose_wrong_address_is_corrected_after_the_payment(flat: House) -> None:
    await flat.read(10_000, power_w=500)
    await flat.hold_off()
    await flat.relay(RelayPosition.OPEN, power_w=0)
    await apply(flat, SITE.replace("tasmota:flat-1/1", "tasmota:flat-l/1"))
    await flat.supply(SupplyAction.AUTO)
    await apply(flat, SITE)
    assert flat.transport.switched[-1] == ("flat-1/main", RelayPosition.CLOSED)
    await flat.relay(RelayPosition.CLOSED, power_w=500)
    assert (flat.account.state, flat.meter.relay.proof) == ("connected", "confirmed")
    assert flat.problems() == []


async def test_a_relay_that_was_never_told_anything_stays_as_it_is_found(flat: House) -> None:
    two = SITE.replace("rating: 10 kW}]", 'rating: 10 kW}, {id: geyser, address: "tasmota:geyser/1"}]')
    for address in ("geyser", "other"):
        await apply(flat, two.replace("tasmota:geyser", f"tasmota:{address}"))
        await flat.report(Report(f"tasmota:{address}/1", relay=RelayPosition.OPEN, register_wh=5), after=HOUR)
    assert "flat-1/geyser" not in dict(flat.transport.switched)
    assert flat.account.state == "connected"


@pytest.mark.invariant(9)
async def test_a_meter_added_to_a_cut_unit_is_opened_too(flat: House) -> None:
    await flat.hold_off()
    two = SITE.replace("rating: 10 kW}]", 'rating: 10 kW}, {id: geyser, address: "tasmota:geyser/1"}]')
    await apply(flat, two)
    assert ("flat-1/geyser", RelayPosition.OPEN) in flat.transport.switched
    assert flat.problems() == []


async def test_a_meter_that_was_taken_out_and_comes_back_starts_anew(flat: House) -> None:
    two = SITE.replace("rating: 10 kW}]", 'rating: 10 kW}, {id: geyser, address: "tasmota:geyser/1"}]')
    await apply(flat, two)
    await flat.report(Report("tasmota:geyser/1", register_wh=1_000))
    await flat.report(Report("tasmota:geyser/1", register_wh=2_000), after=HOUR)
    await apply(flat, SITE)
    assert flat.app.accounts.view(LANDLORD, "flat-1").energy_wh == 1_000
    await apply(flat, two)
    await flat.report(Report("tasmota:geyser/1", register_wh=5_000), after=HOUR)
    await flat.report(Report("tasmota:geyser/1", register_wh=5_500), after=HOUR)
    assert flat.app.accounts.view(LANDLORD, "flat-1").energy_wh == 1_500
    assert flat.available == zar("97")
    assert flat.problems() == []


async def test_a_change_of_tariff_in_the_middle_of_a_slot_prices_each_part_at_its_own_tariff(
    flat: House,
) -> None:
    dear = (
        "      dear:\n        name: Dear\n        versions: [{from: 2026-01-01, prices: [4.00]}]\n    units:"
    )
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    await apply(flat, SITE.replace("    units:", dear).replace("tariff: flat", "tariff: dear"))
    await flat.read(10_200, after=60_000)
    assert flat.available == zar("100") - zar("0.20") - zar("0.40")
    await flat.tick(HOUR)
    assert flat.problems() == []


async def test_a_version_that_begins_later_prices_what_is_used_from_then(flat: House) -> None:
    later = "prices: [2.00]\n          - from: 2026-11-02\n            prices: [3.00]"
    await apply(flat, SITE.replace("prices: [2.00]", later))
    await flat.read(10_000, after=11 * HOUR)
    await flat.read(12_000, after=2 * HOUR)
    assert flat.available == zar("95")
    assert flat.problems() == []


async def test_a_refusal_applies_nothing(flat: House) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await apply(flat, BOTH.replace("prices: [2.00]", "prices: [9.00]"))
    assert refusal.value.code is ErrorCode.CONFLICT
    (problem,) = refusal.value.problems or ()
    assert (problem.code, problem.field, problem.value) == ("version_begun", "flat@2026-01-01", "2026-01-01")
    assert problem.remedy
    assert [each.id for each in flat.app.accounts.views(LANDLORD)] == ["flat-1"]
    assert flat.rows("SELECT count(*) FROM applied_site") == [(1,)]


async def test_a_dry_run_applies_nothing(flat: House) -> None:
    result = await flat.app.sites.apply(LANDLORD, load(BOTH), document=BOTH, dry_run=True)
    assert not result.applied
    assert any("flat-2" in line for line in result.changes)
    assert [each.id for each in flat.app.accounts.views(LANDLORD)] == ["flat-1"]


async def test_settings_hold_from_the_apply_on(flat: House) -> None:
    await flat.read(0)
    await apply(flat, SITE.replace("low credit: [5.00]", "low credit: [150.00]\n        never cut: yes"))
    assert flat.app.accounts.view(LANDLORD, "flat-1").low_credit
    await flat.read(60_000, after=20 * HOUR)
    assert flat.state() is SupplyState.CONNECTED


async def test_what_was_decided_and_used_survives_an_apply(flat: House) -> None:
    await flat.read(10_000)
    await flat.read(10_400, after=HOUR)
    await flat.read(10_500, after=60_000)
    await flat.hold_off("leak")
    await apply(flat, BOTH)
    assert flat.available == zar("99")
    assert flat.account.note == "leak"
    await flat.read(10_600, after=60_000)
    assert flat.meter.energy_wh == 600


async def test_readings_and_top_ups_during_an_apply_are_neither_lost_nor_booked_twice(flat: House) -> None:
    await flat.read(10_000)
    applying = asyncio.create_task(apply(flat, BOTH))
    tops = [asyncio.create_task(flat.top_up("1.00")) for _ in range(5)]
    for wh in range(10_010, 10_200, 10):
        await flat.read(wh, after=10_000)
        await asyncio.sleep(0)
    await asyncio.gather(applying, *tops)
    await flat.read(11_000, after=HOUR)
    assert flat.available == zar("105") - zar("2")
    assert flat.problems() == []


async def test_two_applies_at_once_happen_one_after_the_other(flat: House) -> None:
    await asyncio.gather(apply(flat, BOTH), apply(flat, SITE.replace("Flat 1", "First flat")))
    assert flat.rows("SELECT seq FROM applied_site ORDER BY seq") == [(1,), (2,), (3,)]
    assert [each.name for each in flat.app.accounts.views(LANDLORD)] == ["First flat"]


@pytest.mark.invariant(13)
async def test_an_apply_that_cannot_be_stored_leaves_everything_as_it_was(flat: House) -> None:
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    await flat.tick()
    before = flat.rows("SELECT * FROM supply_status")
    with refusing(flat, "INSERT", "applied_site"), pytest.raises(RequestRefused) as refusal:
        await apply(flat, ONLY_SECOND)
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert flat.rows("SELECT * FROM supply_status") == before
    assert await flat.engine.try_recover()
    assert [each.id for each in flat.app.accounts.views(LANDLORD)] == ["flat-1"]
    assert flat.available == zar("99.80")
    assert flat.problems() == []


async def test_an_apply_that_ends_in_an_error_leaves_everything_as_it_was(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        apply_transaction(*given)  # type: ignore[arg-type]
        raise RuntimeError("a mistake of ours")

    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    monkeypatch.setattr("meter_bridge.engine.sites.service.apply_transaction", fail)
    with pytest.raises(RuntimeError):
        await apply(flat, ONLY_SECOND)
    await flat.read(10_200, after=60_000)
    assert flat.available == zar("99.60")
    assert flat.problems() == []


async def test_an_apply_that_nobody_waits_for_comes_to_its_end(flat: House) -> None:
    applying = asyncio.create_task(flat.app.sites.apply(LANDLORD, load(BOTH), document=BOTH, dry_run=False))
    await flat.apply_begun()
    applying.cancel()
    await flat.engine.session.accepting.wait()
    assert [each.id for each in flat.app.accounts.views(LANDLORD)] == ["flat-1", "flat-2"]


async def test_an_apply_that_is_refused_when_nobody_waits_any_more_is_no_error_of_ours(flat: House) -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
    with refusing(flat, "INSERT", "applied_site"):
        applying = asyncio.create_task(apply(flat, BOTH))
        await flat.apply_begun()
        (task,) = flat.app.sites._tasks
        applying.cancel()
        await asyncio.wait([task])
    await asyncio.sleep(0)
    assert errors == []


@pytest.mark.both_databases
async def test_a_key_keeps_its_answer_after_its_account_was_closed(flat: House) -> None:
    await apply(flat, BOTH)
    first = await flat.top_up("7.00", key="once")
    await apply(flat, ONLY_SECOND)
    again, replayed = await flat.app.accounts.top_up(
        LANDLORD, "flat-1", amount="7.00", method="cash", reference=None, key="once"
    )
    assert (again, replayed) == (first, True)


async def test_settings_of_meter_families_count_at_once_and_after_a_start(tmp_path: Path) -> None:
    settings = {"shelly": {"answer topic": "house/bridge"}}
    async with house(tmp_path) as made:
        assert made.engine.session.installation.families == {}
        await apply(made, SITE + "families:\n  shelly: {answer topic: house/bridge}\n")
        assert made.engine.session.installation.families == settings
        time = made.time
    async with opened(tmp_path, time) as made:
        assert made.engine.session.installation.families == settings
