"""Compares the tariffs of two plans; prices of time that is already charged cannot change."""

from dataclasses import replace

from meter_bridge.config.changes import (
    Action,
    Change,
    Findings,
    Placed,
    RefusalCode,
    Subject,
    accounts,
    supplies,
    tariffs,
)
from meter_bridge.config.describe import show_instant
from meter_bridge.config.describe_tariffs import show_changes
from meter_bridge.config.plan import InstallationPlan, SitePlan, SupplyPlan, TariffPlan
from meter_bridge.core.tariff.tariff import BlockBasis, TariffVersion
from meter_bridge.core.tariff.version_rules import find_obstacle


def keep_holidays(before: InstallationPlan | None, after: InstallationPlan) -> InstallationPlan:
    """Return a plan whose tariff versions keep the holidays with which they were applied first.

    A newer calendar of holidays would make a version that has begun another one. Only a rule that is written
    otherwise changes its days.
    """
    old = before or InstallationPlan("", ())
    known = {version.id: version for tariff in tariffs(old) for version in tariff.plan.versions}

    def kept(tariff: TariffPlan) -> TariffPlan:
        versions = (_kept(version, known.get(version.id)) for version in tariff.versions)
        return replace(tariff, versions=tuple(versions))

    sites = (replace(site, tariffs=tuple(map(kept, site.tariffs))) for site in after.sites)
    return replace(after, sites=tuple(sites))


def _kept(version: TariffVersion, known: TariffVersion | None) -> TariffVersion:
    if known is None or known.calendar.holiday_rule != version.calendar.holiday_rule:
        return version
    return replace(version, calendar=replace(version.calendar, holidays=known.calendar.holidays))


def compare_tariffs(
    findings: Findings, old: InstallationPlan, new: InstallationPlan, now_ms: int, charged: frozenset[str]
) -> None:
    """Record tariffs and versions that are new, gone or changed."""
    before = {tariff.plan.id: tariff for tariff in tariffs(old)}
    for tariff in tariffs(new):
        known = before.pop(tariff.plan.id, None)
        if known is None:
            text = f"tariff {tariff.plan.id} {tariff.plan.name!r} at {tariff.site.id}"
            findings.add(Subject.TARIFF, tariff.plan.id, text)
        else:
            findings.change(
                Subject.TARIFF, tariff.plan.id, "name", repr(known.plan.name), repr(tariff.plan.name)
            )
            findings.change(Subject.TARIFF, tariff.plan.id, "site", known.site.id, tariff.site.id)
        _compare_versions(findings, known, tariff.plan, now_ms, charged)
    kept = {site.id for site in new.sites}
    for gone in before.values():
        findings.remove(Subject.TARIFF, gone.plan.id, f"tariff {gone.plan.id} {gone.plan.name!r}")
        if gone.site.id in kept:  # with its site a tariff may go: nothing is charged there any more
            _compare_versions(findings, gone, None, now_ms, charged)


def _compare_versions(
    findings: Findings,
    old: Placed[TariffPlan] | None,
    new: TariffPlan | None,
    now_ms: int,
    charged: frozenset[str],
) -> None:
    before = {version.id: version for version in (old.plan.versions if old else ())}
    in_use = old is not None and bool(old.site.accounts)
    fixed = {
        version.id
        for version in before.values()
        if version.id in charged or (in_use and version.valid_from <= now_ms)
    }
    for version in new.versions if new else ():
        known = before.pop(version.id, None)
        if known is None:
            _note_version(findings, Action.ADD, version)
            _check_retroactive(findings, version, now_ms, in_use=bool(fixed))
        elif known != version:
            _note_version(findings, Action.CHANGE, version, show_changes(known, version))
            _refuse_fixed(findings, version, fixed, "change")
    for version in before.values():
        _note_version(findings, Action.REMOVE, version)
        _refuse_fixed(findings, version, fixed, "be withdrawn")


def _note_version(findings: Findings, action: Action, version: TariffVersion, what: str = "") -> None:
    verb = {Action.ADD: "added", Action.CHANGE: "changed", Action.REMOVE: "withdrawn"}[action]
    start = show_instant(version.valid_from, version.time_zone)
    text = f"tariff {version.tariff_id}: version from {start} {verb}{': ' if what else ''}{what}"
    findings.changes.append(Change(action, Subject.TARIFF_VERSION, version.id, text))


def _refuse_fixed(findings: Findings, version: TariffVersion, fixed: set[str], what: str) -> None:
    if version.id not in fixed:
        return
    start = show_instant(version.valid_from, version.time_zone)
    message = f"version {start} of tariff {version.tariff_id} has begun and cannot {what}"
    remedy = "restore it; for other prices add a version that starts later"
    findings.refuse(RefusalCode.VERSION_BEGUN, version.id, start, message, remedy)


def _check_retroactive(findings: Findings, version: TariffVersion, now_ms: int, *, in_use: bool) -> None:
    if not in_use or version.valid_from > now_ms:
        return
    start = show_instant(version.valid_from, version.time_zone)
    message = f"version {start} of tariff {version.tariff_id} begins in the past, which is charged already"
    remedy = "choose a start in the future"
    findings.refuse(RefusalCode.VERSION_IN_PAST, version.id, start, message, remedy)


def check_tariff_changes(
    findings: Findings, old: InstallationPlan, new: InstallationPlan, now_ms: int
) -> None:
    """Refuse a change of tariff that would leave this month half priced."""
    before = {supply.plan.id: supply for supply in supplies(old)}
    for supply in supplies(new):
        known = before.get(supply.plan.id)
        if known is None or known.plan.tariff_id == supply.plan.tariff_id:
            continue
        was, now = _in_force(known, now_ms), _in_force(supply, now_ms)
        why = None if was is None or now is None else find_obstacle(was, now, now_ms)
        if why is not None:
            turn = f"from tariff {known.plan.tariff_id} to {supply.plan.tariff_id}"
            message = f"supply {supply.plan.id} cannot change {turn} now"
            remedy = (
                f"{why.remedy}; or give tariff {known.plan.tariff_id} a version with these prices that begins"
                " with a bill"
            )
            findings.refuse(
                RefusalCode.TARIFF_CANNOT_FOLLOW,
                supply.plan.id,
                supply.plan.tariff_id,
                f"{message}: {why.message}",
                remedy,
            )


def check_units(findings: Findings, plan: InstallationPlan) -> None:
    """Refuse an account with several supplies of which one sells units.

    A top-up could buy units of one supply alone, and would leave the others to credit that is spent already.
    """
    for account in accounts(plan):
        sellers = [
            supply.id
            for supply in account.plan.supplies
            if any(version.basis is BlockBasis.PURCHASE_TIME for version in _versions(account.site, supply))
        ]
        if sellers and len(account.plan.supplies) > 1:
            message = (
                f"unit {account.plan.id} has several supplies, and {sellers[0]} sells units: a top-up would"
                " buy units of it and leave nothing for the others"
            )
            remedy = "move that supply to its own unit, or use a tariff with sold as: energy used"
            findings.refuse(RefusalCode.UNITS_BESIDE_OTHERS, account.plan.id, sellers[0], message, remedy)


def _versions(site: SitePlan, supply: SupplyPlan) -> tuple[TariffVersion, ...]:
    versions = (tariff.versions for tariff in site.tariffs if tariff.id == supply.tariff_id)
    return next(versions, ())


def _in_force(supply: Placed[SupplyPlan], now_ms: int) -> TariffVersion | None:
    begun = [version for version in _versions(supply.site, supply.plan) if version.valid_from <= now_ms]
    return begun[-1] if begun else None


def check_in_force(findings: Findings, plan: InstallationPlan, now_ms: int) -> None:
    """Refuse a supply that has no price now."""
    for supply in supplies(plan):
        tariffs = (tariff for tariff in supply.site.tariffs if tariff.id == supply.plan.tariff_id)
        starts = [version.valid_from for tariff in tariffs for version in tariff.versions]
        if any(start <= now_ms for start in starts):
            continue
        first = f"begins {show_instant(min(starts), supply.site.time_zone)}" if starts else "has no version"
        message = f"supply {supply.plan.id} has no price now: tariff {supply.plan.tariff_id} {first}"
        remedy = "add a version that has begun"
        findings.refuse(
            RefusalCode.NO_TARIFF_IN_FORCE, supply.plan.id, supply.plan.tariff_id, message, remedy
        )
