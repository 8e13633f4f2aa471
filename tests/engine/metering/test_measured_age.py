"""Readings that are older than their message, and devices whose clock is wrong."""

import logging

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.engine.harness import HOUR, House

MINUTE = 60_000


def told(flat: House, register_wh: int, behind_ms: int, **more: object) -> Report:
    address = flat.meter.plan.energy_address
    measured = flat.time.wall - behind_ms
    return Report(address, register_wh=register_wh, online=True, measured_at_ms=measured, **more)  # type: ignore[arg-type]


def rejected(flat: House) -> dict[str, int]:
    return flat.engine.session.counts.rejected


async def test_what_was_last_seen_hours_ago_is_no_reading_and_no_sign_of_life(flat: House) -> None:
    """A gateway that starts again sends what it remembers, with the time at which the device was heard."""
    await flat.read(10_000)
    heard = flat.meter.last_seen
    flat.time.forward(3 * HOUR)
    for behind in (3 * HOUR, 3 * HOUR + 5_000, 3 * HOUR + 40_000):
        await flat.report(told(flat, 10_500, behind, power_mw=3_000_000))
        flat.time.forward(5_000 if behind == 3 * HOUR else 35_000)
    assert (flat.meter.energy_wh, flat.meter.last_seen) == (0, heard)
    assert rejected(flat) == {"old_measurement": 3}
    await flat.report(told(flat, 10_700, 0))
    assert (flat.meter.energy_wh, flat.problems()) == (700, [])


async def test_a_relay_that_is_remembered_proves_nothing(flat: House) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    address = flat.meter.plan.relay_address
    assert address is not None
    old = Report(address, relay=RelayPosition.OPEN, power_mw=0, measured_at_ms=flat.time.wall - HOUR)
    before = flat.meter.relay.proof
    await flat.report(old)
    assert flat.meter.relay.proof is before


@pytest.mark.parametrize("behind,word", [(3 * HOUR, "behind"), (-9 * HOUR, "ahead")])
async def test_a_wrong_clock_costs_no_reading_and_is_told_once(
    flat: House, behind: int, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    await flat.read(10_000)
    flat.time.forward(MINUTE)
    with caplog.at_level(logging.WARNING):
        for step in range(1, 5):
            await flat.report(told(flat, 10_000 + 10 * step, behind + 100 * step))
            flat.time.forward(MINUTE)
    register = flat.meter.register
    assert register is not None
    assert (flat.meter.energy_wh, register.at) == (40, flat.time.wall - MINUTE)
    assert rejected(flat) == ({"old_measurement": 1} if behind > 0 else {}) | {"clock_wrong": 1}
    assert len([record for record in caplog.records if f"180 minutes {word}" in record.message]) == (
        behind > 0
    )
    assert len([record for record in caplog.records if "clock of" in record.message]) == 1
    assert flat.problems() == []


async def test_what_a_gateway_held_back_and_sends_all_at_once_is_old(flat: House) -> None:
    await flat.read(10_000)
    flat.time.forward(2 * HOUR)
    for minutes in range(120, 10, -10):
        await flat.report(told(flat, 10_000 + 10 * (120 - minutes), minutes * MINUTE))
    assert (flat.meter.energy_wh, rejected(flat)) == (0, {"old_measurement": 11})
    await flat.report(told(flat, 11_200, 30_000))
    assert (flat.meter.energy_wh, flat.problems()) == (1_200, [])


@pytest.mark.parametrize("behind", [0, MINUTE, 10 * MINUTE, -10 * MINUTE])
async def test_a_few_minutes_are_a_message_that_took_its_time(flat: House, behind: int) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    await flat.report(told(flat, 10_500, behind))
    assert (flat.meter.energy_wh, rejected(flat)) == (500, {})


async def test_of_a_meter_that_nobody_uses_no_times_are_kept(flat: House) -> None:
    report = Report("tasmota:other/1", register_wh=1, measured_at_ms=flat.time.wall - HOUR)
    await flat.report(report)
    assert rejected(flat) == {}
