"""Repricing: a period that is over, priced anew by another price list; a correction of the difference."""

from dataclasses import dataclass, field
from datetime import date
import json
from typing import ClassVar, Final, override

from sqlalchemy import ColumnElement, Connection, and_, func, select

from meter_bridge.config.codec import decode_tariff_version
from meter_bridge.core.calendar import day_start
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import split_charge
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.rating.load_pricing import (
    LoadInterval,
    PricedPeriod,
    energy_needed_from,
    reprice_period,
)
from meter_bridge.core.rating.rating import LineKind, SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import BlockBasis, TariffVersion
from meter_bridge.engine.accounts.booking import BookOperation, EntryDraft, book_entry, require_charged
from meter_bridge.engine.ledger.credit import posted_credit
from meter_bridge.engine.ledger.hourly_history import first_entry_since
from meter_bridge.engine.ledger.journal import has_uncharged, post_accruals
from meter_bridge.engine.state.model import Account, Supply
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.statement.entry_range import LAST_SEQ
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, OperationResult
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot
from meter_bridge.storage.segment_archive import complete_segments

_PERIOD_KEY: Final = "period"
MAX_EARLY_MS: Final = 86_400_000
"""By how much an entry could be booked before what it charges, at most: a device's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class _PeriodFindings:
    """What the journal says of the period, and what it comes to by the other price list."""

    period: str
    end: int
    tenancy: int
    version: TariffVersion
    priced: PricedPeriod
    charged: int

    @property
    def difference(self) -> int:
        """Return what the customer has to pay besides; negative is given back."""
        return self.priced.total - self.charged


@dataclass(slots=True)
class Repricing(BookOperation):
    """Prices a billing period anew.

    The journal stays as it is: the difference is one correction that names the period and the lines of the
    new price list. Doing it again finds what was corrected before.
    """

    supply_id: str
    request: requests.Repricing
    found: list[_PeriodFindings] = field(default_factory=list)

    name: ClassVar[str] = "repricing"
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        return [self.supply_id, self.request.day, self.request.version, self.request.reason]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the price list, the energy and what was charged; refuse what cannot be priced."""
        # Only now: the state may have been read anew while the operation waited for its turn.
        account = session.installation.accounts.get(account_id)
        if account is None:
            return  # refused by what carries operations out
        supply, tenancy = self._supply(account), account.tenancy
        with snapshot(session.reader) as connection:
            version = _read_version(connection, self.request.version, account.site.currency)
            period = version.billing_period.text(_parse_day(self.request.day))
            start, end = (day_start(day, version.zone) for day in period_bounds(period))
            if end > session.clock.now():
                raise _refused(
                    "day", self.request.day, "lies in a period that is not over", "wait for its end"
                )
            since = tenancy.start
            if end <= since:
                what = "lies before the present customer moved in"
                raise _refused("day", self.request.day, what, "settle it with the customer of then")
            start = max(start, since)
            early = min(start, energy_needed_from(version, period)) - MAX_EARLY_MS
            first = first_entry_since(connection, early, account_id)
            with complete_segments(connection, session.archive, account_id, first, LAST_SEQ) as there:
                whole = _segments_in(supply, first, start, end)
                if _has_unit_sales(there, whole):
                    what = "lies in a period whose energy was sold as units, at the price of then"
                    raise _refused("day", self.request.day, what, "correct the balance instead")
                known = max(energy_needed_from(version, period), since)
                used = _read_energy(there, _segments_in(supply, first, known, end))
                charged = _read_charged(there, whole)
            charged += _read_corrections(connection, account_id, supply.id, period)
        terms: SupplyTerms = supply.rating.terms
        priced = reprice_period(version, terms, used, period, end)
        self.found = [_PeriodFindings(period, end, tenancy.n, version, priced, charged)]

    def _supply(self, account: Account) -> Supply:
        """Return the supply; refuse one that a site file has taken away meanwhile."""
        for supply in account.supplies:
            if supply.id == self.supply_id:
                return supply
        known = ", ".join(supply.id for supply in account.supplies)
        raise _refused("supply", self.supply_id, "is not of this account", f"name one of {known}")

    @override
    def needs_closing_first(self, session: Session, account: Account) -> bool:
        """Return whether something of the period is not in the journal yet; it would be left out."""
        if not self.found:
            return False
        supply, end = self._supply(account), self.found[0].end
        is_open = any(part.start < end for parts in supply.rating.open_segments.values() for part in parts)
        return is_open or has_uncharged(account, end)

    @override
    def check(self, session: Session, account: Account) -> None:
        if not self.found:
            raise storage_unavailable()  # closed when it was looked for, and opened again since
        found = self.found[0]
        if account.tenancy.n != found.tenancy:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"a customer of {account.name} moved while {found.period} was priced",
                remedy="ask again; who moved out is settled with by 'meter-bridge settle'",
            )
        require_charged(session, account, found.end)
        if found.difference == 0:
            what = f"prices {found.period} at what was charged already"
            raise _refused("version", self.request.version, what, "nothing needs to be done")

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        found = self.found[0]
        post_accruals(session.installation, account, tx)
        spending = split_charge(account.policy.credit, posted_credit(account), found.difference)
        detail = {
            "amount": -found.difference,
            "reason": self.request.reason,
            "repricing": {
                "supply": self.supply_id,
                _PERIOD_KEY: found.period,
                "version": found.version.id,
                "charged": found.charged,
                "priced": found.priced.total,
                "wh": found.priced.wh,
                "lines": _line_details(found.priced),
            },
        }
        first, after = period_bounds(found.period)
        description = f"Repriced by {found.version.id}: {first} until {after}"
        postings = journal.correction_postings(account.site.currency, spending)
        seq = book_entry(
            session, account, tx, EntryDraft(EntryKind.CORRECTION, postings, description, detail)
        )
        return self.result(session, account, tx, seq, detail)


def repricing_of(account: Account, request: requests.Repricing) -> Repricing:
    """Return the repricing that is asked for; raises ``RequestRefused`` naming field, value and remedy."""
    supplies = {supply.id: supply for supply in account.supplies}
    if request.supply is not None and request.supply not in supplies:
        raise _refused(
            "supply", request.supply, "is not of this account", f"name one of {', '.join(supplies)}"
        )
    if request.supply is None and len(supplies) != 1:
        raise _refused("supply", "", "has to be named", f"name one of {', '.join(supplies)}")
    _parse_day(request.day)
    return Repricing(request.supply or account.supplies[0].id, request)


def _refused(name: str, value: str, what: str, remedy: str) -> RequestRefused:
    """Return a refusal that names field, value and remedy."""
    return RequestRefused(
        ErrorCode.BAD_REQUEST, f"{name} {value} {what}", field=name, value=value, remedy=remedy
    )


def _parse_day(text: str) -> date:
    """Return a day of the period."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _refused("day", text, "is not a date", "write a day of the period, like 2026-06-20") from None


def _read_version(connection: Connection, version_id: str, currency: str) -> TariffVersion:
    """Return the price list; refuse one that is not there, has another currency or sells units."""
    table = tables.tariff_version
    document = connection.execute(select(table.c.document).where(table.c.id == version_id)).scalar()
    if document is None:
        known = connection.execute(select(table.c.id).order_by(table.c.id)).scalars().all()
        remedy = f"name one of {', '.join(known[:20])}"
        raise _refused("version", version_id, "is not a version of any tariff", remedy)
    version = decode_tariff_version(document)
    if version.currency != currency:
        what = f"has its prices in {version.currency}"
        raise _refused("version", version_id, what, f"name a version of a tariff in {currency}")
    if version.basis is BlockBasis.PURCHASE_TIME:
        what = "sells units, and a later price changes nothing of units that were bought"
        raise _refused("version", version_id, what, "correct the balance instead")
    return version


def _segments_in(supply: Supply, first: int, start: int, end: int) -> ColumnElement[bool]:
    """Return the condition that chooses a supply's segments of a time, of entries from ``first`` on."""
    entry, segment = tables.journal_entry.c, tables.segment.c
    own = select(entry.seq).where(entry.account_id == supply.account.id, entry.seq >= first)
    in_time = and_(segment.start_ms >= start, segment.start_ms < end)
    return and_(segment.entry_seq.in_(own), segment.supply_id == supply.id, in_time)


def _read_energy(connection: Connection, used: ColumnElement[bool]) -> list[LoadInterval]:
    """Return the energy on record."""
    table = tables.segment.c
    query = select(table.start_ms, table.end_ms, table.wh).where(used, table.wh > 0)
    return [LoadInterval(*row) for row in connection.execute(query.order_by(table.start_ms)).tuples()]


def _has_unit_sales(connection: Connection, used: ColumnElement[bool]) -> bool:
    """Return whether units were bought or used."""
    table = tables.segment.c
    query = select(table.entry_seq).where(used, table.kind.in_((LineKind.UNITS, LineKind.PURCHASE)))
    return connection.execute(query.limit(1)).first() is not None


def _read_charged(connection: Connection, used: ColumnElement[bool]) -> int:
    """Return what was charged, taxes included."""
    table = tables.segment.c
    amount = func.coalesce(func.sum(table.amount + table.tax), 0)
    return int(connection.execute(select(amount).where(used)).scalar_one())


def _read_corrections(connection: Connection, account_id: str, supply_id: str, period: str) -> int:
    """Return what earlier repricings charged besides for a period."""
    table = tables.journal_entry
    query = select(table.c.detail).where(
        table.c.account_id == account_id, table.c.kind == EntryKind.CORRECTION
    )
    details = (json.loads(detail) for detail in connection.execute(query).scalars())
    return sum(
        -detail["amount"]
        for detail in details
        if detail.get("repricing", {}).get("supply") == supply_id
        and detail["repricing"][_PERIOD_KEY] == period
    )


def _line_details(priced: PricedPeriod) -> list[dict[str, object]]:
    """Return the lines of the new price list, for the entry; blocks count from 1."""
    return [
        {
            "kind": str(line.key.kind),
            "block": None if line.key.block < 0 else line.key.block + 1,
            "band": line.key.band or None,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "amount": line.amount,
            "tax": line.tax,
        }
        for line in priced.lines
    ]
