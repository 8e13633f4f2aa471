"""The bridge foretells when credit runs out, warns of it, and tells of unusual consumption."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.forecasting.daily_use import clear_daily_use
from meter_bridge.engine.forecasting.forecaster import MIN_ROUND_MS, Forecaster
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import AccountView
from meter_bridge.protocol.requests import MoveIn, MoveOut
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import HOUR, LANDLORD, SITE, House, VirtualTime, apply, house, opened, operate, zar

DAY = 24 * HOUR
WARNED = SITE.replace("low credit: [5.00]", "low credit: [5.00]\n        days left: 3")


@asynccontextmanager
async def warned(data: Path, credit: str = "1000.00", site: str = WARNED) -> AsyncIterator[House]:
    async with house(data, site, credit) as made:
        made.time.synchronised = True
        await made.read(0, after=12 * HOUR)
        yield made


async def live(made: House, days: int, wh_per_day: int = 4_800) -> None:
    """Let whole days pass with a reading each hour, and what was used be learned."""
    for _ in range(days * 24):
        register = made.meter.register
        assert register is not None
        await made.read(register.watermark_wh + wh_per_day // 24, after=HOUR)
        await made.tick(0)
        await Forecaster(made.engine.session).run_all()
        await made.settle()


def view(made: House) -> AccountView:
    return made.app.accounts.view(LANDLORD, made.account.id)


def kinds(made: House) -> set[AlertKind]:
    return {key.kind for key in made.account.alerts}


@pytest.mark.both_databases
async def test_nothing_is_foretold_in_the_first_days(tmp_path: Path) -> None:
    async with warned(tmp_path) as made:
        await live(made, 2)
        assert view(made).runs_out is None
        assert view(made).seconds_left is None


async def test_credit_is_foretold_to_last_as_long_as_the_use_of_late_allows(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 5)
        # A day costs 9.60; of 100 the first five and a half days took 48.
        told = view(made)
        assert told.runs_out is not None
        assert told.seconds_left == pytest.approx(told.available / zar("9.60") * 86_400, rel=0.01)
        at = datetime.fromisoformat(told.runs_out.at)
        now = datetime.fromtimestamp(made.engine.session.clock.now() / 1000, UTC)
        assert (at - now).total_seconds() == pytest.approx(told.seconds_left, abs=1)
        assert told.runs_out.soonest is None, "no band from so few days"


async def test_the_band_is_told_once_enough_is_known(tmp_path: Path) -> None:
    async with warned(tmp_path, "330.00") as made:
        await live(made, 30)
        told = view(made).runs_out
        assert told is not None
        assert told.soonest is not None
        assert told.latest is not None
        assert told.soonest <= told.at <= told.latest


async def test_a_payment_moves_the_forecast_at_once(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 5)
        before = view(made).seconds_left
        await made.top_up("96.00")
        after = view(made).seconds_left
        assert before is not None
        assert after is not None
        assert after - before == pytest.approx(10 * 86_400, rel=0.01)


async def test_days_left_opens_and_closes_its_alert(tmp_path: Path) -> None:
    async with warned(tmp_path, "80.00") as made:
        await live(made, 4)
        assert AlertKind.DAYS_LEFT not in kinds(made)
        await live(made, 2)
        assert AlertKind.DAYS_LEFT in kinds(made)
        (message,) = made.alert_texts(AlertKind.DAYS_LEFT)
        assert message.startswith("Flat 1: credit lasts about 2.")
        await made.top_up("100.00")
        await Forecaster(made.engine.session).run_all()
        assert AlertKind.DAYS_LEFT not in kinds(made)


async def test_what_was_learned_survives_a_restart(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 5)
        before = view(made).seconds_left
        time = made.time
    async with opened(tmp_path, time) as again:
        assert view(again).seconds_left is None, "looked ahead anew after the start"
        await Forecaster(again.engine.session).run_all()
        assert view(again).seconds_left == pytest.approx(before, rel=0.01)


async def test_another_customer_begins_without_a_past(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 5)
        await operate(made, MoveOut(reason="moved"))
        await operate(made, MoveIn(customer="J. van Wyk", opening_credit="50.00"))
        await Forecaster(made.engine.session).run_all()
        assert view(made).seconds_left is None
        supply = made.account.supplies[0]
        assert supply.history is not None
        assert supply.history.uses == ()


async def test_a_day_that_is_not_read_or_not_on_is_not_learned(tmp_path: Path) -> None:
    async with warned(tmp_path) as made:
        await live(made, 3)
        made.time.forward(2 * DAY)
        await live(made, 1)
        supply = made.account.supplies[0]
        assert supply.history is not None
        # Two days without a reading are known once one came: their energy was spread over them.
        assert None not in supply.history.uses[1:3]
        await made.hold_off("repair")
        await live(made, 2, 0)
        assert supply.history is not None
        assert supply.history.uses[-1] is None


async def test_a_new_price_list_is_looked_ahead_through(tmp_path: Path) -> None:
    async with warned(tmp_path, "200.00") as made:
        await live(made, 4)
        before = view(made).seconds_left
        dearer = "prices: [2.00]\n          - from: 2026-11-08\n            prices: [8.00]"
        await apply(made, WARNED.replace("prices: [2.00]", dearer))
        await Forecaster(made.engine.session).run_all()
        after = view(made).seconds_left
        assert before is not None
        assert after is not None
        assert after < before


async def test_nothing_used_is_told_and_closes_with_use(tmp_path: Path) -> None:
    async with warned(tmp_path, "2000.00") as made:
        await live(made, 9)
        await live(made, 3, 0)
        assert AlertKind.NO_CONSUMPTION in kinds(made)
        await live(made, 2)
        assert AlertKind.NO_CONSUMPTION not in kinds(made)


async def test_an_unusual_week_is_told_and_closes(tmp_path: Path) -> None:
    async with warned(tmp_path, "5000.00") as made:
        await live(made, 29)
        assert AlertKind.UNUSUAL_CONSUMPTION not in kinds(made)
        await live(made, 7, 1_200)
        assert AlertKind.UNUSUAL_CONSUMPTION in kinds(made)
        await live(made, 7)
        assert AlertKind.UNUSUAL_CONSUMPTION not in kinds(made)


async def test_a_unit_is_held_against_similar_ones(tmp_path: Path) -> None:
    units = "".join(
        f"""
      flat-{n}:
        name: Flat {n}
        tariff: flat
        meters: [{{address: "tasmota:flat-{n}/1", rating: 10 kW}}]"""
        for n in range(2, 8)
    )
    async with opened(tmp_path, VirtualTime(synchronised=True)) as made:
        await apply(made, SITE.rstrip() + units)
        for account_id in made.engine.session.installation.accounts:
            await made.app.accounts.top_up(
                LANDLORD, account_id, amount="5000", method="cash", reference=None, key=account_id
            )
        registers = dict.fromkeys(range(1, 8), 0)
        for _ in range(9 * 24):
            for n in registers:
                registers[n] += 1_500 if n == 7 else 200 + 5 * n
            reports = [Report(f"tasmota:flat-{n}/1", register_wh=wh) for n, wh in registers.items()]
            await made.report(*reports, after=HOUR)
            await made.tick(0)
            await Forecaster(made.engine.session).run_all()
        found = {
            account.id
            for account in made.engine.session.installation.accounts.values()
            for key in account.alerts
            if key.kind is AlertKind.UNUSUAL_CONSUMPTION
        }
        assert found == {"flat-7"}


async def test_the_work_is_done_in_small_steps(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 4)
        made.account.supplies[0].forecast = None
        foretelling = Forecaster(made.engine.session)
        steps = 0
        while view(made).seconds_left is None:
            await foretelling.tick()
            steps += 1
            assert steps < 100
        assert steps > 10


async def ticks(foretelling: Forecaster, many: int = 100) -> None:
    """Let foretelling take so many steps while time stands still."""
    for _ in range(many):
        await foretelling.tick()


async def test_a_forecast_of_a_customer_who_left_meanwhile_is_not_kept(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 4)
        (supply,) = made.account.supplies
        supply.forecast = None
        foretelling = Forecaster(made.engine.session)
        await ticks(foretelling, 3)
        clear_daily_use(supply, Transaction(made.engine.session.clock.now()))
        await ticks(foretelling)
        assert supply.forecast is None


async def test_accounts_are_gone_round_again_after_a_while_and_not_at_once(tmp_path: Path) -> None:
    async with warned(tmp_path, "100.00") as made:
        await live(made, 4)
        (supply,) = made.account.supplies
        foretelling = Forecaster(made.engine.session)
        await ticks(foretelling)
        supply.forecast = None
        await ticks(foretelling)
        assert supply.forecast is None
        made.time.forward(MIN_ROUND_MS)
        await ticks(foretelling)
        assert supply.forecast is not None


async def test_energy_that_no_unit_measured_is_told_and_closes(tmp_path: Path) -> None:
    building = """
      building:
        name: Whole building
        tariff: flat
        payment mode: credit
        building meter: yes
        meters: [{address: "tasmota:building/1", rating: 50 kW}]"""
    async with opened(tmp_path, VirtualTime(synchronised=True)) as made:
        await apply(made, SITE.rstrip() + building)
        await made.app.accounts.top_up(
            LANDLORD, "flat-1", amount="5000", method="cash", reference=None, key="credit"
        )
        registers = {"building": 0, "flat-1": 0}

        async def days(many: int, lost_percent: int) -> set[AlertKind]:
            for _ in range(many * 24):
                registers["flat-1"] += 200
                registers["building"] += 200 * 100 // (100 - lost_percent)
                reports = [Report(f"tasmota:{unit}/1", register_wh=wh) for unit, wh in registers.items()]
                await made.report(*reports, after=HOUR)
                await made.tick(0)
                await Forecaster(made.engine.session).run_all()
            return {key.kind for key in made.engine.session.installation.accounts["building"].alerts}

        assert AlertKind.ENERGY_UNACCOUNTED not in await days(3, 5)
        assert AlertKind.ENERGY_UNACCOUNTED in await days(3, 20)
        assert AlertKind.ENERGY_UNACCOUNTED not in await days(3, 4)
