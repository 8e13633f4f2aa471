"""A bridge that dies at any instant goes on where its database stands: nothing twice, nothing lost."""

from pathlib import Path

import pytest

from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof, SupplyState
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, house, opened, zar

pytestmark = pytest.mark.both_databases


@pytest.mark.invariant(5)
async def test_energy_posted_just_before_a_crash_is_not_charged_again(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.tick()
        await made.read(11_000, after=HOUR)  # posts the hour; the state is not yet flushed
    async with opened(tmp_path, made.time) as again:
        assert again.problems() == []
        await again.read(11_000, after=HOUR)
        assert again.meter.energy_wh == 1_000
        assert again.available == zar("98")
        assert again.problems() == []


@pytest.mark.invariant(5)
async def test_energy_posted_by_a_top_up_just_before_a_crash_is_not_charged_again(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.tick()
        await made.read(10_100, after=60_000)
        await made.top_up("10.00")
    async with opened(tmp_path, made.time) as again:
        await again.read(10_100, after=HOUR)
        assert again.available == zar("109.80")
        assert again.problems() == []


async def test_a_standing_charge_posted_just_before_a_crash_is_not_charged_again(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as made:
        await made.tick()
        made.time.forward(12 * HOUR)
        await made.engine.run_due_accounts()
        await made.settle()
        assert made.account.balance == zar("98.85")
    async with opened(tmp_path, made.time) as again:
        assert again.account.balance == zar("98.85")
        assert again.problems() == []


async def test_energy_that_was_not_yet_stored_is_charged_by_the_next_reading(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.tick()
        await made.read(10_050, after=60_000)
    async with opened(tmp_path, made.time) as again:
        assert again.available == zar("100")
        await again.read(10_050)
        assert again.available == zar("99.90")


async def test_a_quarantine_survives_a_crash_once(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.tick()
        for _ in range(4):
            await made.read(500, after=60_000)
    async with opened(tmp_path, made.time) as again:
        assert again.meter.quarantine_id is not None
        for _ in range(4):
            await again.read(500, after=60_000)
        await again.app.meters.decide_quarantine(LANDLORD, "flat-1/main", "new_epoch", reason="replaced")
        assert again.account.alerts == {}
        assert again.rows("SELECT count(*) FROM quarantine") == [(1,)]


async def test_alerts_and_alarms_of_a_meter_survive_a_restart_and_still_close(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.report(Report("tasmota:flat-1/1", register_wh=0, voltage_mv=260_000))
        await made.report(Report("tasmota:flat-1/1", online=False))
    async with opened(tmp_path, made.time) as again:
        assert {key.kind for key in again.account.alerts} == {AlertKind.OVER_VOLTAGE, AlertKind.METER_OFFLINE}
        await again.report(Report("tasmota:flat-1/1", register_wh=0, voltage_mv=230_000))
        assert again.account.alerts == {}


async def test_the_supply_decision_and_its_hold_survive_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.hold_off("leak")
    async with opened(tmp_path, made.time) as again:
        assert again.state() is SupplyState.DISCONNECTED
        assert again.account.note == "leak"
        await again.top_up("50.00")
        assert again.state() is SupplyState.DISCONNECTED


@pytest.mark.invariant(9)
async def test_an_unsettled_command_is_sent_again_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.hold_off("leak")
        assert made.transport.switched == [("flat-1/main", RelayPosition.OPEN)]
    async with opened(tmp_path, made.time) as again:
        assert again.transport.switched == [("flat-1/main", RelayPosition.OPEN)]


@pytest.mark.invariant(9)
async def test_a_relay_proven_open_that_closes_after_a_restart_is_opened_again(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000, power_w=800)
        await made.hold_off("leak")
        await made.relay(RelayPosition.OPEN, power_w=0)
        await made.tick()
    async with opened(tmp_path, made.time) as again:
        await again.tick(1_000)
        assert again.transport.switched == [("flat-1/main", RelayPosition.OPEN)], "it may have been closed"
        await again.relay(RelayPosition.OPEN, power_w=0)
        await again.relay(RelayPosition.CLOSED, after=HOUR)
        await again.tick(3_000)
        assert again.transport.switched == [("flat-1/main", RelayPosition.OPEN)] * 2
        assert AlertKey(AlertKind.RELAY_DISOBEYS, "flat-1", "flat-1/main") in again.account.alerts


@pytest.mark.invariant(9)
async def test_a_load_before_a_crash_still_proves_the_command_that_it_interrupted(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000, power_w=800)
        await made.tick()
        await made.hold_off("leak")
    async with opened(tmp_path, made.time) as again:
        again.engine.relays.resume()
        assert again.transport.switched == [("flat-1/main", RelayPosition.OPEN)]
        await again.relay(RelayPosition.OPEN, power_w=0)
        assert again.meter.relay.proof is RelayProof.CONFIRMED


async def test_a_clock_found_wrong_at_the_start_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        await made.tick()
    made.time.forward(40 * 24 * HOUR)
    async with opened(tmp_path, made.time) as again:
        assert again.app.status.health().status == "degraded"
        await again.app.status.confirm_clock(LANDLORD)
        await again.settle()
        assert again.app.status.health().status == "ok"


async def test_a_clock_found_right_after_a_restart_closes_the_alert_of_before(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.time.wall += 3 * HOUR
        await made.tick()
        assert made.app.status.health().status == "degraded"
        made.time.wall -= 3 * HOUR
    async with opened(tmp_path, made.time) as again:
        assert again.app.status.health().status == "ok"
