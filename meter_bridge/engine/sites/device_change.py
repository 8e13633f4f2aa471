"""Another device in the place of a meter's: which addresses it may have."""

from dataclasses import dataclass, replace

from meter_bridge.config.plan import MeterPlan
from meter_bridge.config.units import has_relay
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.devices.addresses import AddressError, parse_address, unsupported_reason
from meter_bridge.engine.state.model import Installation, Meter
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import (
    ErrorCode,
)


def plan_with_new_device(installation: Installation, meter: Meter, order: ReplacementOrder) -> MeterPlan:
    """Return the plan of a meter whose device is replaced.

    Raises ``RequestRefused`` for addresses not to be had.
    """
    for field, text in (("address", order.address), ("relay", order.relay)):
        _check_address(field, text)
    address = order.address or meter.plan.energy_address
    follows = meter.plan.relay_address == meter.plan.energy_address
    relay = order.relay or (address if follows else meter.plan.relay_address)
    plan = replace(meter.plan, energy_address=address, relay_address=relay)
    if plan != meter.plan:
        _check_device(meter, plan)
        _check_claims(installation, meter, plan)
    return plan


def _check_address(field: str, text: str | None) -> None:
    """Refuse what is no address."""
    try:
        if text is not None:
            parse_address(text)
    except AddressError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field=field,
            value=text,
            remedy="take an address that 'meter-bridge meters' lists, or see docs/meters.md",
        ) from error


def _check_device(meter: Meter, plan: MeterPlan) -> None:
    """Refuse a device that cannot be reached or switched as this meter is."""
    if plan.host is not None:
        raise RequestRefused(
            ErrorCode.NOT_SUPPORTED,
            f"{meter.id} is spoken to at {plan.host} without a broker; the site file changes its address",
            field="address",
            remedy="leave the address out here, then change address and host in the site file and apply it",
        )
    reason = unsupported_reason(plan.energy_address, plan.relay_address)
    if plan.without_bridge is WithoutBridge.LOCAL_CUT_OFF and reason is not None:
        raise RequestRefused(
            ErrorCode.NOT_SUPPORTED,
            f"{reason} ({plan.energy_address}), but {meter.id} is to cut by itself without the bridge",
            field="address",
            remedy="write without the bridge: hold for it in the site file and apply it first",
        )
    if plan.relay_address == plan.energy_address and not has_relay(plan.energy_address):
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{plan.energy_address!r} only measures",
            field="relay",
            remedy="name the address of the relay that switches it",
        )


def _check_claims(installation: Installation, meter: Meter, plan: MeterPlan) -> None:
    """Refuse a register that another meter charges, and a relay that switches another account."""
    reader = installation.by_energy_address.get(plan.energy_address, meter)
    if reader is not meter:
        raise _address_taken("address", plan.energy_address, reader)
    for other in installation.by_relay_address.get(plan.relay_address or "", []):
        if other.supply.account is not meter.supply.account:
            raise _address_taken("relay", plan.relay_address, other)


def _address_taken(field: str, address: str | None, owner: Meter) -> RequestRefused:
    """Return the refusal of an address that serves somebody else."""
    return RequestRefused(
        ErrorCode.CONFLICT,
        f"{address} serves {owner.id} already",
        field=field,
        value=address,
        remedy="take it from that meter in the site file first",
    )


@dataclass(frozen=True, slots=True)
class ReplacementOrder:
    """A meter that was replaced: what the old counter showed at last and the new one at first, in kWh."""

    closing: str
    opening: str
    reason: str
    at: str | None = None
    """When it was replaced, with its offset; None is now."""
    address: str | None = None
    """Address of the new device, where it has another."""
    relay: str | None = None
    """Address of its relay, where that is another device's."""
    confirmed: bool = False
    """A person vouches for a closing reading that is implausible."""
