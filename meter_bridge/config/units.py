"""From a written unit to its account, with supply policy and meters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from meter_bridge.config.node import Node
from meter_bridge.config.parts import into, narrowed, read_part
from meter_bridge.config.plan import DEFAULT_RATING_W, AccountPlan, MeterPlan, SupplyPlan
from meter_bridge.config.problems import suggest
from meter_bridge.config.scalars import address
from meter_bridge.config.site_parts import (
    MAIN,
    DefaultsPart,
    LimitsPart,
    MeterDefaultsPart,
    MeterPart,
    UnitPart,
)
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.ledger.credit import CreditPolicy
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import LoadLimit, PaymentMode, Policy
from meter_bridge.core.supply.friendly_hours import MAX_GRACE_MS, FriendlyHours
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.supply.protection import GuardedLimit
from meter_bridge.core.tariff.bands import EVERY_DAY, HOLIDAY, Window
from meter_bridge.devices.addresses import (
    address_mistake,
    has_relay,
    is_same_device,
    parse_address,
    unsupported_reason,
)
from meter_bridge.devices.family import FamilySettings
from meter_bridge.devices.registry import families

DEFAULT_VOLTAGE_MV: Final = 230_000
TOLERANCE_PERCENT: Final = 10
"""How far the voltage of a supply may be from nominal (EN 50160)."""
_CANNOT_CLOSE: Final = (
    "its firmware notices a lost broker, not a lost bridge, and would override a hold or protection"
)
"""Why no family closes by itself: firmware can wait for the loss of its broker, and for nothing else."""


ELECTRICITY: Final = "electricity"


@dataclass(frozen=True, slots=True)
class SiteContext:
    """What a unit takes from its site."""

    node: Node
    currency: str | None
    """None where the site's own is wrong: amounts are then not checked."""
    voltage_mv: int
    tariff_ids: frozenset[str]
    holidays: tuple[date, ...] | None
    """Public holidays; none where the site names no country, None where it names a wrong one."""
    contracted: frozenset[str]
    """Those of the tariffs that charge the contracted load."""
    defaults: DefaultsPart | None
    """None where the site's own are wrong, so that what a unit lacks may stand in them."""
    families: FamilySettings


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit's keys, with those of the defaults beneath, and the place of each."""

    node: Node
    site: SiteContext
    part: UnitPart

    def at(self, key: str) -> Node:
        """Return where a key was written: in the unit or in the defaults."""
        own = self.node.at(key)
        return own if own.data is not None else self.site.node.at("defaults", key)


def read_unit(node: Node, site: SiteContext) -> AccountPlan | None:
    """Return the unit at a place, or None after reporting what is wrong."""
    part = node.part(UnitPart, site.currency, inherited=site.defaults)
    name = (part and part.name) or node.name
    inherited = narrowed(MeterDefaultsPart, part or site.defaults or MeterDefaultsPart())
    meters = _meters(node, name, site, inherited)
    if part is None:
        return None
    unit = _Unit(node, site, part)
    tariff_id, policy = _tariff_id(unit), _policy(unit)
    if tariff_id is None or policy is None or not meters:
        return None
    if not _check_can_cut(unit, policy, meters) or not _check_protections(unit, policy, meters):
        return None
    supply = SupplyPlan(f"{node.name}/{ELECTRICITY}", ELECTRICITY, tariff_id, meters)
    return AccountPlan(node.name, name, part.customer, policy, (supply,), part.opening_credit)


def _tariff_id(unit: _Unit) -> str | None:
    tariff_id, known = unit.part.tariff, unit.site.tariff_ids
    if tariff_id is None and unit.site.defaults is not None:
        remedy = "add tariff: and the id of a tariff, here or in defaults"
        unit.node.report("'tariff' is missing", remedy, key=True)
    elif tariff_id is not None and tariff_id not in known:
        unit.at("tariff").report(f"there is no tariff {tariff_id!r} at this site", suggest(tariff_id, known))
    elif tariff_id in unit.site.contracted and "contracted load" not in unit.part.written:
        message = f"tariff {tariff_id!r} charges the contracted load, and this unit has none"
        unit.node.report(message, "add contracted load: 2 kW, for example", key=True)
    return tariff_id if tariff_id in known else None


def _policy(unit: _Unit) -> Policy | None:
    if unit.site.currency is None:
        return None
    problems, part = len(unit.node.problems), unit.part
    policy = into(
        Policy,
        part,
        low_credit=_low_credit(unit),
        friendly_hours=_friendly_hours(unit),
        load_limit=_load_limit(part.when_exhausted, part),
        power_limit=_load_limit(part.power_limit, part),
        top_up_minimum=max(1, part.minimum_top_up),
        credit=_credit(part),
    )
    _check_limits(unit)
    _check_credit(unit, policy.credit)
    _check_top_ups(unit, policy)
    return policy if len(unit.node.problems) == problems else None


def _low_credit(unit: _Unit) -> tuple[int, ...]:
    thresholds = unit.part.low_credit
    for index, threshold in enumerate(thresholds):
        if threshold in thresholds[:index]:
            at = unit.at("low credit").at(index)
            at.report(f"threshold {at.data} is written twice", "keep one of them")
    return tuple(sorted(thresholds, reverse=True))


def _friendly_hours(unit: _Unit) -> FriendlyHours:
    windows, holidays, grace_ms = unit.part.friendly_hours, unit.site.holidays, unit.part.grace
    named = any(HOLIDAY in window.days and window.days != EVERY_DAY for window in windows)
    at = unit.at("friendly hours")
    if named and holidays == ():
        message = "friendly hours name holidays, and the site does not say whose"
        at.report(message, "add holidays: ZA to the site", key=True)
    if grace_ms > MAX_GRACE_MS:
        unit.at("grace").report("a grace period is at most a day", "write 24 h or less")
    if _whole_week(windows):
        message = "friendly hours cover the whole week: supply would never be cut"
        at.report(message, "write never cut: yes if that is what you want", key=True)
    dates = tuple(sorted(set(unit.part.friendly_dates)))
    return FriendlyHours(windows, holidays if named and holidays else (), dates, grace_ms)


@lru_cache(maxsize=256)
def _whole_week(windows: tuple[Window, ...]) -> bool:
    covered: set[int] = set()
    for window in windows:
        length = (window.end - window.start) % MINUTES_PER_DAY or MINUTES_PER_DAY
        for day in window.days - {HOLIDAY}:
            first = day * MINUTES_PER_DAY + window.start
            covered.update(minute % (7 * MINUTES_PER_DAY) for minute in range(first, first + length))
    return len(covered) == 7 * MINUTES_PER_DAY


def _load_limit(limit_mw: int | None, part: UnitPart) -> LoadLimit | None:
    return None if limit_mw is None else LoadLimit(limit_mw, part.load_limit)


def _credit(part: UnitPart) -> CreditPolicy:
    emergency = part.emergency_credit
    return into(
        CreditPolicy,
        part,
        disablement_threshold=-part.overdraft,
        emergency_limit=emergency.limit if emergency else 0,
        emergency_threshold=emergency.threshold if emergency else 0,
    )


def _check_limits(unit: _Unit) -> None:
    exhausted_mw, always_mw = unit.part.when_exhausted, unit.part.power_limit
    own = unit.node.at("load limit")
    if exhausted_mw is None and always_mw is None and own.data is not None:
        message = "a load limit applies only where used-up credit limits the load, or a power limit is set"
        remedy = "add when exhausted: load limit 500 W, or power limit: 3 kW"
        own.report(message, remedy, key=True)
    if exhausted_mw is not None and always_mw is not None and exhausted_mw > always_mw:
        message = "the load limit without credit is above the power limit"
        unit.at("when exhausted").report(message, "lower it, or raise power limit:")


def _check_credit(unit: _Unit, credit: CreditPolicy) -> None:
    if credit.emergency_limit and credit.emergency_threshold <= credit.disablement_threshold:
        message = "emergency credit could be selected only after the supply was cut"
        remedy = "write a threshold above zero, such as {limit: 10.00, threshold: 2.00}"
        unit.at("emergency credit").report(message, remedy, key=True)
    if credit.maximum_balance == 0:
        message = "a maximum balance of 0 allows no top-up"
        unit.at("maximum balance").report(message, "raise it, or write none", key=True)


def _check_top_ups(unit: _Unit, policy: Policy) -> None:
    remedy, largest = "raise it, or lower minimum top-up", policy.credit.maximum_balance
    if policy.top_up_maximum is not None and policy.top_up_maximum < policy.top_up_minimum:
        unit.at("maximum top-up").report("the largest top-up is below the smallest", remedy)
    if largest and largest < policy.top_up_minimum:
        message = "no top-up is possible: the smallest one is above the maximum balance"
        unit.at("maximum balance").report(message, remedy)


def _check_can_cut(unit: _Unit, policy: Policy, meters: Sequence[MeterPlan]) -> bool:
    if policy.never_cut or any(meter.relay_address is not None for meter in meters):
        return True
    if policy.power_limit is not None:
        message = "no meter of this unit has a relay, so nothing limits its load"
        remedy = "name a relay, or write power limit: none"
    elif policy.payment_mode is PaymentMode.CREDIT:
        return True
    else:
        message = "no meter of this unit has a relay, so its supply cannot be cut"
        remedy = "name a relay, or write never cut: yes or payment mode: credit"
    unit.node.report(message, remedy, key=True)
    return False


def _check_protections(unit: _Unit, policy: Policy, meters: Sequence[MeterPlan]) -> bool:
    problems, rules = len(unit.node.problems), policy.protections.rules
    at = unit.at("protect")
    if rules and not any(meter.relay_address is not None for meter in meters):
        message = "no meter of this unit has a relay, so nothing protects it"
        at.report(message, "name a relay, or write protect: {}", key=True)
    for meter in meters:
        limits = {
            GuardedLimit.OVER_VOLTAGE: meter.limits.over_voltage_mv,
            GuardedLimit.UNDER_VOLTAGE: meter.limits.under_voltage_mv,
            GuardedLimit.OVERLOAD: meter.limits.overload_mw,
        }
        for protection in rules:
            if limits[protection] is None:
                key = protection.replace("_", " ")
                message = f"{meter.id} has no limit for {key} to protect against"
                example = "10 kW" if protection is GuardedLimit.OVERLOAD else "250 V"
                at.report(message, f"add limits: {{{key}: {example}}}", key=True)
    return len(unit.node.problems) == problems


def _meters(node: Node, name: str, site: SiteContext, inherited: MeterDefaultsPart) -> tuple[MeterPlan, ...]:
    items = node.at("meters").items()
    meters = [_read_meter(item, name, site, inherited) for item in items]
    seen: set[str] = set()
    for item, meter in zip(items, meters, strict=True):
        if meter is not None and meter.id in seen:
            message = f"two meters of {node.name} have the id {meter.id.rpartition('/')[2]!r}"
            item.report(message, "give each of them its own id, such as id: geyser")
        seen.add(meter.id if meter else "")
    return tuple(meter for meter in meters if meter is not None) if all(meters) else ()


def _read_meter(
    node: Node, unit_name: str, site: SiteContext, inherited: MeterDefaultsPart
) -> MeterPlan | None:
    part, voltage_mv = _part(node, inherited), site.voltage_mv
    if part is None or not _check_device(node, part, site.families):
        return None
    relay = part.relay if "relay" in part.written else part.energy_address
    limits = _limits(node, part.limits, voltage_mv)
    if not _check_without_bridge(node, part.without_bridge, part.energy_address, relay) or limits is None:
        return None
    # Amperes count at the highest voltage that a healthy supply has.
    highest = voltage_mv * (100 + TOLERANCE_PERCENT) // 100
    return into(
        MeterPlan,
        part,
        id=f"{node.above(2).name}/{part.id}",
        name=part.name or (unit_name if part.id == MAIN else f"{unit_name} {part.id}"),
        relay_address=relay,
        rating_w=part.rating.at_voltage(highest) if part.rating else DEFAULT_RATING_W,
        limits=limits,
    )


def _part(node: Node, inherited: MeterDefaultsPart) -> MeterPart | None:
    written = node.data
    if not isinstance(written, str):
        return node.part(MeterPart, inherited=inherited)
    if node.checked(address) is None:
        return None
    return read_part(MeterPart, {"address": written}, inherited=inherited)


def _check_device(node: Node, part: MeterPart, settings: FamilySettings) -> bool:
    problems = len(node.problems)
    family = parse_address(part.energy_address).family
    direct = {"host", "password variable"} & part.written
    if families()[family].driver is None and part.host is None:
        message = f"a {family} meter is reached at its network address, without a broker"
        _at_address(node).report(message, "add host: 192.168.1.20")
    if direct and families()[family].link is None:
        key = min(direct)
        others = " and ".join(other.name for other in families().values() if other.link is not None)
        message = f"a {family} meter is reached through the broker"
        node.at(key).report(message, f"remove {key}:; only {others} meters have it", key=True)
    if part.password_env is not None and part.host is None:
        message = "a password is only used with a host"
        node.at("password variable").report(message, "add host: 192.168.1.20", key=True)
    at = _at_address(node)
    for place, written in ((at, part.energy_address), (node.at("relay"), part.relay)):
        mistake = None if written is None else address_mistake(written, settings)
        if mistake is not None:
            place.report(*mistake)
    if len(node.problems) > problems:
        return False
    if "relay" not in part.written and not has_relay(part.energy_address, settings):
        message = f"{part.energy_address!r} only measures"
        at.report(message, "add relay: with the address that switches it, or relay: none")
    elif part.relay is not None and not has_relay(part.relay, settings):
        node.at("relay").report(
            f"{part.relay!r} is no relay", "write the address of the relay, or relay: none"
        )
    _check_reach(node, part)
    _check_installed(node, part)
    return len(node.problems) == problems


def _at_address(node: Node) -> Node:
    return node if isinstance(node.data, str) else node.at("address")


def _check_reach(node: Node, part: MeterPart) -> None:
    """Refuse a relay that neither the broker nor the meter's own address reaches."""
    relay = part.relay if "relay" in part.written else None
    if relay is None or is_same_device(part.energy_address, relay):
        return
    if families()[parse_address(relay).family].driver is None:
        message = f"{relay!r} is another device than {part.energy_address!r}, and no broker reaches it"
        remedy = "take a relay of the same device, or one that is reached through the broker"
        node.at("relay").report(message, remedy)


def _check_installed(node: Node, part: MeterPart) -> None:
    extra = families()[parse_address(part.energy_address).family].extra
    if extra is not None and not extra.installed:
        message = f"{extra.name} meters need a part of the bridge that is not installed here"
        _at_address(node).report(message, f"install it: {extra.command}")


def _check_without_bridge(node: Node, policy: WithoutBridge, energy: str, relay: str | None) -> bool:
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


def _limits(node: Node, part: LimitsPart, voltage_mv: int) -> ElectricalLimits | None:
    spread = voltage_mv * TOLERANCE_PERCENT // 100
    limits = into(
        ElectricalLimits,
        part,
        over_voltage_mv=part.over_voltage if "over voltage" in part.written else voltage_mv + spread,
        under_voltage_mv=part.under_voltage if "under voltage" in part.written else voltage_mv - spread,
    )
    # There has to be a voltage at which neither alert is open.
    low, high = limits.under_voltage_mv, limits.over_voltage_mv
    if low is None or high is None or high - low > 2 * limits.voltage_hysteresis_mv:
        return limits
    message = f"under voltage {low // 1000} V and over voltage {high // 1000} V leave no room between them"
    remedy = "move them apart by more than twice the voltage hysteresis"
    _written(node, "limits").report(message, remedy, key=True)
    return None


def _written(node: Node, key: str) -> Node:
    """Return where a key of a meter is written: in the meter, its unit or the defaults; else the meter."""
    places = node.at(key), node.above(2).at(key), node.above(4).at("defaults", key)
    return next((at for at in places if at.data is not None), node)
