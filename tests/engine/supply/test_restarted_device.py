"""A device that was away or restarted is told again what its relay is to be."""

from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.vocabulary import RelayPosition, RelayProof
from tests.engine.harness import LANDLORD, House

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED


async def cut_and_restored(flat: House) -> None:
    """Bring the relay to closed and confirmed through a hold that was lifted."""
    await flat.read(0, power_w=500)
    await flat.app.supply.switch(LANDLORD, "flat-1", SupplyAction.OFF, reason="inspection")
    await flat.settle()
    await flat.relay(OPEN, power_w=0)
    await flat.app.supply.switch(LANDLORD, "flat-1", SupplyAction.AUTO, reason=None)
    await flat.settle()
    await flat.relay(CLOSED, power_w=500)
    assert flat.meter.relay.proof is RelayProof.CONFIRMED
    flat.transport.switched.clear()


async def online(flat: House, *, here: bool) -> None:
    """Hear the device's last will or its return."""
    await flat.report(Report("tasmota:flat-1/1", online=here), after=1_000)


async def test_a_relay_that_opened_while_its_device_was_away_is_closed_again(flat: House) -> None:
    await cut_and_restored(flat)
    await online(flat, here=False)
    await online(flat, here=True)
    assert flat.transport.switched == [("flat-1/main", CLOSED)]


async def test_a_relay_of_a_device_that_restarted_is_told_again(flat: House) -> None:
    await cut_and_restored(flat)
    await flat.report(Report("tasmota:flat-1/1", boot_id="monday"), after=1_000)
    assert flat.transport.switched == []
    await flat.report(Report("tasmota:flat-1/1", boot_id="tuesday"), after=1_000)
    assert flat.transport.switched == [("flat-1/main", CLOSED)]


async def test_what_the_customer_opened_by_hand_stays_open(flat: House) -> None:
    await cut_and_restored(flat)
    await flat.relay(OPEN, power_w=0)
    await online(flat, here=False)
    await online(flat, here=True)
    assert flat.transport.switched == []
