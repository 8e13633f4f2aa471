"""Meters that nobody assigned are offered, bounded, and never charged."""

import pytest

from meter_bridge.actor import Actor
from meter_bridge.devices.base.driver import Discovered, Rejected, Removed, Report
from meter_bridge.engine.metering import discovery as discovery_module
from meter_bridge.engine.state.session import MAX_KINDS
from meter_bridge.protocol.messages import Role
from tests.engine.harness import LANDLORD, House

NEW = "shelly:plus-1/0"
TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}))


def unassigned(flat: House, actor: Actor = LANDLORD) -> list[str]:
    """Return the addresses that are offered."""
    return [meter.address for meter in flat.engine.snapshots.snapshot(actor).unassigned_meters]


async def test_a_meter_that_announces_itself_is_offered_with_what_it_shows(flat: House) -> None:
    flat.intake.handle(
        [Discovered(NEW, "Plug", "Plus 1PM", "1.4"), Report(NEW, register_wh=500, power_mw=7_000)]
    )
    (found,) = flat.engine.snapshots.snapshot(LANDLORD).unassigned_meters
    assert (found.name, found.model, found.register_wh, found.power_mw) == ("Plug", "Plus 1PM", 500, 7_000)
    assert found.account_id is None


@pytest.mark.invariant(15)
async def test_tenants_are_offered_nothing(flat: House) -> None:
    flat.intake.handle([Discovered(NEW, "Plug")])
    assert unassigned(flat, TENANT) == []


async def test_a_meter_in_use_is_not_offered(flat: House) -> None:
    flat.intake.handle([Discovered("tasmota:flat-1/1", "In use"), Discovered(NEW, "Plug")])
    assert unassigned(flat) == [NEW]


async def test_a_relay_without_a_register_and_a_meter_that_was_withdrawn_are_not_offered(flat: House) -> None:
    flat.intake.handle([Discovered("shelly:relay/0", "Relay", has_register=False), Discovered(NEW, "Plug")])
    flat.intake.handle([Removed(NEW)])
    assert unassigned(flat) == []


async def test_the_oldest_are_forgotten_beyond_the_bound(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_module, "MAX_KEY", 3)
    flat.intake.handle([Discovered(f"shelly:plug-{n}/0", "Plug") for n in range(5)])
    assert unassigned(flat) == [f"shelly:plug-{n}/0" for n in (2, 3, 4)]


async def test_unreadable_payloads_are_counted_by_a_bounded_number_of_kinds(flat: House) -> None:
    flat.intake.handle([Rejected(f"kind {n}", "topic") for n in range(1_000)])
    flat.intake.handle([Rejected("kind 0", "topic")])
    rejected = flat.engine.session.counts.rejected
    assert len(rejected) == MAX_KINDS
    assert rejected["kind 0"] == 2
