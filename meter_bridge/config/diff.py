"""Compares two plans: what applying a site file changes, and what is refused."""

from meter_bridge.config.changes import (
    Action,
    Change,
    Difference,
    Findings,
    Placed,
    Refusal,
    RefusalCode,
    Subject,
    accounts,
    meters,
    tariffs,
)
from meter_bridge.config.describe import show_amount, show_dates, show_policy
from meter_bridge.config.diff_meters import check_claims, compare_meters
from meter_bridge.config.diff_tariffs import (
    check_in_force,
    check_tariff_changes,
    check_units,
    compare_tariffs,
    keep_holidays,
)
from meter_bridge.config.plan import AccountPlan, InstallationPlan, SitePlan
from meter_bridge.core.supply.decision import PaymentMode

__all__ = ["Action", "Change", "Difference", "Refusal", "RefusalCode", "Subject", "compare", "keep_holidays"]


def compare(
    before: InstallationPlan | None,
    after: InstallationPlan,
    now_ms: int,
    *,
    charged_versions: frozenset[str] = frozenset(),
    undo: frozenset[str] = frozenset(),
) -> Difference:
    """Return what applying ``after`` changes at an instant, and what keeps it from being applied.

    ``charged_versions`` names tariff versions that the ledger refers to, also for accounts that are closed;
    they cannot change, whoever uses their site now. ``undo`` names the units and meters of which the file may
    undo what was changed while the bridge ran.
    """
    old = before or InstallationPlan("", ())
    findings = Findings()
    if before is not None:
        findings.change(Subject.INSTALLATION, "", "name", repr(old.name), repr(after.name))
    _compare_sites(findings, old, after)
    compare_tariffs(findings, old, after, now_ms, charged_versions)
    _compare_accounts(findings, old, after)
    compare_meters(findings, old, after)
    _check_ids(findings, after)
    check_in_force(findings, after, now_ms)
    check_tariff_changes(findings, old, after, now_ms)
    check_units(findings, after)
    check_claims(findings, after)
    _check_edits(findings, old, undo)
    return Difference(tuple(findings.changes), tuple(findings.refusals), tuple(findings.warnings))


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
        findings.warnings.append(
            f"{new.id} {new.name!r} has no opening credit: unless its account has credit from before,"
            " its supply is cut until the first top-up."
        )


def _compare_account(findings: Findings, old: Placed[AccountPlan], new: Placed[AccountPlan]) -> None:
    account_id = new.plan.id
    if old.site.id != new.site.id:
        message = f"unit {account_id} cannot move from site {old.site.id} to {new.site.id}"
        remedy = "close it and add a unit with another id there"
        findings.refuse(RefusalCode.UNIT_AT_OTHER_SITE, account_id, new.site.id, message, remedy)
    findings.change(Subject.UNIT, account_id, "name", repr(old.plan.name), repr(new.plan.name))
    findings.change(
        Subject.UNIT, account_id, "customer", old.plan.customer or "none", new.plan.customer or "none"
    )
    before = show_policy(old.plan.policy, old.site.currency)
    for name, value in show_policy(new.plan.policy, new.site.currency).items():
        findings.change(Subject.UNIT, account_id, name, before[name], value)
    known, now = ({*account.plan.policy.friendly_hours.holidays} for account in (old, new))
    findings.change(
        Subject.UNIT, account_id, "public holidays", show_dates(known - now, 5), show_dates(now - known, 5)
    )
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


def _check_ids(findings: Findings, plan: InstallationPlan) -> None:
    named = [
        *((Subject.SITE, site.id) for site in plan.sites),
        *((Subject.TARIFF, tariff.plan.id) for tariff in tariffs(plan)),
        *((Subject.UNIT, account.plan.id) for account in accounts(plan)),
        *((Subject.METER, meter.id) for meter in meters(plan)),
    ]
    seen: set[tuple[Subject, str]] = set()
    for subject, object_id in named:
        if (subject, object_id) in seen:
            message = f"two {subject}s have the id {object_id}"
            findings.refuse(
                RefusalCode.ID_TWICE, object_id, object_id, message, "give one of them another id"
            )
        seen.add((subject, object_id))
