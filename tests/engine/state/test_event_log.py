"""The log tells of cuts, top-ups, alerts and who confirmed the clock, each in one line."""

import pytest

from meter_bridge.core.calendar import iso
from tests.engine.harness import HOUR, LANDLORD, House


async def test_a_cut_a_top_up_and_a_warning_are_each_one_line(
    flat: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="meter_bridge.events")
    await flat.read(0)
    await flat.read(51_000, after=8 * HOUR)
    await flat.top_up("50.00")
    lines = [record.message for record in caplog.records if record.name == "meter_bridge.events"]
    assert lines[:3] == [
        "Alert: Flat 1: credit is low, ZAR -2.00 left (warning at ZAR 5.00)",
        "flat-1: supply is disconnected, credit_exhausted",
        "Alert: Flat 1: supply is cut, the credit is used up",
    ]
    assert "flat-1: supply is connected, in_credit" in lines
    assert sum("top-up" in line for line in lines) == 1


async def test_who_confirmed_the_clock_is_a_line(flat: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="meter_bridge.events")
    flat.time.wall += HOUR
    await flat.tick()
    await flat.app.status.confirm_clock(LANDLORD)
    await flat.settle()
    lines = [record.message for record in caplog.records if record.name == "meter_bridge.events"]
    jumped = "The clock of the bridge jumped; charges by time and cuts wait until it is right or confirmed"
    assert lines == [
        f"Alert: {jumped}",
        f"The clock, at {iso(flat.time.wall)}, was confirmed by landlord",
        f"Alert over: {jumped}",
    ]
