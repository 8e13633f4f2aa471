"""From a written meter to its plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from meter_bridge.config.plan import DEFAULT_RATING_W, DEFAULT_RULE_SLOT, MeterPlan
from meter_bridge.config.quantities import Rating
from meter_bridge.config.reading import Reading
from meter_bridge.config.scalars import address
from meter_bridge.config.shapes import METER, LimitsDraft, MeterDraft, PolicyDraft
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.supply.alerts import Limits
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.devices.base.addresses import parse_address
from meter_bridge.devices.base.driver import Family
from meter_bridge.devices.base.local_cutoff import refusal

MAIN: Final = "main"
"""Id of a unit's meter that names none."""
DEFAULT_VOLTAGE_MV: Final = 230_000
OFFLINE_AFTER_S: Final = 900
TOLERANCE_PERCENT: Final = 10
"""How far the voltage of a supply may be from nominal (EN 50160)."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a meter takes from its unit and site."""

    unit_id: str
    unit_name: str
    voltage_mv: int
    drafts: Sequence[PolicyDraft]
    """What holds where the meter says nothing itself, nearest first: the unit's keys, then the defaults."""


def read_meter(reading: Reading, path: Path, around: Around) -> MeterPlan | None:
    """Return the meter at a path, or None after reporting what is wrong."""
    draft = _draft(reading, path)
    if draft is None or not _check_device(reading, path, draft):
        return None
    meter_id = draft.get("id", MAIN)
    relay = draft.get("relay", draft["address"])
    limits = _limits(reading, path, draft, around)
    without_bridge = _nearest(draft, around, "without the bridge", WithoutBridge.HOLD)
    if not _check_without_bridge(reading, path, without_bridge, (draft["address"], relay)) or limits is None:
        return None
    return MeterPlan(
        id=f"{around.unit_id}/{meter_id}",
        name=draft.get("name", around.unit_name if meter_id == MAIN else f"{around.unit_name} {meter_id}"),
        energy_address=draft["address"],
        relay_address=relay,
        rating_w=_rating_w(draft, around),
        limits=limits,
        host=draft.get("host"),
        password_env=draft.get("password variable"),
        offline_after_s=_offline_after_s(draft, around),
        register_modulus_wh=draft.get("register wraps at"),
        returns_energy=draft.get("returns energy", False),
        without_bridge=without_bridge,
        rule_slot=_nearest(draft, around, "rule slot", DEFAULT_RULE_SLOT),
    )


def _draft(reading: Reading, path: Path) -> MeterDraft | None:
    """Return a meter as written; its address alone is enough."""
    written = reading.document.get(path)
    if not isinstance(written, str):
        return reading.part(METER, path)
    found = reading.checked(address, path)
    return None if found is None else MeterDraft(address=found)


def _check_device(reading: Reading, path: Path, draft: MeterDraft) -> bool:
    """Check that the device can be reached and switched in the way that is written."""
    before = len(reading.problems)
    family = parse_address(draft["address"]).family
    direct = {"host", "password variable"} & draft.keys()
    if direct and family is not Family.SHELLY:
        key = min(direct)
        message = f"a {family} meter is reached through the broker"
        reading.add((*path, key), message, f"take {key}: away; only shelly meters have it", key=True)
    if "password variable" in draft and "host" not in draft:
        message = "a password is only used with a host"
        reading.add((*path, "password variable"), message, "add host: 192.168.1.20", key=True)
    if "relay" not in draft and not has_relay(draft["address"]):
        at = path if isinstance(reading.document.get(path), str) else (*path, "address")
        message = f"{draft['address']!r} only measures"
        reading.add(at, message, "add relay: with the address that switches it, or relay: none")
    return len(reading.problems) == before


def has_relay(text: str) -> bool:
    """Say whether the channel of an address may be a relay, as its family names them."""
    parsed = parse_address(text)
    if parsed.family is Family.SHELLY:
        return not parsed.channel.startswith("em1:")
    return parsed.family is not Family.ZIGBEE2MQTT or parsed.channel.startswith("state")


def _nearest[T](draft: MeterDraft, around: Around, key: str, otherwise: T) -> T:
    """Return what the nearest part that has a key says: the meter, the unit or the defaults."""
    parts: list[Mapping[str, object]] = [draft, *around.drafts]
    return cast("T", next((part[key] for part in parts if key in part), otherwise))


def _check_without_bridge(
    reading: Reading, path: Path, policy: WithoutBridge, addresses: tuple[str, str | None]
) -> bool:
    """Check that the device can do by itself what is asked of it."""
    key = "without the bridge"
    if policy is WithoutBridge.HOLD:
        return True
    if policy is WithoutBridge.CLOSE:
        family = parse_address(addresses[1] or addresses[0]).family
        lost = f"a {family} relay cannot be told to close when the bridge is lost"
        reason: str | None = f"{lost}: {_CANNOT_CLOSE}"
    else:
        reason = refusal(*addresses)
    if reason is None:
        return True
    at = next((each for each in _places(path, key) if reading.document.get(each) is not None), path)
    can = "hold" if refusal(*addresses) else "hold or local cut-off"
    reading.add(at, f"{reason} ({addresses[0]})", f"write {key}: {can} for this meter")
    return False


_CANNOT_CLOSE: Final = (
    "its firmware sees the broker go, not the bridge, and would close what a hold or protection keeps open"
)
"""Why no family closes by itself: a Tasmota rule can wait for ``Mqtt#Disconnected``, and for nothing else."""


def _places(path: Path, key: str) -> tuple[Path, ...]:
    """Return where a key of a meter may stand, nearest first."""
    unit, site = path[:-2], path[:-4]
    return (*path, key), (*unit, key), (*site, "defaults", key)


def _rating_w(draft: MeterDraft, around: Around) -> int:
    """Return the rating in W; amperes count at the highest voltage that a healthy supply has."""
    found: Rating | None = draft.get("rating") or next(
        (each["rating"] for each in around.drafts if "rating" in each), None
    )
    highest = around.voltage_mv * (100 + TOLERANCE_PERCENT) // 100
    return DEFAULT_RATING_W if found is None else found.at_voltage(highest)


def _offline_after_s(draft: MeterDraft, around: Around) -> int:
    candidates = (each["offline after"] for each in (draft, *around.drafts) if "offline after" in each)
    return next(candidates, OFFLINE_AFTER_S)


def _limits(reading: Reading, path: Path, draft: MeterDraft, around: Around) -> Limits | None:
    """Return the limits of a meter, key by key from the nearest part that has them."""
    merged = LimitsDraft()
    for each in (*reversed(around.drafts), draft):
        merged.update(each.get("limits", LimitsDraft()))
    normal, spread = around.voltage_mv, around.voltage_mv * TOLERANCE_PERCENT // 100
    limits = Limits(
        over_voltage_mv=merged.get("over voltage", normal + spread),
        under_voltage_mv=merged.get("under voltage", normal - spread),
        overload_mw=merged.get("overload"),
        voltage_hysteresis_mv=merged.get("voltage hysteresis", Limits().voltage_hysteresis_mv),
        overload_hysteresis_percent=merged.get("overload hysteresis", Limits().overload_hysteresis_percent),
    )
    return limits if _check_voltages(reading, path, limits) else None


def _check_voltages(reading: Reading, path: Path, limits: Limits) -> bool:
    """Check that there is a voltage at which neither alert is open."""
    low, high = limits.under_voltage_mv, limits.over_voltage_mv
    if low is None or high is None or high - low > 2 * limits.voltage_hysteresis_mv:
        return True
    message = f"under voltage {low // 1000} V and over voltage {high // 1000} V leave no room between them"
    written = next((at for at in _places(path, "limits") if reading.document.get(at) is not None), path)
    reading.add(written, message, "move them apart by more than twice the voltage hysteresis", key=True)
    return False
