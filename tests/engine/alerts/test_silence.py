"""Silence is an alarm: a meter in use that tells no register is told of, whatever else it says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metrics import render
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply, house, opened, read_only

MINUTE = HOUR // 60
OFFLINE_MS = 900_000
ADDRESS = "tasmota:flat-1/1"
TWO_DEVICES = SITE.replace('"tasmota:flat-1/1",', '"shelly:clamp/em1:0", relay: "tasmota:flat-1/1",')
FAMILIES = {
    "tasmota": ("tasmota:flat-1/1", "SML"),
    "shelly": ("shelly:flat-1/0", "RPC status notifications"),
    "zigbee2mqtt": ("zigbee2mqtt:flat-1/state", "output"),
}


@pytest.fixture
async def unpaid(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat of which no device was ever heard."""
    async with house(tmp_path, credit=None) as opened_house:
        yield opened_house


async def lives(made: House, milliseconds: int, *reports: Report, step: int = MINUTE) -> None:
    """Let time pass, with the same reports each minute."""
    for _ in range(milliseconds // step):
        if reports:
            await made.report(*reports)
        await made.tick(step)


def offline(made: House) -> list[str]:
    return made.alert_texts(AlertKind.METER_OFFLINE)


def counted_offline(made: House) -> str:
    lines = render(made.engine.session).decode().splitlines()
    return next(line for line in lines if line.startswith("prepaid_meters_offline"))


async def test_a_meter_that_was_never_heard_is_told_of(unpaid: House) -> None:
    await lives(unpaid, OFFLINE_MS)
    assert offline(unpaid) == []
    await lives(unpaid, 2 * MINUTE)
    assert ["never reported" in text and ADDRESS in text for text in offline(unpaid)] == [True]
    assert counted_offline(unpaid) == "prepaid_meters_offline 1.0"
    assert unpaid.meter.online is False
    await lives(unpaid, MINUTE, Report(ADDRESS, 1_000))
    assert offline(unpaid) == []
    assert counted_offline(unpaid) == "prepaid_meters_offline 0.0"
    assert [event["kind"] for event in unpaid.events("alert_opened")].count("meter_offline") == 1


async def test_a_meter_that_is_heard_only_as_a_relay_is_told_of(unpaid: House) -> None:
    await lives(unpaid, OFFLINE_MS + MINUTE, Report(ADDRESS, relay=RelayPosition.CLOSED, online=True))
    assert ["reports its relay" in text for text in offline(unpaid)] == [True]
    assert counted_offline(unpaid) == "prepaid_meters_offline 1.0"
    assert unpaid.meter.online is True, "it is heard; a site all of whose meters are heard is not dark"


async def test_a_meter_whose_relay_alone_is_heard_because_that_is_another_device_is_told_of(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, TWO_DEVICES, credit=None) as made:
        await lives(made, OFFLINE_MS + MINUTE, Report(ADDRESS, relay=RelayPosition.CLOSED))
        assert ["never reported" in text and "shelly:clamp/em1:0" in text for text in offline(made)] == [True]


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_meter_that_tells_everything_but_its_register_is_told_of(tmp_path: Path, family: str) -> None:
    address, advice = FAMILIES[family]
    async with house(tmp_path, SITE.replace(ADDRESS, address), credit=None) as made:
        report = Report(address, power_mw=500_000, voltage_mv=230_000, relay=RelayPosition.CLOSED)
        await lives(made, OFFLINE_MS + MINUTE, report)
        assert ["register" in text and advice in text for text in offline(made)] == [True]
        assert counted_offline(made) == "prepaid_meters_offline 1.0"


async def test_a_register_that_is_no_longer_told_is_told_of_until_it_is_told_again(flat: House) -> None:
    power = Report(ADDRESS, power_mw=500_000)
    await lives(flat, MINUTE * 5, Report(ADDRESS, 1_000, power_mw=500_000))
    await lives(flat, OFFLINE_MS + 2 * MINUTE, power)
    assert ["register" in text for text in offline(flat)] == [True]
    await flat.report(Report(ADDRESS, online=False))
    await flat.report(Report(ADDRESS, online=True))
    await lives(flat, MINUTE, power)
    assert len(offline(flat)) == 1, "to be there is not to tell the register"
    await lives(flat, MINUTE, Report(ADDRESS, 1_100))
    assert offline(flat) == []


async def test_a_device_that_is_back_without_its_register_is_told_of_again(flat: House) -> None:
    await lives(flat, MINUTE, Report(ADDRESS, 1_000))
    await lives(flat, OFFLINE_MS + MINUTE)
    assert "is offline" in offline(flat)[0]
    await flat.report(Report(ADDRESS, online=True))
    assert offline(flat) == []
    await lives(flat, OFFLINE_MS + MINUTE, Report(ADDRESS, power_mw=0))
    assert "register" in offline(flat)[0]


async def test_what_a_meter_never_heard_says_first_decides_what_is_told_of_it_next(unpaid: House) -> None:
    await lives(unpaid, OFFLINE_MS + MINUTE)
    await lives(unpaid, OFFLINE_MS + 2 * MINUTE, Report(ADDRESS, power_mw=500_000))
    assert ["not its register" in text for text in offline(unpaid)] == [True]


async def test_a_register_in_doubt_is_told(flat: House) -> None:
    await lives(flat, 5 * MINUTE, Report(ADDRESS, 50_000))
    await lives(flat, OFFLINE_MS + 5 * MINUTE, Report(ADDRESS, 1_000))
    assert flat.meter.quarantine_id is not None
    assert offline(flat) == []


async def test_a_reading_by_hand_ends_the_silence_of_a_meter_that_people_read(tmp_path: Path) -> None:
    by_hand = SITE.replace("rating: 10 kW", "rating: 10 kW, read by hand: yes")
    async with house(tmp_path, by_hand, credit=None) as made:
        await lives(made, 3 * HOUR, step=HOUR)
        await made.app.meters.submit_reading(LANDLORD, made.meter.id, register="9.0", at=None)
        await lives(made, 3 * HOUR, step=HOUR)
        assert offline(made) == []


async def test_a_silent_meter_that_is_replaced_at_a_wrong_address_is_told_of(flat: House) -> None:
    await lives(flat, 5 * MINUTE, Report(ADDRESS, 1_000))
    await apply(flat, SITE.replace(ADDRESS, "tasmota:typo/1"))
    assert flat.meter.last_seen is None
    await lives(flat, OFFLINE_MS + 2 * MINUTE)
    assert ["never reported" in text and "tasmota:typo/1" in text for text in offline(flat)] == [True]


async def test_a_downtime_is_not_the_silence_of_the_meters(tmp_path: Path) -> None:
    two = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
    async with house(tmp_path, two) as made:
        await made.report(Report(ADDRESS, 1_000), Report("tasmota:flat-2/1", 1_000))
        await made.tick()
    made.time.forward(2 * HOUR)
    made.time.synchronised = True
    async with opened(tmp_path, made.time) as again:
        await again.tick()
        assert offline(again) == []
        assert again.engine.session.installation.alerts == {}
        await lives(again, OFFLINE_MS + 2 * MINUTE)
        assert len(offline(again)) == 1
        assert AlertKey(AlertKind.POWER_OUTAGE, detail="house") in again.engine.session.installation.alerts


async def test_an_outage_of_the_storage_is_not_the_silence_of_the_meters(flat: House) -> None:
    await lives(flat, 5 * MINUTE, Report(ADDRESS, 1_000))
    with read_only(flat):
        await lives(flat, OFFLINE_MS + 2 * MINUTE, Report(ADDRESS, 1_000))
    assert await flat.engine.try_recover()
    await flat.tick()
    assert offline(flat) == []
    await lives(flat, OFFLINE_MS + 2 * MINUTE)
    assert len(offline(flat)) == 1


async def test_a_clock_that_was_not_sure_is_not_the_silence_of_the_meters(flat: House) -> None:
    report = Report(ADDRESS, 1_000)
    await lives(flat, 5 * MINUTE, report)
    flat.time.wall += 3 * HOUR
    await lives(flat, OFFLINE_MS + 2 * MINUTE, report)
    await flat.app.status.confirm_clock(LANDLORD)
    await flat.tick()
    assert offline(flat) == []
    await lives(flat, 2 * MINUTE, report)
    assert offline(flat) == []


async def test_what_is_told_of_a_silent_meter_survives_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, credit=None) as made:
        await lives(made, OFFLINE_MS + 2 * MINUTE, Report(ADDRESS, power_mw=0))
        assert len(offline(made)) == 1
    async with opened(tmp_path, made.time) as again:
        await lives(again, 2 * MINUTE, Report(ADDRESS, power_mw=0))
        assert len(offline(again)) == 1
        await lives(again, MINUTE, Report(ADDRESS, 1_000))
        assert offline(again) == []


@pytest.mark.parametrize("away", [MINUTE, 10 * MINUTE])
@pytest.mark.parametrize("told_once", [False, True])
async def test_a_device_that_comes_and_goes_does_not_begin_its_silence_anew(
    flat: House, away: int, *, told_once: bool
) -> None:
    """A weak radio: the relay is heard each time, the register never."""
    if told_once:
        await lives(flat, MINUTE, Report(ADDRESS, 1_000))
    texts: list[str] = []
    for _ in range(8):
        await flat.report(Report(ADDRESS, online=True))
        await lives(flat, 3 * MINUTE, Report(ADDRESS, relay=RelayPosition.CLOSED))
        texts += offline(flat)
        await flat.report(Report(ADDRESS, online=False))
        await lives(flat, away)
    assert any("register" in text for text in texts)
    await flat.report(Report(ADDRESS, online=True))
    assert any("register" in text for text in offline(flat)), "to come back is not to tell the register"
    await lives(flat, 2 * MINUTE, Report(ADDRESS, 1_100))
    assert offline(flat) == []


async def test_a_device_that_comes_and_goes_and_tells_its_register_is_not_told_of_for_that(
    flat: House,
) -> None:
    for number in range(8):
        await flat.report(Report(ADDRESS, online=True))
        await lives(flat, MINUTE, Report(ADDRESS, 1_000 + number))
        assert offline(flat) == []
        await flat.report(Report(ADDRESS, online=False))
        await lives(flat, 12 * MINUTE)


async def test_a_device_that_was_away_for_long_is_given_time_to_tell_its_register(flat: House) -> None:
    await flat.report(Report(ADDRESS, online=True))
    await flat.report(Report(ADDRESS, online=False), after=MINUTE)
    await lives(flat, 24 * HOUR, step=HOUR)
    await flat.report(Report(ADDRESS, online=True))
    await lives(flat, 2 * MINUTE, Report(ADDRESS, power_mw=0))
    assert offline(flat) == []


@pytest.mark.parametrize("lost_for, told", [(30_000, True), (5 * MINUTE, False)])
async def test_a_broker_that_is_lost_for_moments_excuses_no_meter(
    unpaid: House, lost_for: int, *, told: bool
) -> None:
    unpaid.engine.silence.resume()
    for _ in range(4):
        await lives(unpaid, 5 * MINUTE)
        unpaid.engine.silence.pause()
        unpaid.time.forward(lost_for)
        unpaid.engine.silence.resume()
        await unpaid.tick()
    assert bool(offline(unpaid)) == told
