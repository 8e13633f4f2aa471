"""Compares the meters of two plans, and refuses registers and relays that are used twice."""

from meter_bridge.config.changes import Findings, RefusalCode, Subject, accounts, meters
from meter_bridge.config.describe import show_limits, show_without_bridge
from meter_bridge.config.plan import InstallationPlan, MeterPlan
from meter_bridge.core.energy import format_kwh


def compare_meters(findings: Findings, old: InstallationPlan, new: InstallationPlan) -> None:
    """Record meters that are new, gone or changed; one that moves to another unit is removed and added."""
    before = {meter.id: meter for meter in meters(old)}
    came_from = {meter.energy_address: meter.id for meter in before.values()}
    after = {meter.id: meter for meter in meters(new)}
    went_to = {meter.energy_address: meter.id for meter in after.values()}
    for meter in before.values():
        if meter.id not in after:
            to = went_to.get(meter.energy_address)
            moved = f", assigned to {to}" if to else ""
            findings.remove(Subject.METER, meter.id, f"meter {meter.id} ({meter.energy_address}){moved}")
    for meter in after.values():
        known = before.get(meter.id)
        if known is None:
            origin = came_from.get(meter.energy_address)
            moved = f", until now {origin}" if origin else ""
            findings.add(Subject.METER, meter.id, f"meter {meter.id} ({meter.energy_address}){moved}")
        else:
            _compare_meter(findings, known, meter)


def _compare_meter(findings: Findings, old: MeterPlan, new: MeterPlan) -> None:
    before, after = show_meter(old), show_meter(new)
    for name, value in after.items():
        findings.change(Subject.METER, new.id, name, before[name], value)
    if old.energy_address != new.energy_address:
        findings.warnings.append(
            f"Meter {new.id} is another device from now on: charging starts at the first reading"
            " of its register."
        )


def show_meter(meter: MeterPlan) -> dict[str, str]:
    """Return the settings of a meter by their keys in the site file."""
    return {
        "name": repr(meter.name),
        "address": meter.energy_address,
        "relay": meter.relay_address or "none",
        "rating": f"{meter.rating_w} W",
        "host": meter.host or "none",
        "password variable": meter.password_env or "none",
        "offline after": f"{meter.offline_after_s} s",
        "register wraps at": "none"
        if meter.register_modulus_wh is None
        else format_kwh(meter.register_modulus_wh),
        "returns energy": "yes" if meter.returns_energy else "no",
        "without the bridge": show_without_bridge(meter.without_bridge),
        "rule slot": str(meter.rule_slot),
        **show_limits(meter.limits),
    }


def check_claims(findings: Findings, plan: InstallationPlan) -> None:
    """Refuse energy that two meters would charge, and relays that would cut two units."""
    registers: dict[str, str] = {}
    relays: dict[str, str] = {}
    for account in accounts(plan):
        for meter in (meter for supply in account.plan.supplies for meter in supply.meters):
            _claim(findings, registers, meter.energy_address, meter.id)
            if meter.relay_address is not None:
                _claim(findings, relays, meter.relay_address, account.plan.id)


def _claim(findings: Findings, claims: dict[str, str], address: str, claimant: str) -> None:
    owner = claims.setdefault(address, claimant)
    if owner != claimant:
        message = f"{address} is claimed by {owner} and by {claimant}"
        findings.refuse(
            RefusalCode.METER_CLAIMED_TWICE, claimant, address, message, "assign it to one of them"
        )
