"""What changes in tariffs; prices of time that was charged already stay as they are."""

from dataclasses import replace
from typing import Final

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
from meter_bridge.core.tariff.version_rules import obstacle


def keep_holidays(before: InstallationPlan | None, after: InstallationPlan) -> InstallationPlan:
    """Return a plan whose tariff versions keep the holidays with which they were applied first.

    A newer calendar of holidays would make a version that has begun another one. Only a rule that is written
    otherwise changes its days.
    """
    known = {version.id: version for each in tariffs(before or _NOTHING) for version in each.plan.versions}
    sites = tuple(
        replace(
            site,
            tariffs=tuple(
                replace(
                    tariff,
                    versions=tuple(_kept(version, known.get(version.id)) for version in tariff.versions),
                )
                for tariff in site.tariffs
            ),
        )
        for site in after.sites
    )
    return replace(after, sites=sites)


def _kept(version: TariffVersion, known: TariffVersion | None) -> TariffVersion:
    """Return a version with the holidays that it had, if its rule is still the same."""
    if known is None or known.calendar.holiday_rule != version.calendar.holiday_rule:
        return version
    return replace(version, calendar=replace(version.calendar, holidays=known.calendar.holidays))


_NOTHING: Final = InstallationPlan("", ())


def compare_tariffs(
    found: Findings, old: InstallationPlan, new: InstallationPlan, now_ms: int, charged: frozenset[str]
) -> None:
    """Note tariffs and versions that come, go and change."""
    before = {each.plan.id: each for each in tariffs(old)}
    for each in tariffs(new):
        known = before.pop(each.plan.id, None)
        if known is None:
            text = f"tariff {each.plan.id} {each.plan.name!r} at {each.site.id}"
            found.add(Subject.TARIFF, each.plan.id, text)
        else:
            found.change(Subject.TARIFF, each.plan.id, "name", repr(known.plan.name), repr(each.plan.name))
            found.change(Subject.TARIFF, each.plan.id, "site", known.site.id, each.site.id)
        _compare_versions(found, known, each.plan, now_ms, charged)
    kept = {site.id for site in new.sites}
    for gone in before.values():
        found.remove(Subject.TARIFF, gone.plan.id, f"tariff {gone.plan.id} {gone.plan.name!r}")
        if gone.site.id in kept:  # with its site a tariff may go: nothing is charged there any more
            _compare_versions(found, gone, None, now_ms, charged)


def _compare_versions(
    found: Findings,
    old: Placed[TariffPlan] | None,
    new: TariffPlan | None,
    now_ms: int,
    charged: frozenset[str],
) -> None:
    """Note added, changed and withdrawn versions; those that have begun stay as they are."""
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
            _note_version(found, Action.ADD, version)
            _check_retroactive(found, version, now_ms, in_use=bool(fixed))
        elif known != version:
            _note_version(found, Action.CHANGE, version, show_changes(known, version))
            _refuse_fixed(found, version, fixed, "change")
    for version in before.values():
        _note_version(found, Action.REMOVE, version)
        _refuse_fixed(found, version, fixed, "be taken away")


def _note_version(found: Findings, action: Action, version: TariffVersion, what: str = "") -> None:
    verb = {Action.ADD: "added", Action.CHANGE: "changed", Action.REMOVE: "withdrawn"}[action]
    start = show_instant(version.valid_from, version.time_zone)
    text = f"tariff {version.tariff_id}: version from {start} {verb}{': ' if what else ''}{what}"
    found.changes.append(Change(action, Subject.TARIFF_VERSION, version.id, text))


def _refuse_fixed(found: Findings, version: TariffVersion, fixed: set[str], what: str) -> None:
    if version.id not in fixed:
        return
    start = show_instant(version.valid_from, version.time_zone)
    message = f"version {start} of tariff {version.tariff_id} has begun and cannot {what}"
    remedy = "put it back as it was; for other prices add a version that begins later"
    found.refuse(RefusalCode.VERSION_BEGUN, version.id, start, message, remedy)


def _check_retroactive(found: Findings, version: TariffVersion, now_ms: int, *, in_use: bool) -> None:
    """Refuse prices for time that was charged already."""
    if not in_use or version.valid_from > now_ms:
        return
    start = show_instant(version.valid_from, version.time_zone)
    message = f"version {start} of tariff {version.tariff_id} begins in the past, which is charged already"
    remedy = "let it begin later than now"
    found.refuse(RefusalCode.VERSION_IN_PAST, version.id, start, message, remedy)


def check_turns(found: Findings, old: InstallationPlan, new: InstallationPlan, now_ms: int) -> None:
    """Refuse to give a supply another tariff in a way that would leave this month half priced."""
    before = {each.plan.id: each for each in supplies(old)}
    for each in supplies(new):
        known = before.get(each.plan.id)
        if known is None or known.plan.tariff_id == each.plan.tariff_id:
            continue
        was, now = _in_force(known, now_ms), _in_force(each, now_ms)
        why = None if was is None or now is None else obstacle(was, now, now_ms)
        if why is not None:
            turn = f"from tariff {known.plan.tariff_id} to {each.plan.tariff_id}"
            message = f"supply {each.plan.id} cannot go {turn} now"
            remedy = (
                f"{why.remedy}; or give tariff {known.plan.tariff_id} a version with these prices that begins"
                " with a bill"
            )
            found.refuse(
                RefusalCode.TARIFF_CANNOT_FOLLOW,
                each.plan.id,
                each.plan.tariff_id,
                f"{message}: {why.message}",
                remedy,
            )


def check_units(found: Findings, plan: InstallationPlan) -> None:
    """Refuse several supplies on an account of which one sells units.

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
            remedy = "give what sells units a unit of its own, or a tariff with sold as: energy used"
            found.refuse(RefusalCode.UNITS_BESIDE_OTHERS, account.plan.id, sellers[0], message, remedy)


def _versions(site: SitePlan, supply: SupplyPlan) -> tuple[TariffVersion, ...]:
    """Return the versions of a supply's tariff."""
    found = (tariff.versions for tariff in site.tariffs if tariff.id == supply.tariff_id)
    return next(found, ())


def _in_force(supply: Placed[SupplyPlan], now_ms: int) -> TariffVersion | None:
    """Return the version that prices a supply now."""
    begun = [each for each in _versions(supply.site, supply.plan) if each.valid_from <= now_ms]
    return begun[-1] if begun else None


def check_in_force(found: Findings, plan: InstallationPlan, now_ms: int) -> None:
    """Refuse a supply that nothing would price now."""
    for each in supplies(plan):
        tariffs = (tariff for tariff in each.site.tariffs if tariff.id == each.plan.tariff_id)
        starts = [version.valid_from for tariff in tariffs for version in tariff.versions]
        if any(start <= now_ms for start in starts):
            continue
        first = f"begins {show_instant(min(starts), each.site.time_zone)}" if starts else "has no version"
        message = f"supply {each.plan.id} has no price now: tariff {each.plan.tariff_id} {first}"
        remedy = "add a version that has begun"
        found.refuse(RefusalCode.NO_TARIFF_IN_FORCE, each.plan.id, each.plan.tariff_id, message, remedy)
