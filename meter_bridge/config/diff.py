"""Compares two plans: what applying a site file changes, and what is refused."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from meter_bridge.config.changes import (
    Action,
    Change,
    Difference,
    Findings,
    Placed,
    RefusalCode,
    Subject,
    accounts,
    meters,
    supplies,
    tariffs,
)
from meter_bridge.config.describe import (
    show_amount,
    show_changes,
    show_dates,
    show_instant,
    show_limits,
    show_policy,
    show_without_bridge,
)
from meter_bridge.config.plan import (
    AccountPlan,
    InstallationPlan,
    MeterPlan,
    SitePlan,
    SupplyPlan,
    TariffPlan,
)
from meter_bridge.config.problems import shorten
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.core.supply.friendly_hours import FriendlyHours
from meter_bridge.core.tariff.tariff import BlockBasis, TariffVersion
from meter_bridge.core.tariff.version_rules import find_obstacle
from meter_bridge.devices.family import FamilySettings, Written


def compare(
    before: InstallationPlan | None,
    after: InstallationPlan,
    now_ms: int,
    *,
    undo: frozenset[str] = frozenset(),
) -> Difference:
    """Return what applying ``after`` changes at an instant, and what keeps it from being applied.

    ``undo`` names the units and meters of which the file may undo what was changed while the bridge ran.
    """
    old = before or InstallationPlan("", ())
    findings = Findings()
    if before is not None:
        findings.change(Subject.INSTALLATION, "", "name", repr(old.name), repr(after.name))
        _compare_families(findings, old, after)
    _compare_sites(findings, old, after)
    _compare_tariffs(findings, old, after, now_ms)
    _compare_accounts(findings, old, after)
    _compare_meters(findings, old, after)
    _check_in_force(findings, after, now_ms)
    _check_tariff_changes(findings, old, after, now_ms)
    _check_units(findings, after)
    _check_edits(findings, old, undo)
    return Difference(tuple(findings.changes), tuple(findings.refusals), tuple(findings.warnings))


def keep_holidays(before: InstallationPlan | None, after: InstallationPlan) -> InstallationPlan:
    """Return a plan whose tariff versions keep the holidays with which they were applied first.

    A newer calendar of holidays would make a version that has begun another one. Only a rule that is written
    otherwise changes its days.
    """
    old = before or InstallationPlan("", ())
    known = {version.id: version for tariff in tariffs(old) for version in tariff.plan.versions}

    def with_known_days(tariff: TariffPlan) -> TariffPlan:
        versions = (_kept(version, known.get(version.id)) for version in tariff.versions)
        return replace(tariff, versions=tuple(versions))

    sites = (replace(site, tariffs=tuple(map(with_known_days, site.tariffs))) for site in after.sites)
    return replace(after, sites=tuple(sites))


def _kept(version: TariffVersion, known: TariffVersion | None) -> TariffVersion:
    if known is None or known.calendar.holiday_rule != version.calendar.holiday_rule:
        return version
    return replace(version, calendar=replace(version.calendar, holidays=known.calendar.holidays))


def _compare_families(findings: Findings, old: InstallationPlan, new: InstallationPlan) -> None:
    before, after = show_families(old.families), show_families(new.families)
    for name in before | after:
        known, now = before.get(name, "none"), after.get(name, "none")
        if known != now and shorten(known) == shorten(now):
            known, now = "as it was", "as it is written now"
        findings.change(Subject.INSTALLATION, "", name, shorten(known), shorten(now))


def show_families(settings: FamilySettings) -> dict[str, str]:
    """Return the settings of meter families, each under its path of keys."""
    return {
        f"{family} {key}{name}": value
        for family, written in settings.items()
        for key, setting in written.items()
        for name, value in _shown(setting)
    }


def _shown(setting: Written) -> Iterator[tuple[str, str]]:
    """Yield a setting, or each of the things that it names."""
    if isinstance(setting, dict):
        yield from ((f" {name}", _one_line(value)) for name, value in setting.items())
    else:
        yield "", _one_line(setting)


def _one_line(value: Written) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_one_line(each)}" for name, each in value.items()) + "}"
    return ", ".join(map(_one_line, value)) if isinstance(value, list) else value


def _compare_sites(findings: Findings, old: InstallationPlan, new: InstallationPlan) -> None:
    before = {site.id: site for site in old.sites}
    for site in new.sites:
        known = before.pop(site.id, None)
        if known is None:
            text = f"site {site.id} {site.name!r} ({site.time_zone}, {site.currency})"
            findings.add(Subject.SITE, site.id, text)
            continue
        findings.change(Subject.SITE, site.id, "name", repr(known.name), repr(site.name))
        _compare_fixed(findings, known, site, "currency", known.currency, site.currency)
        _compare_fixed(findings, known, site, "time zone", known.time_zone, site.time_zone)
    for site in before.values():
        findings.remove(Subject.SITE, site.id, f"site {site.id} {site.name!r}")


def _compare_fixed(
    findings: Findings, old: SitePlan, new: SitePlan, name: str, before: str, after: str
) -> None:
    findings.change(Subject.SITE, new.id, name, before, after)
    if before != after and old.accounts:
        message = f"the {name} of site {new.id} cannot change from {before} to {after}: it has accounts"
        remedy = f"keep {before}, or add a site with another id and move the units there under new ids"
        findings.refuse(RefusalCode.SITE_IN_USE, new.id, after, message, remedy)


def _compare_tariffs(findings: Findings, old: InstallationPlan, new: InstallationPlan, now_ms: int) -> None:
    before = {tariff.plan.id: tariff for tariff in tariffs(old)}
    for tariff in tariffs(new):
        known = before.pop(tariff.plan.id, None)
        if known is None:
            text = f"tariff {tariff.plan.id} {tariff.plan.name!r} at {tariff.site.id}"
            findings.add(Subject.TARIFF, tariff.plan.id, text)
        else:
            change = partial(findings.change, Subject.TARIFF, tariff.plan.id)
            change("name", repr(known.plan.name), repr(tariff.plan.name))
            change("site", known.site.id, tariff.site.id)
        _compare_versions(findings, known, tariff.plan.versions, now_ms)
    kept = {site.id for site in new.sites}
    for gone in before.values():
        findings.remove(Subject.TARIFF, gone.plan.id, f"tariff {gone.plan.id} {gone.plan.name!r}")
        if gone.site.id in kept:  # with its site a tariff may go: nothing is charged there any more
            _compare_versions(findings, gone, (), now_ms)


def _compare_versions(
    findings: Findings, old: Placed[TariffPlan] | None, new: Iterable[TariffVersion], now_ms: int
) -> None:
    before = {version.id: version for version in (old.plan.versions if old else ())}
    in_use = old is not None and bool(old.site.accounts)
    fixed = {version.id for version in before.values() if in_use and version.valid_from <= now_ms}
    for version in new:
        known = before.pop(version.id, None)
        if known is None:
            _note_version(findings, Action.ADD, version)
            if fixed and version.valid_from <= now_ms:
                past, remedy = "begins in the past, which is charged already", "choose a start in the future"
                _refuse_version(findings, RefusalCode.VERSION_IN_PAST, version, past, remedy)
        elif known != version:
            _note_version(findings, Action.CHANGE, version, show_changes(known, version))
            _refuse_fixed(findings, version, fixed, "change")
    for version in before.values():
        _note_version(findings, Action.REMOVE, version)
        _refuse_fixed(findings, version, fixed, "be withdrawn")


def _note_version(findings: Findings, action: Action, version: TariffVersion, details: str = "") -> None:
    verb = {Action.ADD: "added", Action.CHANGE: "changed", Action.REMOVE: "withdrawn"}[action]
    start = show_instant(version.valid_from, version.time_zone)
    text = f"tariff {version.tariff_id}: version from {start} {verb}{': ' if details else ''}{details}"
    findings.changes.append(Change(action, Subject.TARIFF_VERSION, version.id, text))


def _refuse_fixed(findings: Findings, version: TariffVersion, fixed: set[str], verb: str) -> None:
    if version.id in fixed:
        remedy = "restore it; for other prices add a version that starts later"
        begun = f"has begun and cannot {verb}"
        _refuse_version(findings, RefusalCode.VERSION_BEGUN, version, begun, remedy)


def _refuse_version(
    findings: Findings, code: RefusalCode, version: TariffVersion, why: str, remedy: str
) -> None:
    start = show_instant(version.valid_from, version.time_zone)
    message = f"version {start} of tariff {version.tariff_id} {why}"
    findings.refuse(code, version.id, start, message, remedy)


def _compare_accounts(findings: Findings, old: InstallationPlan, new: InstallationPlan) -> None:
    before = {account.plan.id: account for account in accounts(old)}
    for account in accounts(new):
        known = before.pop(account.plan.id, None)
        if known is None:
            findings.add(Subject.UNIT, account.plan.id, _show_new(account))
            _warn_of_cut(findings, account.plan)
        else:
            _compare_account(findings, known, account)
    for gone in before.values():
        text = f"unit {gone.plan.id} {gone.plan.name!r}: its account is closed"
        findings.remove(Subject.UNIT, gone.plan.id, text)
        findings.warnings.append(
            f"The account of {gone.plan.id} {gone.plan.name!r} is closed: it is no longer charged,"
            " accepts no top-ups, and its balance stays on record."
        )


def _show_new(new: Placed[AccountPlan]) -> str:
    text = f"unit {new.plan.id} {new.plan.name!r} at {new.site.id}"
    text += "".join(f", tariff {supply.tariff_id}" for supply in new.plan.supplies)
    if new.plan.opening_credit:
        text += f", opening credit {show_amount(new.plan.opening_credit, new.site.currency)}"
    return text


def _warn_of_cut(findings: Findings, new: AccountPlan) -> None:
    """Warn that a new unit starts with its supply cut (docs/decisions/0010)."""
    policy = new.policy
    cuttable = policy.payment_mode is PaymentMode.PREPAYMENT and not policy.never_cut
    if cuttable and not new.opening_credit:
        when = "" if policy.friendly_hours == FriendlyHours() else ", from the end of its friendly hours on,"
        findings.warnings.append(
            f"{new.id} {new.name!r} has no opening credit: unless its account has credit from before,"
            f" its supply is cut{when} until the first top-up."
        )


def _compare_account(findings: Findings, old: Placed[AccountPlan], new: Placed[AccountPlan]) -> None:
    account_id = new.plan.id
    if old.site.id != new.site.id:
        message = f"unit {account_id} cannot move from site {old.site.id} to {new.site.id}"
        remedy = "close it and add a unit with another id there"
        findings.refuse(RefusalCode.UNIT_AT_OTHER_SITE, account_id, new.site.id, message, remedy)
    change = partial(findings.change, Subject.UNIT, account_id)
    change("name", repr(old.plan.name), repr(new.plan.name))
    change("customer", old.plan.customer or "none", new.plan.customer or "none")
    before = show_policy(old.plan.policy, old.site.currency)
    for name, value in show_policy(new.plan.policy, new.site.currency).items():
        change(name, before[name], value)
    known, now = ({*account.plan.policy.friendly_hours.holidays} for account in (old, new))
    change("public holidays", show_dates(known - now, 5), show_dates(now - known, 5))
    if old.plan.opening_credit != new.plan.opening_credit:
        findings.warnings.append(
            f"The opening credit of {account_id} counts only when a unit is first applied;"
            " its change does nothing."
        )
    _compare_supplies(findings, old.plan, new.plan)


def _compare_supplies(findings: Findings, old: AccountPlan, new: AccountPlan) -> None:
    before = {supply.id: supply for supply in old.supplies}
    for supply in new.supplies:
        known = before.pop(supply.id, None)
        if known is None:
            findings.add(Subject.SUPPLY, supply.id, f"supply {supply.id}, tariff {supply.tariff_id}")
        else:
            findings.change(Subject.UNIT, new.id, "tariff", known.tariff_id, supply.tariff_id)
    for supply in before.values():
        findings.remove(Subject.SUPPLY, supply.id, f"supply {supply.id}")


def _compare_meters(findings: Findings, old: InstallationPlan, new: InstallationPlan) -> None:
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
        "read by hand": "yes" if meter.read_by_hand else "no",
        "without the bridge": show_without_bridge(meter.without_bridge),
        "rule slot": str(meter.rule_slot),
        **show_limits(meter.limits),
    }


def _check_in_force(findings: Findings, plan: InstallationPlan, now_ms: int) -> None:
    """Refuse a supply that has no price now."""
    for supply in supplies(plan):
        starts = [version.valid_from for version in _versions(supply.site, supply.plan)]
        if any(start <= now_ms for start in starts):
            continue
        first = f"begins {show_instant(min(starts), supply.site.time_zone)}" if starts else "has no version"
        message = f"supply {supply.plan.id} has no price now: tariff {supply.plan.tariff_id} {first}"
        code, remedy = RefusalCode.NO_TARIFF_IN_FORCE, "add a version that has begun"
        findings.refuse(code, supply.plan.id, supply.plan.tariff_id, message, remedy)


def _check_tariff_changes(
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
            message = f"supply {supply.plan.id} cannot change {turn} now: {why.message}"
            later = f"give tariff {known.plan.tariff_id} a version with these prices that begins with a bill"
            remedy, code = f"{why.remedy}; or {later}", RefusalCode.TARIFF_CANNOT_FOLLOW
            findings.refuse(code, supply.plan.id, supply.plan.tariff_id, message, remedy)


def _check_units(findings: Findings, plan: InstallationPlan) -> None:
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


def _check_edits(findings: Findings, old: InstallationPlan, undo: frozenset[str]) -> None:
    edits = {(edit.subject, edit.id, edit.key): edit for edit in old.edits}
    for change in list(findings.changes):
        edit = edits.get((change.subject.value, change.id, change.field or ""))
        if edit is None or change.id in undo:
            continue
        message = (
            f"{change.id}: {edit.key} was set to {change.before} by {edit.by} at {edit.at},"
            f" and the file says {change.after}"
        )
        remedy = f"write {change.before} in the file, or apply with --undo {change.id}"
        findings.refuse(RefusalCode.EDITED_SINCE, change.id, change.after or "", message, remedy)
