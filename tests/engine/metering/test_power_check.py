"""A register that its own power contradicts is told, and far too much of it is not charged."""

from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Phase, Report
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply, house, opened, zar

QUARTER = HOUR // 4


class Plug:
    """A plug that reports register and power."""

    def __init__(self, house: House, *, power_w: int, wh: float = 10_000, factor: float = 1) -> None:
        self.house, self.power_w, self.wh, self.factor = house, power_w, wh, factor
        self.step_wh, self.stuck, self.shown = 1, False, int(wh)
        self.shows_power = True
        self.phases: tuple[Phase, ...] = ()

    async def runs(self, milliseconds: int, *, every: int = 30_000) -> None:
        """Let it run and report."""
        for _ in range(milliseconds // every):
            self.wh += self.power_w * self.factor * every / HOUR
            if not self.stuck:
                self.shown = int(self.wh) // self.step_wh * self.step_wh
            power = self.power_w * 1000 if self.shows_power else None
            address = self.house.meter.plan.energy_address
            report = Report(address, register_wh=self.shown, power_mw=power, phases=self.phases)
            await self.house.report(report, after=every)


async def test_wh_taken_for_kwh_are_charged_for_a_quarter_of_an_hour_at_most(flat: House) -> None:
    """R80 were charged in place of R0.08."""
    plug = Plug(flat, power_w=8)
    await plug.runs(2 * HOUR)
    plug.factor = 1000
    await plug.runs(5 * HOUR)
    assert AlertKind.REGISTER_QUARANTINED in flat.alert_kinds()
    assert flat.meter.energy_wh is not None
    assert flat.meter.energy_wh < 5_000
    (text,) = flat.alert_texts(AlertKind.REGISTER_QUARANTINED)
    assert "look whether its unit changed" in text
    assert flat.problems() == []


@pytest.mark.parametrize("minutes", [2, 5, 10, 19])
async def test_wh_taken_for_kwh_by_a_meter_that_reports_rarely_wait_for_a_person(
    flat: House, minutes: int
) -> None:
    """By thirty reports the power says enough; Tasmota sends one each five minutes unless told otherwise."""
    await flat.top_up("10000")
    every = minutes * 60_000
    plug = Plug(flat, power_w=8)
    await plug.runs(31 * every, every=every)
    plug.factor = 1000
    await plug.runs(70 * every, every=every)
    charged = flat.meter.energy_wh
    assert AlertKind.REGISTER_QUARANTINED in flat.alert_kinds()
    assert charged is not None
    assert charged <= 8_000 * 62 * minutes // 60
    await plug.runs(10 * every, every=every)
    assert (flat.meter.energy_wh, flat.problems()) == (charged, [])


async def test_a_unit_that_makes_every_step_a_kwh_is_charged_nothing_at_all(flat: House) -> None:
    plug = Plug(flat, power_w=8)
    await plug.runs(2 * HOUR)
    charged = flat.meter.energy_wh
    plug.factor, plug.step_wh = 1000, 1000
    await plug.runs(HOUR)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (charged, {AlertKind.REGISTER_QUARANTINED})
    await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "discard", reason="unit is wrong")
    await plug.runs(HOUR)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (charged, {AlertKind.REGISTER_QUARANTINED})
    assert flat.problems() == []


async def test_a_register_that_stands_still_under_load_is_told_within_hours(flat: House) -> None:
    """R144 were lost in 48 hours, unseen."""
    plug = Plug(flat, power_w=1_500)
    await plug.runs(HOUR)
    plug.stuck = True
    await plug.runs(3 * HOUR)
    assert flat.alert_kinds() == {AlertKind.REGISTER_DISAGREES}
    (text,) = flat.alert_texts(AlertKind.REGISTER_DISAGREES)
    assert "stands still although it reports 1500 W" in text
    plug.stuck, plug.wh = False, plug.shown
    await plug.runs(HOUR)
    assert (flat.alert_kinds(), flat.problems()) == (set(), [])


async def test_a_doubled_total_is_told_and_charged(flat: House) -> None:
    plug = Plug(flat, power_w=600, factor=2)
    await plug.runs(2 * HOUR)
    assert flat.alert_kinds() == {AlertKind.REGISTER_DISAGREES}
    assert flat.meter.energy_wh == 2_390
    plug.factor = 1
    await plug.runs(HOUR)
    assert flat.alert_kinds() == set()


async def test_a_jump_that_the_rating_allows_and_the_power_does_not_waits_for_a_person(flat: House) -> None:
    plug = Plug(flat, power_w=50)
    await plug.runs(HOUR)
    charged = flat.meter.energy_wh
    plug.wh += 4_000
    await plug.runs(HOUR)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (charged, {AlertKind.REGISTER_QUARANTINED})


async def test_who_accepts_a_register_is_not_asked_again_but_told(flat: House) -> None:
    """The register is right and the power is in kW."""
    await flat.top_up("1000")
    plug = Plug(flat, power_w=3, factor=1000)
    await plug.runs(HOUR)
    assert flat.alert_kinds() == {AlertKind.REGISTER_QUARANTINED}
    await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "accept", reason="read on site")
    charged = flat.meter.energy_wh
    await flat.tick()
    async with opened(flat.data, flat.time) as again:
        plug.house = again
        await plug.runs(2 * HOUR)
        assert again.alert_kinds() == {AlertKind.REGISTER_DISAGREES}
        assert again.meter.energy_wh == (charged or 0) + 6_000
        plug.power_w, plug.factor = 3_000, 1
        await plug.runs(HOUR)
        assert again.alert_kinds() == set()
        assert again.meter.register is not None
        assert not again.meter.register.believed
        assert again.problems() == []


async def test_only_a_person_ends_what_the_power_contradicted_also_after_a_restart(flat: House) -> None:
    plug = Plug(flat, power_w=8)
    await plug.runs(HOUR)
    plug.factor = 1000
    await plug.runs(HOUR)
    assert AlertKind.REGISTER_QUARANTINED in flat.alert_kinds()
    charged = flat.meter.energy_wh
    await flat.tick()
    async with opened(flat.data, flat.time) as again:
        plug.house, plug.factor = again, 1
        await plug.runs(2 * HOUR)
        assert again.meter.energy_wh == charged
        await again.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="mended")
        await plug.runs(HOUR)
        assert (again.meter.energy_wh, again.alert_kinds()) == ((charged or 0) + 8, set())
        assert again.problems() == []


@pytest.mark.parametrize("phases", [(), (Phase(power_mw=2_000_000), Phase(power_mw=-2_000_000))])
async def test_what_cannot_be_compared_is_not_doubted(flat: House, phases: tuple[Phase, ...]) -> None:
    """No power at all; or a sum over phases of which one feeds solar power back."""
    plug = Plug(flat, power_w=1, factor=2_000)
    plug.phases, plug.shows_power = phases, bool(phases)
    await plug.runs(3 * HOUR)
    assert (flat.alert_kinds(), flat.meter.energy_wh) == (set(), 5_983)


async def test_a_meter_that_may_feed_back_is_not_compared(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await apply(made, SITE.replace("rating: 10 kW}", "rating: 10 kW, returns energy: yes}"))
        await Plug(made, power_w=1, factor=2_000).runs(3 * HOUR)
        assert made.alert_kinds() == set()


async def test_a_site_file_applied_often_stops_no_comparison(tmp_path: Path) -> None:
    """A landlord at work on other units lets nobody be charged a thousandfold for longer."""
    async with house(tmp_path) as made:
        await apply(made, SITE)
        await made.top_up("10000")
        plug = Plug(made, power_w=8)
        await plug.runs(2 * HOUR)
        plug.factor = 1000
        for limit in range(11, 41):
            await plug.runs(10 * 60_000)
            await apply(made, SITE.replace("rating: 10 kW}", f"rating: {limit} kW}}"))
        assert AlertKind.REGISTER_QUARANTINED in made.alert_kinds()
        assert (made.meter.energy_wh or 0) < 5_000
        assert made.problems() == []


async def test_another_device_is_not_compared_with_the_power_of_the_one_before(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await apply(made, SITE)
        await Plug(made, power_w=8).runs(HOUR + 5 * 60_000)
        assert made.meter.power_record.reports == 10
        await apply(made, SITE.replace("tasmota:flat-1/1", "tasmota:other/1"))
        assert made.meter.plan.energy_address == "tasmota:other/1"
        assert not made.meter.power_record.reports


async def test_a_restart_of_the_bridge_begins_anew_to_compare(flat: House) -> None:
    plug = Plug(flat, power_w=500)
    await plug.runs(HOUR)
    await flat.tick()
    flat.time.forward(8 * HOUR)
    plug.wh += 40_000
    async with opened(flat.data, flat.time) as again:
        plug.house = again
        await plug.runs(2 * HOUR)
        assert (again.alert_kinds(), again.problems()) == (set(), [])
        assert again.available == zar("100") - zar("0.002") * (again.meter.energy_wh or 0)


async def test_a_clock_that_was_ahead_makes_nothing_look_wrong(flat: House) -> None:
    """Event time passes slowly then, and power over that time is less than what flowed."""
    plug = Plug(flat, power_w=500)
    await plug.runs(HOUR)
    await flat.set_clock_back(11)
    await plug.runs(6 * HOUR)
    assert flat.alert_kinds() == set()
