"""Applying a validated site file: all changed rows in one transaction, then the state is reloaded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from meter_bridge.config import codec
from meter_bridge.config.changes import Subject
from meter_bridge.config.codec import decode_plan, decode_tariff_version
from meter_bridge.config.plan import (
    AccountPlan,
    Edit,
    InstallationPlan,
    MeterPlan,
    SitePlan,
    SupplyPlan,
    with_edits,
    with_meter,
    with_policy,
)
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import EntryKind, opening_postings
from meter_bridge.core.rating.rating import Rating
from meter_bridge.core.supply.decision import Policy
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.devices.family import NO_SETTINGS, FamilySettings
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.ledger.journal import EntryDraft, append_entry, post_accruals
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.state.account_document import tenancy_row
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import (
    Account,
    Installation,
    Meter,
    Site,
    Tenancy,
)
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import EventKind
from meter_bridge.storage import changeset as ops, tables


@dataclass(frozen=True, slots=True)
class _ApplyContext:
    session: Session
    readings: MeterReports
    tx: Transaction
    before: InstallationPlan | None

    @property
    def installation(self) -> Installation:
        """Return the state before the apply."""
        return self.session.installation


def apply_transaction(
    session: Session,
    readings: MeterReports,
    before: InstallationPlan | None,
    plan: InstallationPlan,
    document: str,
    actor: str,
    placed: Mapping[str, int],
) -> Transaction:
    """Return the transaction that makes the installation what the plan says; it was compared before.

    ``placed`` names the shard of each site: other shards update their accounts themselves
    (``follow_transaction``).
    """
    step = _ApplyContext(session, readings, Transaction(session.clock.now(), actor=actor), before)
    session.installation.name = plan.name
    for site in plan.sites:
        _apply_site(step, site)
        if placed[site.id]:  # a site without a row is the first shard's
            row = {"site_id": site.id, "shard": placed[site.id]}
            step.tx.changeset.add(ops.UPSERT_SITE_SHARD, row)
    _apply_accounts(step, plan, placed)
    _withdraw_versions(step, before, plan)
    _store_applied(session, step.tx, document, plan)
    step.tx.changeset.absorb(session.heartbeat_changeset())
    return step.tx


def follow_transaction(
    session: Session,
    readings: MeterReports,
    before: InstallationPlan | None,
    plan: InstallationPlan,
    seq: int,
    placed: Mapping[str, int],
) -> Transaction:
    """Return the transaction that applies to a shard's accounts a plan that another worker applied."""
    step = _ApplyContext(session, readings, Transaction(session.clock.now()), before)
    session.installation.name = plan.name
    _apply_accounts(step, plan, placed)
    session.installation.sequences.applied = session.installation.sequences.applied_here = seq
    step.tx.changeset.absorb(session.heartbeat_changeset())
    return step.tx


def _apply_accounts(context: _ApplyContext, plan: InstallationPlan, placed: Mapping[str, int]) -> None:
    for site in plan.sites:
        if placed[site.id] == context.session.shard.n:
            for account in site.accounts:
                _apply_account(context, site, account)
    _close_accounts(context, {account.id for site in plan.sites for account in site.accounts})


def _store_applied(session: Session, tx: Transaction, document: str, plan: InstallationPlan) -> None:
    sequences = session.installation.sequences
    if sequences.applied_here == sequences.applied:
        sequences.applied_here += 1
    sequences.applied += 1
    tx.changeset.add(
        ops.INSERT_APPLIED,
        {
            "seq": sequences.applied,
            "at": tx.at,
            "actor": tx.actor,
            "document": document,
            "plan": codec.encode(plan),
        },
    )


def change_meter(
    session: Session,
    readings: MeterReports,
    tx: Transaction,
    meter: Meter,
    plan: MeterPlan,
    applied: tuple[str, InstallationPlan],
) -> None:
    """Give a meter another plan between two site files; the next one is compared with it."""
    if plan.relay_address != meter.plan.relay_address:
        readings.relays.drop_command(meter, tx)
    session.installation.unindex(meter)
    known, meter.plan = meter.plan, plan
    if plan.energy_address != known.energy_address:
        meter.replace_device(tx.at)
    session.installation.index(meter)
    tx.changeset.add(ops.UPSERT_METER, _meter_row(meter.supply.id, plan, meter.assigned_at))
    document, before = applied
    fields = ["address"] if plan.energy_address != known.energy_address else []
    fields += ["relay"] if plan.relay_address != known.relay_address else []
    edits = _edit_rows(tx, Subject.METER, plan.id, fields)
    _store_applied(session, tx, document, with_edits(with_meter(before, plan), edits))
    tx.changeset.absorb(session.heartbeat_changeset())
    tx.after_commit(session.on_meters_changed)


def change_policy(
    session: Session,
    tx: Transaction,
    account: Account,
    policy: Policy,
    fields: Collection[str],
    applied: tuple[str, InstallationPlan],
) -> None:
    """Give an account another policy between two site files; the next one is compared with it.

    ``fields`` are the keys of the site file that change.
    """
    account.policy = policy
    tx.changeset.add(
        ops.UPSERT_ACCOUNT, _account_row(account, account.site.id, account.customer, account.opened_at)
    )
    document, before = applied
    edits = _edit_rows(tx, Subject.UNIT, account.id, fields)
    _store_applied(session, tx, document, with_edits(with_policy(before, account.id, policy), edits))
    tx.changeset.absorb(session.heartbeat_changeset())


def _account_row(
    account: Account | AccountPlan, site_id: str, customer: str | None, opened_at: int
) -> dict[str, object]:
    return {
        "id": account.id,
        "site_id": site_id,
        "name": account.name,
        "customer": customer,
        "policy": codec.encode(account.policy),
        "opened_at": opened_at,
        "closed_at": None,
    }


def _edit_rows(tx: Transaction, subject: Subject, object_id: str, fields: Iterable[str]) -> list[Edit]:
    return [Edit(subject.value, object_id, name, tx.actor, iso(tx.at)) for name in fields]


def _apply_site(context: _ApplyContext, plan: SitePlan) -> None:
    work = context.tx.changeset
    work.add(
        ops.UPSERT_SITE,
        {"id": plan.id, "name": plan.name, "time_zone": plan.time_zone, "currency": plan.currency},
    )
    for tariff in plan.tariffs:
        work.add(ops.UPSERT_TARIFF, {"id": tariff.id, "site_id": plan.id, "name": tariff.name})
        for version in tariff.versions:
            work.add(
                ops.UPSERT_TARIFF_VERSION,
                {
                    "id": version.id,
                    "tariff_id": tariff.id,
                    "valid_from": version.valid_from,
                    "document": codec.encode(version),
                    "withdrawn_at": None,
                },
            )


def _withdraw_versions(
    context: _ApplyContext, before: InstallationPlan | None, plan: InstallationPlan
) -> None:
    """Withdraw the tariff versions that the plan no longer names; none of them has begun."""
    kept = _version_ids(plan)
    for version_id in sorted(_version_ids(before) - kept if before else set()):
        context.tx.changeset.add(
            ops.WITHDRAW_VERSION, {"row_id": version_id, "new_withdrawn_at": context.tx.at}
        )


def _version_ids(plan: InstallationPlan) -> set[str]:
    return {version.id for site in plan.sites for tariff in site.tariffs for version in tariff.versions}


def _apply_account(context: _ApplyContext, site: SitePlan, plan: AccountPlan) -> None:
    known = context.installation.accounts.get(plan.id)
    opened_at = known.opened_at if known else context.tx.at
    customer = _customer_of(context, plan)
    row = _account_row(plan, site.id, customer, opened_at)
    context.tx.changeset.add(ops.UPSERT_ACCOUNT, row)
    if known is None:
        _open_account(context, site, plan)
    else:
        # Another spelling of the name; a move is an operation of its own.
        if customer != known.customer:
            known.customer = customer
            context.tx.changeset.add(ops.UPSERT_TENANCY, tenancy_row(known))
        if _rating_changes(known, plan):
            post_accruals(context.installation, known, context.tx)
    kind = EventKind.ACCOUNT_ADDED if known is None else EventKind.ACCOUNT_CHANGED
    record_event(context.installation, context.tx, kind, account_id=plan.id, data={"name": plan.name})
    for supply in plan.supplies:
        _apply_supply(context, plan, known, supply)


def _customer_of(context: _ApplyContext, plan: AccountPlan) -> str | None:
    """Return who pays: a customer who moved in or out stays unless the name in the site file changed."""
    known = context.installation.accounts.get(plan.id)
    sites = context.before.sites if context.before else ()
    applied = [account.customer for site in sites for account in site.accounts if account.id == plan.id]
    return known.customer if known is not None and plan.customer in applied else plan.customer


def _rating_changes(known: Account, plan: AccountPlan) -> bool:
    """Return whether tariff or meters change, so that everything used so far is posted first."""
    before = {
        (
            supply.id,
            supply.tariff_id,
            frozenset((meter.id, meter.plan.energy_address) for meter in supply.meters),
        )
        for supply in known.supplies
    }
    after = {
        (supply.id, supply.tariff_id, frozenset((meter.id, meter.energy_address) for meter in supply.meters))
        for supply in plan.supplies
    }
    return before != after


def _open_account(context: _ApplyContext, site: SitePlan, plan: AccountPlan) -> None:
    """Open a new account with its opening credit; one that was closed before continues as it was."""
    if plan.id in context.installation.closed:
        return
    account = Account(
        plan.id,
        Site(site.id, site.name, site.time_zone, site.currency),
        plan.name,
        plan.customer,
        plan.policy,
        context.tx.at,
        since=context.tx.at,
    )
    sequences = context.installation.sequences
    account.tenancy = Tenancy(1, context.tx.at, sequences.entry + 1, sequences.event + 1)
    context.tx.changeset.add(ops.UPSERT_TENANCY, tenancy_row(account))
    context.tx.save_account(account)
    if plan.opening_credit:
        postings = opening_postings(site.currency, plan.opening_credit)
        detail = {"amount": plan.opening_credit, "split": {"balance": plan.opening_credit}}
        entry = EntryDraft(EntryKind.OPENING, postings, "Opening credit", detail)
        append_entry(context.installation, account, context.tx, entry)


def _apply_supply(
    context: _ApplyContext, account: AccountPlan, known: Account | None, plan: SupplyPlan
) -> None:
    before = next((supply for supply in known.supplies if supply.id == plan.id), None) if known else None
    work = context.tx.changeset
    row = {"id": plan.id, "account_id": account.id, "commodity": plan.commodity, "closed_at": None}
    work.add(ops.UPSERT_SUPPLY, row)
    if before is None or before.tariff_id != plan.tariff_id:
        turn = {"supply_id": plan.id, "valid_from": context.tx.at, "tariff_id": plan.tariff_id}
        work.add(ops.UPSERT_SUPPLY_TARIFF, turn)
    known_meters = {meter.id: meter for meter in before.meters} if before else {}
    for meter in plan.meters:
        present = known_meters.get(meter.id)
        assigned_at = context.tx.at if present is None else present.assigned_at
        work.add(ops.UPSERT_METER, _meter_row(plan.id, meter, assigned_at))
        if present is not None:
            _reset_changed_devices(context, present, meter)
    if before is not None:
        kept = {meter.id for meter in plan.meters}
        for removed in [meter for meter in before.meters if meter.id not in kept]:
            _remove_meter(context, removed)


def _reset_changed_devices(context: _ApplyContext, meter: Meter, plan: MeterPlan) -> None:
    """Begin counter and relay of a replaced device at its next report; what was counted stays charged."""
    if plan.energy_address != meter.plan.energy_address:
        _end_quarantine(context, meter)
        meter.earlier_wh += meter.register.charged_wh if meter.register else 0
        meter.register = meter.reverse_energy = None
        meter.replace_device(context.tx.at)
        context.tx.save_supply(meter.supply)
    if plan.relay_address != meter.plan.relay_address:
        context.readings.relays.drop_command(meter, context.tx)


def _end_quarantine(context: _ApplyContext, meter: Meter) -> None:
    if meter.quarantine_id is not None:
        reason = "the meter was taken out or replaced"
        context.readings.end_quarantine(meter, context.tx, "replaced", context.tx.actor, reason)


def _meter_row(supply_id: str, plan: MeterPlan, assigned_at: int) -> dict[str, object]:
    return {
        "id": plan.id,
        "supply_id": supply_id,
        "name": plan.name,
        "energy_address": plan.energy_address,
        "relay_address": plan.relay_address,
        "settings": codec.encode_meter_settings(plan),
        "assigned_at": assigned_at,
        "removed_at": None,
    }


def _remove_meter(context: _ApplyContext, meter: Meter) -> None:
    """Remove a meter; its energy stays in the supply's total, and its alerts and commands end."""
    _end_quarantine(context, meter)
    context.readings.relays.drop_command(meter, context.tx)
    supply, account = meter.supply, meter.supply.account
    for key in [key for key in account.alerts if key.meter_id == meter.id]:
        set_alert(context.installation, account, context.tx, key, None)
    supply.earlier_wh += meter.energy_wh or 0
    supply.meters.remove(meter)
    context.installation.unindex(meter)
    context.tx.changeset.add(ops.REMOVE_METER, {"row_id": meter.id, "new_removed_at": context.tx.at})
    context.tx.save_supply(supply)


def _close_accounts(context: _ApplyContext, kept: set[str]) -> None:
    """Close the accounts that the plan no longer names; their balance stays on record."""
    for account in [account for account in context.installation.accounts.values() if account.id not in kept]:
        post_accruals(context.installation, account, context.tx)
        for supply in account.supplies:
            for meter in list(supply.meters):
                _remove_meter(context, meter)
            supply.rating = Rating()
            context.tx.save_supply(supply)
        for key in list(account.alerts):
            set_alert(context.installation, account, context.tx, key, None)
        account.low_level = 0
        context.tx.save_account(account)
        context.tx.changeset.add(ops.CLOSE_ACCOUNT, {"row_id": account.id, "new_closed_at": context.tx.at})
        record_event(
            context.installation,
            context.tx,
            EventKind.ACCOUNT_REMOVED,
            account_id=account.id,
            data={"name": account.name},
        )


def removed_accounts(session: Session, plan: InstallationPlan) -> Sequence[str]:
    """Return the accounts that the plan closes."""
    kept = {account.id for site in plan.sites for account in site.accounts}
    return [account_id for account_id in session.installation.accounts if account_id not in kept]


def newest_applied(connection: Connection) -> int:
    """Return the number of the site file that was applied last, 0 before the first."""
    return connection.execute(select(func.max(tables.applied_site.c.seq))).scalar() or 0


def applied_plan(connection: Connection) -> tuple[str, InstallationPlan] | None:
    """Return the site file that was applied last, as text and as a plan, or None before the first."""
    table = tables.applied_site
    query = select(table.c.document, table.c.plan).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row[0], decode_plan(row[1]))


def applied_families(connection: Connection) -> FamilySettings:
    """Return the settings of meter families in the site file that was applied last."""
    table = tables.applied_site
    document = connection.execute(select(table.c.plan).order_by(table.c.seq.desc()).limit(1)).scalar()
    return NO_SETTINGS if document is None else codec.decode_families(document)


def plan_of(connection: Connection, seq: int) -> InstallationPlan | None:
    """Return what the site file of a number meant, or None before the first."""
    table = tables.applied_site
    document = connection.execute(select(table.c.plan).where(table.c.seq == seq)).scalar()
    return None if document is None else decode_plan(document)


def present_plan(connection: Connection, installation: Installation) -> tuple[str, InstallationPlan] | None:
    """Return the site file that was applied last, by whichever worker, and note its number."""
    installation.sequences.applied = newest_applied(connection)
    return applied_plan(connection)


def begun_versions(connection: Connection, at: int) -> dict[str, TariffVersion]:
    """Return every version that ever began, by id, also of tariffs that were taken away."""
    query = select(tables.tariff_version).where(tables.tariff_version.c.valid_from <= at)
    versions = (decode_tariff_version(row["document"]) for row in connection.execute(query).mappings())
    return {version.id: version for version in versions}
