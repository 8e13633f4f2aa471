"""From a written meter to its plan."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.config.node import Node
from meter_bridge.config.parts import read_part
from meter_bridge.config.plan import DEFAULT_RATING_W, MeterPlan
from meter_bridge.config.scalars import address
from meter_bridge.config.site_parts import MAIN, LimitsPart, MeterDefaultsPart, MeterPart
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.devices.addresses import parse_address, unsupported_reason
from meter_bridge.devices.registry import families

DEFAULT_VOLTAGE_MV: Final = 230_000
TOLERANCE_PERCENT: Final = 10
"""How far the voltage of a supply may be from nominal (EN 50160)."""
_CANNOT_CLOSE: Final = (
    "its firmware notices a lost broker, not a lost bridge, and would override a hold or protection"
)
"""Why no family closes by itself: firmware can wait for the loss of its broker, and for nothing else."""


@dataclass(frozen=True, slots=True)
class UnitContext:
    """What a meter takes from its unit and site."""

    unit_id: str
    unit_name: str
    voltage_mv: int
    inherited: MeterDefaultsPart
    """What applies where the meter says nothing itself: the unit's keys, and the defaults beneath."""


def read_meter(node: Node, unit: UnitContext) -> MeterPlan | None:
    """Return the meter at a place, or None after reporting what is wrong."""
    part = _part(node, unit)
    if part is None or not _check_device(node, part):
        return None
    relay = part.relay if "relay" in part.written else part.address
    limits = _limits(node, part.limits, unit)
    if not _check_without_bridge(node, part.without_the_bridge, part.address, relay) or limits is None:
        return None
    # Amperes count at the highest voltage that a healthy supply has.
    highest = unit.voltage_mv * (100 + TOLERANCE_PERCENT) // 100
    return MeterPlan(
        id=f"{unit.unit_id}/{part.id}",
        name=part.name or (unit.unit_name if part.id == MAIN else f"{unit.unit_name} {part.id}"),
        energy_address=part.address,
        relay_address=relay,
        rating_w=part.rating.at_voltage(highest) if part.rating else DEFAULT_RATING_W,
        limits=limits,
        host=part.host,
        password_env=part.password_variable,
        offline_after_s=part.offline_after,
        register_modulus_wh=part.register_wraps_at,
        returns_energy=part.returns_energy,
        without_bridge=part.without_the_bridge,
        rule_slot=part.rule_slot,
    )


def _part(node: Node, unit: UnitContext) -> MeterPart | None:
    """Return a meter as written; its address alone is enough."""
    written = node.data
    if not isinstance(written, str):
        return node.part(MeterPart, inherited=unit.inherited)
    if node.checked(address) is None:
        return None
    return read_part(MeterPart, {"address": written}, inherited=unit.inherited)


def _check_device(node: Node, part: MeterPart) -> bool:
    """Check that the device can be reached and switched in the way that is written."""
    problems = len(node.problems)
    family = parse_address(part.address).family
    direct = {"host", "password variable"} & part.written
    if direct and families()[family].link is None:
        key = min(direct)
        others = " and ".join(each.name for each in families().values() if each.link is not None)
        message = f"a {family} meter is reached through the broker"
        node.at(key).report(message, f"remove {key}:; only {others} meters have it", key=True)
    if part.password_variable is not None and part.host is None:
        message = "a password is only used with a host"
        node.at("password variable").report(message, "add host: 192.168.1.20", key=True)
    if "relay" not in part.written and not has_relay(part.address):
        at = node if isinstance(node.data, str) else node.at("address")
        message = f"{part.address!r} only measures"
        at.report(message, "add relay: with the address that switches it, or relay: none")
    return len(node.problems) == problems


def has_relay(text: str) -> bool:
    """Return whether the channel of an address may be a relay, as its family names them."""
    parsed = parse_address(text)
    return families()[parsed.family].has_relay(parsed.channel)


def _check_without_bridge(node: Node, policy: WithoutBridge, energy: str, relay: str | None) -> bool:
    """Check that the device can do by itself what is wanted without the bridge."""
    if policy is WithoutBridge.HOLD:
        return True
    cannot = unsupported_reason(energy, relay)
    reason = cannot
    if policy is WithoutBridge.CLOSE:
        family = parse_address(relay or energy).family
        reason = f"a {family} relay cannot be told to close when the bridge is lost: {_CANNOT_CLOSE}"
    if reason is None:
        return True
    key = "without the bridge"
    remedy = f"write {key}: {'hold' if cannot else 'hold or local cut-off'} for this meter"
    _written(node, key).report(f"{reason} ({energy})", remedy)
    return False


def _written(node: Node, key: str) -> Node:
    """Return where a key of a meter is written: in the meter, its unit or the defaults; else the meter."""
    places = node.at(key), node.above(2).at(key), node.above(4).at("defaults", key)
    return next((at for at in places if at.data is not None), node)


def _limits(node: Node, part: LimitsPart, unit: UnitContext) -> ElectricalLimits | None:
    """Return the limits of a meter, or None after reporting that they contradict each other."""
    normal, spread = unit.voltage_mv, unit.voltage_mv * TOLERANCE_PERCENT // 100
    limits = ElectricalLimits(
        over_voltage_mv=part.over_voltage if "over voltage" in part.written else normal + spread,
        under_voltage_mv=part.under_voltage if "under voltage" in part.written else normal - spread,
        overload_mw=part.overload,
        voltage_hysteresis_mv=part.voltage_hysteresis,
        overload_hysteresis_percent=part.overload_hysteresis,
    )
    # There has to be a voltage at which neither alert is open.
    low, high = limits.under_voltage_mv, limits.over_voltage_mv
    if low is None or high is None or high - low > 2 * limits.voltage_hysteresis_mv:
        return limits
    message = f"under voltage {low // 1000} V and over voltage {high // 1000} V leave no room between them"
    remedy = "move them apart by more than twice the voltage hysteresis"
    _written(node, "limits").report(message, remedy, key=True)
    return None
