"""An outage is told apart from credit that ran out, from an open relay and from a lost link."""

from pathlib import Path

from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition
from meter_bridge.text.alerts import alert_text
from tests.engine.harness import HOUR, SITE, House, house, opened

ADDRESS = "tasmota:flat-1/1"
MINUTE = HOUR // 60
TWO = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
OFFLINE_MS = 901_000


def dark(register_wh: int = 10_000) -> Report:
    return Report(ADDRESS, register_wh, power_mw=0, voltage_mv=0, current_ma=0)


async def test_a_meter_without_voltage_tells_of_an_outage_until_it_has_some_again(flat: House) -> None:
    await flat.read(10_000, power_w=500)
    await flat.report(dark(), after=MINUTE)
    assert AlertKind.POWER_OUTAGE in flat.alert_kinds()
    assert AlertKind.UNDER_VOLTAGE not in flat.alert_kinds()
    await flat.report(Report(ADDRESS, 10_000, voltage_mv=230_000), after=MINUTE)
    assert AlertKind.POWER_OUTAGE not in flat.alert_kinds()


async def test_an_outage_is_remembered_over_a_restart(flat: House) -> None:
    await flat.read(10_000, power_w=500)
    await flat.report(dark(), after=MINUTE)
    async with opened(flat.data, flat.time) as again:
        assert AlertKind.POWER_OUTAGE in again.alert_kinds()
        await again.report(Report(ADDRESS, 10_000, voltage_mv=230_000), after=MINUTE)
        assert AlertKind.POWER_OUTAGE not in again.alert_kinds()


async def test_no_voltage_behind_a_relay_that_is_open_is_no_outage(flat: House) -> None:
    await flat.read(10_000, power_w=500)
    await flat.hold_off()
    await flat.report(Report(ADDRESS, relay=RelayPosition.OPEN), after=MINUTE)
    await flat.report(dark(), after=MINUTE)
    assert AlertKind.POWER_OUTAGE not in flat.alert_kinds()


async def test_a_building_all_of_whose_meters_are_silent_is_dark(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        key = AlertKey(AlertKind.POWER_OUTAGE, detail="house")
        await street.report(Report(ADDRESS, 1_000), Report("tasmota:flat-2/1", 1_000))
        await street.report(Report(ADDRESS, 1_001), after=OFFLINE_MS)
        street.engine.check_offline_meters()
        assert key not in street.engine.session.installation.alerts, "one is silent: its link is lost"
        street.time.forward(OFFLINE_MS)
        street.engine.check_offline_meters()
        await street.settle()
        facts = street.engine.session.installation.alerts[key].facts
        assert "all 2 meters are silent" in alert_text(key.kind, facts)
        await street.report(Report(ADDRESS, 1_002), after=MINUTE)
        street.engine.check_offline_meters()
        assert key not in street.engine.session.installation.alerts


async def test_silence_without_a_broker_tells_nothing_of_the_mains(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        await street.report(Report(ADDRESS, 1_000), Report("tasmota:flat-2/1", 1_000))
        set_installation_alert(street.engine.session, AlertKind.BROKER_LOST, {})
        street.time.forward(OFFLINE_MS)
        street.engine.check_offline_meters()
        assert (
            AlertKey(AlertKind.POWER_OUTAGE, detail="house") not in street.engine.session.installation.alerts
        )
