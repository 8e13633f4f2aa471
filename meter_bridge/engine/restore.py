"""Reading the whole state from the database, at the start and after a failed commit."""

from collections.abc import Collection, Mapping
import json

from sqlalchemy import Connection, RowMapping, Table, func, or_, select

from meter_bridge.config.codec import decode_meter, decode_policy, decode_tariff_version
from meter_bridge.core.ledger.journal import DEBT
from meter_bridge.core.supply.alerts import BOOKS_OF, AlertKey
from meter_bridge.core.supply.local_cutoff import CutOffState, SlotState, is_confirmed
from meter_bridge.core.supply.relay import NO_LOAD_MW, SETTLED, Relay, after_deafness
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline, compose_timeline
from meter_bridge.engine.forecasting.daily_use import load_daily_use
from meter_bridge.engine.ledger.entries import top_up_view
from meter_bridge.engine.sites.apply import applied_families, newest_applied
from meter_bridge.engine.state import supply_document as document
from meter_bridge.engine.state.account_document import restore_account
from meter_bridge.engine.state.model import (
    HOLDING_BUCKETS,
    Account,
    CutOffSlot,
    DeviceCutOff,
    Installation,
    Meter,
    OpenAlert,
    Sequences,
    Site,
    Supply,
    Tenancy,
    first_standing,
    move,
    terms_of,
)
from meter_bridge.engine.supply.relays import remains_open
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof, SupplyReason, SupplyState
from meter_bridge.storage import tables
from meter_bridge.storage.shards import WHOLE, Shard


def load_installation(connection: Connection, shard: Shard = WHOLE) -> Installation | None:
    """Return everything that the owner of a shard serves, or None from an empty database."""
    row = connection.execute(select(tables.installation)).mappings().first()
    if row is None:
        return None
    installation = Installation(row["id"], row["name"], row["created_at"], shard)
    installation.sequences = _sequences(connection, shard)
    installation.families = applied_families(connection)
    installation.exported = connection.execute(select(tables.export_watermark.c.seq)).scalar() or 0
    _load_accounts(connection, installation)
    _load_supplies(connection, installation)
    _load_meters(connection, installation)
    _load_statuses(connection, installation)
    _load_balances(connection, installation)
    _load_cut_offs(connection, installation)
    _load_alerts(connection, installation)
    load_daily_use(connection, installation)
    return installation


def stored_state(connection: Connection, shard: Shard) -> tuple[Installation, int | None] | None:
    """Return everything that the owner of a shard serves and its newest event time, or None."""
    installation = load_installation(connection, shard)
    return None if installation is None else (installation, read_last_instant(connection, shard))


def read_last_instant(connection: Connection, shard: Shard = WHOLE) -> int | None:
    """Return the newest event time that the shard committed, or None from an empty database."""
    own = select(tables.shard.c.last_instant).where(tables.shard.c.n == shard.n)
    undivided = select(tables.installation.c.last_instant)
    return connection.execute(
        select(func.coalesce(own.scalar_subquery(), undivided.scalar_subquery()))
    ).scalar()


def _sequences(connection: Connection, shard: Shard) -> Sequences:
    """Return the last numbers that were given to the shard; site files are counted for all."""

    def newest(table: Table) -> int:
        found = connection.execute(select(func.max(table.c.seq)).where(shard.numbers(table.c.seq))).scalar()
        return shard.first if found is None else int(found)

    return Sequences(
        newest(tables.journal_entry),
        newest(tables.event),
        newest(tables.supply_decision),
        newest_applied(connection),
        _applied_here(connection, shard),
    )


def _applied_here(connection: Connection, shard: Shard) -> int:
    own = select(tables.shard.c.applied).where(tables.shard.c.n == shard.n)
    applied = connection.execute(own).scalar()
    return newest_applied(connection) if applied is None else int(applied)


def _load_accounts(connection: Connection, installation: Installation) -> None:
    sites, account_table = tables.site, tables.account
    shard = installation.shard
    for row in connection.execute(select(sites).where(shard.has_site(sites.c.id))).mappings():
        installation.sites[row["id"]] = Site(row["id"], row["name"], row["time_zone"], row["currency"])
    column = account_table.c
    query = select(
        column.id,
        column.site_id,
        column.name,
        column.customer,
        column.policy,
        column.opened_at,
        column.closed_at,
    ).where(shard.has_site(column.site_id))
    for account_id, site_id, name, customer, policy, opened_at, closed_at in connection.execute(
        query.order_by(column.id)
    ):
        site = installation.sites.get(site_id)
        if site is None:
            continue
        if closed_at is not None:
            installation.closed.add(account_id)
            continue
        installation.accounts[account_id] = Account(
            account_id, site, name, customer, decode_policy(policy), opened_at
        )
    _load_tenancies(connection, installation)
    _load_top_ups(connection, installation)


def _load_tenancies(connection: Connection, installation: Installation) -> None:
    column, accounts = tables.tenancy.c, installation.accounts
    query = select(
        column.account_id, column.n, column.start_ms, column.first_seq, column.first_event, column.end_ms
    )
    for account_id, *tenancy in connection.execute(query.order_by(column.n)):
        account = accounts.get(account_id)
        if account is not None:
            account.tenancy = Tenancy(*tenancy)


def _load_balances(connection: Connection, installation: Installation) -> None:
    """Read what every account has and owes; the terms of its debts were read before."""
    balance, accounts = tables.balance, installation.accounts
    column = balance.c
    query = select(column.account_id, column.bucket, column.asset, column.amount)
    held = or_(column.bucket.in_(HOLDING_BUCKETS), column.bucket.startswith(DEBT, autoescape=True))
    for account_id, bucket, asset, amount in connection.execute(
        query.where(held).order_by(*balance.primary_key)
    ):
        account = accounts.get(account_id)
        if account is not None and asset == account.site.currency:
            move(account, bucket, amount)


def _load_top_ups(connection: Connection, installation: Installation) -> None:
    """Read each account's newest top-up, one query each, so that older ones are not read."""
    entry, account = tables.journal_entry, tables.account
    own = select(func.max(entry.c.seq)).where(entry.c.kind == "top_up", entry.c.account_id == account.c.id)
    newest = select(own.correlate(account).scalar_subquery()).select_from(account)
    newest = newest.where(installation.shard.has_account(account.c.id))
    taken_back = set(
        connection.execute(select(entry.c.refers_to).where(entry.c.kind == "reversal")).scalars()
    )
    for row in connection.execute(select(entry).where(entry.c.seq.in_(newest))).mappings():
        paid = installation.accounts.get(row["account_id"])
        if paid is not None and _is_of_present_tenancy(paid.tenancy, row) and row["id"] not in taken_back:
            paid.last_top_up = top_up_view(row)


def _is_of_present_tenancy(tenancy: Tenancy, row: RowMapping) -> bool:
    return tenancy.includes_entry(row["seq"]) if tenancy.end is None else row["at"] > tenancy.end


def _read_versions(connection: Connection) -> dict[str, list[TariffVersion]]:
    query = select(tables.tariff_version).where(tables.tariff_version.c.withdrawn_at.is_(None))
    found: dict[str, list[TariffVersion]] = {}
    for row in connection.execute(query.order_by(tables.tariff_version.c.valid_from)).mappings():
        found.setdefault(row["tariff_id"], []).append(decode_tariff_version(row["document"]))
    return found


def _load_supplies(connection: Connection, installation: Installation) -> None:
    versions = _read_versions(connection)
    turns = _read_tariff_changes(connection, versions)
    timelines: dict[tuple[object, ...], Timeline] = {}
    column, accounts = tables.supply.c, installation.accounts
    query = select(column.id, column.account_id, column.commodity).where(column.closed_at.is_(None))
    for supply_id, account_id, commodity in connection.execute(query.order_by(column.id)):
        account = accounts.get(account_id)
        if account is None:
            continue
        turn = turns[supply_id]
        # From when a supply has its first tariff changes nothing of its prices, so most units share theirs.
        kind = (turn[0][1], *turn[1:])
        timeline = timelines.get(kind)
        if timeline is None:
            timeline = timelines[kind] = compose_timeline(
                [(start, versions[tariff_id]) for start, tariff_id in turn]
            )
        supply = Supply(supply_id, account, commodity, turn[-1][1], timeline)
        supply.standing_due = first_standing(account, timeline)
        supply.rating.terms = terms_of(account, timeline)
        account.supplies.append(supply)


def _read_tariff_changes(
    connection: Connection, versions: Mapping[str, object]
) -> dict[str, tuple[tuple[int, str], ...]]:
    turns: dict[str, tuple[tuple[int, str], ...]] = {}
    column = tables.supply_tariff.c
    query = select(column.supply_id, column.valid_from, column.tariff_id).order_by(column.valid_from)
    for supply_id, valid_from, tariff_id in connection.execute(query):
        # A tariff taken away since is that of an account that was closed then, whether it came back or not.
        if tariff_id in versions:
            turns[supply_id] = (*turns.get(supply_id, ()), (valid_from, tariff_id))
    return turns


def _load_meters(connection: Connection, installation: Installation) -> None:
    supplies = {
        supply.id: supply for account in installation.accounts.values() for supply in account.supplies
    }
    column = tables.meter.c
    in_use = select(
        column.id,
        column.supply_id,
        column.name,
        column.energy_address,
        column.relay_address,
        column.settings,
        column.assigned_at,
    ).where(column.removed_at.is_(None))
    for meter_id, supply_id, name, energy_address, relay_address, settings, assigned_at in connection.execute(
        in_use.order_by(column.id)
    ):
        supply = supplies.get(supply_id)
        if supply is None:
            continue
        plan = decode_meter(
            meter_id=meter_id,
            name=name,
            energy_address=energy_address,
            relay_address=relay_address,
            settings=settings,
        )
        meter = Meter(meter_id, plan, supply, assigned_at)
        supply.meters.append(meter)
        installation.index(meter)
    status = tables.supply_status.c
    stored = select(status.supply_id, status.document).where(
        installation.shard.has_account(status.account_id)
    )
    for supply_id, found in connection.execute(stored):
        supply = supplies.get(supply_id)
        if supply is not None:
            document.decode_into(supply, found)


def _load_statuses(connection: Connection, installation: Installation) -> None:
    _load_decisions(connection, installation.accounts)
    for row in connection.execute(select(tables.relay_status)).mappings():
        meter = installation.meters.get(row["meter_id"])
        if meter is not None:
            meter.relay = _restored_relay(row, meter.power_mw)
            meter.proven_at = row["proof_at"] or 0
            opened_at = meter.proven_at
            if meter.relay.proof is RelayProof.NO_ANSWER:
                opened_at = meter.relay.reported_at
            meter.relay_opened_at = opened_at if remains_open(meter.relay) else None
            meter.relay = after_deafness(meter.relay)


def _load_decisions(connection: Connection, accounts: Mapping[str, Account]) -> None:
    column = tables.account_status.c
    query = select(
        column.account_id,
        column.supply_state,
        column.reason,
        column.since,
        column.revision,
        column.low_credit_level,
        column.document,
    )
    for account_id, state, reason, since, revision, low_level, found in connection.execute(query):
        account = accounts.get(account_id)
        if account is not None:
            account.state, account.reason = SupplyState(state), SupplyReason(reason)
            account.since, account.revision, account.low_level = since, revision, low_level
            restore_account(account, found)


def _restored_relay(row: RowMapping, power_mw: int | None) -> Relay:
    """Return a relay as stored; a command that was not proven is sent again.

    The newest stored power tells whether there was a load, whose going will prove the command; where it was
    confirmed, there was one.
    """
    proof = RelayProof(row["proof"])
    requested_at = row["requested_at"] or 0
    settled = proof in SETTLED
    had_load = None if settled or power_mw is None else abs(power_mw) > NO_LOAD_MW
    return Relay(
        requested=RelayPosition(row["requested"]) if row["requested"] else None,
        requested_at=requested_at,
        revision=row["revision"],
        reported=RelayPosition(row["reported"]) if row["reported"] else None,
        reported_at=row["reported_at"] or 0,
        proof=proof,
        load_before=True if proof is RelayProof.CONFIRMED else had_load,
        attempts=1 if settled else 0,
        sent_at=requested_at if settled else 0,
    )


def _load_cut_offs(connection: Connection, installation: Installation) -> None:
    kept_by_devices = select(tables.cut_off).order_by(*tables.cut_off.primary_key)
    foreign = _foreign_addresses(connection, installation)
    for row in connection.execute(kept_by_devices).mappings():
        if row["address"] in foreign:
            continue
        cut_off = CutOffState(
            row["wanted_wh"], SlotState(row["held"]), row["held_wh"], row["held_at"], row["written_at"]
        )
        if not (cut_off.target_wh is None and is_confirmed(cut_off)):
            place = CutOffSlot(row["address"], row["slot"])
            kept = DeviceCutOff(
                place, row["relay_address"], cut_off, stored=True, answered=is_confirmed(cut_off)
            )
            installation.cut_offs[place] = kept


def _foreign_addresses(connection: Connection, installation: Installation) -> Collection[str]:
    """Return the addresses of other shards' devices; the first shard keeps those nobody uses any more."""
    shard, cut_off, meter = installation.shard, tables.cut_off, tables.meter
    every = set(connection.execute(select(cut_off.c.address)).scalars())
    used = set(
        connection.execute(select(meter.c.energy_address).where(meter.c.removed_at.is_(None))).scalars()
    )
    own = set(installation.by_energy_address)
    return (every & used) - own if shard.n == 0 else every - own


def _load_alerts(connection: Connection, installation: Installation) -> None:
    alert = tables.alert
    still_open = select(alert).where(alert.c.closed_at.is_(None)).order_by(alert.c.opened_at, alert.c.id)
    for row in connection.execute(still_open).mappings():
        key = AlertKey(AlertKind(row["kind"]), row["account_id"], row["meter_id"], row["key"])
        opened = OpenAlert(row["id"], json.loads(row["facts"]), row["opened_at"], row["acknowledged_at"])
        if row["account_id"] is None:
            mark, _, _ = row["key"].partition("/")
            site_id = row["key"].removeprefix(BOOKS_OF)
            if mark == installation.shard.mark or site_id in installation.sites:
                installation.alerts[key] = opened
        elif row["account_id"] in installation.accounts:
            installation.accounts[row["account_id"]].alerts[key] = opened
            _restore_alarm(installation, key)


def _restore_alarm(installation: Installation, key: AlertKey) -> None:
    meter = installation.meters.get(key.meter_id or "")
    if meter is None:
        return
    if key.kind in (AlertKind.OVER_VOLTAGE, AlertKind.UNDER_VOLTAGE, AlertKind.POWER_OUTAGE):
        meter.voltage_alarm = key.kind
    elif key.kind is AlertKind.OVERLOAD:
        meter.overloaded = True
    elif key.kind is AlertKind.TAMPER and not key.detail:
        meter.tampered_at = 0
