"""Repricing: a period that is over is priced again with another price list; the difference is corrected."""

from dataclasses import dataclass
from datetime import date
import json
from typing import ClassVar, Final, override

from sqlalchemy import ColumnElement, Connection, and_, select

from meter_bridge.config.codec import decode_tariff_version
from meter_bridge.core.calendar import day_start
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
from meter_bridge.engine.accounts.adjustments import book_correction
from meter_bridge.engine.accounts.booking import AccountOperation, Booking, require_charged
from meter_bridge.engine.ledger.hourly_history import first_entry_since
from meter_bridge.engine.ledger.journal import has_uncharged
from meter_bridge.engine.state.model import Account, Supply
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.statement.entry_range import LAST_SEQ
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot
from meter_bridge.storage.exact_sum import exact_sum
from meter_bridge.storage.segment_archive import complete_segments

_PERIOD_KEY: Final = "period"
MAX_EARLY_MS: Final = 86_400_000
"""By how much an entry could be booked before what it charges, at most: a device's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class _PeriodFindings:
    """What the period was charged, and what it costs by the other price list."""

    period: str
    end: int
    tenancy: int
    version: TariffVersion
    priced: PricedPeriod
    charged: int

    @property
    def difference(self) -> int:
        """What the customer has to pay in addition; negative is given back."""
        return self.priced.total - self.charged


class RepricingOperation(AccountOperation[requests.Repricing]):
    """Prices a billing period again.

    The journal stays as it is: the difference is one correction that names the period and the lines of the
    new price list. Doing it again takes what was corrected before into account.
    """

    name: ClassVar[str] = "repricing"
    exclusive: ClassVar[bool] = True
    supply_id: str
    findings: _PeriodFindings | None = None

    @override
    def prepare(self, account: Account) -> None:
        supply_ids = [supply.id for supply in account.supplies]
        if self.request.supply is None and len(supply_ids) != 1:
            raise _refused("supply", "", "has to be named", f"name one of {', '.join(supply_ids)}")
        self.supply_id = supply_ids[0] if self.request.supply is None else self.request.supply
        self._supply(account)
        _parse_day(self.request.day)

    @override
    def fingerprint(self) -> list[object]:
        return [self.supply_id, self.request.day, self.request.version, self.request.reason]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the price list, the energy and what was charged; refuse what cannot be priced."""
        # Only now: the state may have been read again while the operation waited for its turn.
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
                problem = "lies before the present customer moved in"
                raise _refused("day", self.request.day, problem, "settle it with the customer of then")
            start = max(start, since)
            early = min(start, energy_needed_from(version, period)) - MAX_EARLY_MS
            first = first_entry_since(connection, early, account_id)
            with complete_segments(connection, session.archive, account_id, first, LAST_SEQ) as segments:
                in_period = _segments_in(supply, first, start, end)
                if _has_unit_sales(segments, in_period):
                    problem = "lies in a period whose energy was sold as units, at the price of then"
                    raise _refused("day", self.request.day, problem, "correct the balance instead")
                known = max(energy_needed_from(version, period), since)
                used = _read_energy(segments, _segments_in(supply, first, known, end))
                charged = _read_charged(segments, in_period)
            charged += _read_corrections(connection, account_id, supply.id, period)
        terms: SupplyTerms = supply.rating.terms
        priced = reprice_period(version, terms, used, period, end)
        self.findings = _PeriodFindings(period, end, tenancy.n, version, priced, charged)

    def _supply(self, account: Account) -> Supply:
        """Return the supply; refuse one that a site file has removed in the meantime."""
        supplies = {supply.id: supply for supply in account.supplies}
        if self.supply_id not in supplies:
            known = ", ".join(supplies)
            raise _refused("supply", self.supply_id, "is not of this account", f"name one of {known}")
        return supplies[self.supply_id]

    @override
    def needs_closing_first(self, session: Session, account: Account) -> bool:
        """Return whether something of the period is not in the journal yet; it would be left out."""
        if self.findings is None:
            return False
        supply, end = self._supply(account), self.findings.end
        is_open = any(part.start < end for parts in supply.rating.open_segments.values() for part in parts)
        return is_open or has_uncharged(account, end)

    @override
    def check(self, session: Session, account: Account) -> None:
        findings = self.findings
        if findings is None:
            raise storage_unavailable()  # closed when it was looked up, and opened again since
        if account.tenancy.n != findings.tenancy:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"a customer of {account.name} moved while {findings.period} was priced",
                remedy="ask again; who moved out is settled with by 'meter-bridge settle'",
            )
        require_charged(session, account, findings.end)
        if findings.difference == 0:
            problem = f"prices {findings.period} at what was charged already"
            raise _refused("version", self.request.version, problem, "nothing needs to be done")

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        findings = self.findings
        assert findings is not None, "checked before"
        detail = {
            "amount": -findings.difference,
            "reason": self.request.reason,
            "repricing": {
                "supply": self.supply_id,
                _PERIOD_KEY: findings.period,
                "version": findings.version.id,
                "charged": findings.charged,
                "priced": findings.priced.total,
                "wh": findings.priced.wh,
                "lines": _line_details(findings.priced),
            },
        }
        first, after = period_bounds(findings.period)
        description = f"Repriced by {findings.version.id}: {first} until {after}"
        return book_correction(session, account, tx, -findings.difference, description, detail), detail


def _refused(name: str, value: str, problem: str, remedy: str) -> RequestRefused:
    return RequestRefused(
        ErrorCode.BAD_REQUEST, f"{name} {value} {problem}", field=name, value=value, remedy=remedy
    )


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _refused("day", text, "is not a date", "write a day of the period, like 2026-06-20") from None


def _read_version(connection: Connection, version_id: str, currency: str) -> TariffVersion:
    table = tables.tariff_version
    document = connection.execute(select(table.c.document).where(table.c.id == version_id)).scalar()
    if document is None:
        known = connection.execute(select(table.c.id).order_by(table.c.id)).scalars().all()
        remedy = f"name one of {', '.join(known[:20])}"
        raise _refused("version", version_id, "is not a version of any tariff", remedy)
    version = decode_tariff_version(document)
    if version.currency != currency:
        problem = f"has its prices in {version.currency}"
        raise _refused("version", version_id, problem, f"name a version of a tariff in {currency}")
    if version.basis is BlockBasis.PURCHASE_TIME:
        problem = "sells units, and a later price changes nothing of units that were bought"
        raise _refused("version", version_id, problem, "correct the balance instead")
    return version


def _segments_in(supply: Supply, first: int, start: int, end: int) -> ColumnElement[bool]:
    entry, segment = tables.journal_entry.c, tables.segment.c
    own = select(entry.seq).where(entry.account_id == supply.account.id, entry.seq >= first)
    in_time = and_(segment.start_ms >= start, segment.start_ms < end)
    return and_(segment.entry_seq.in_(own), segment.supply_id == supply.id, in_time)


def _read_energy(connection: Connection, used: ColumnElement[bool]) -> list[LoadInterval]:
    table = tables.segment.c
    query = select(table.start_ms, table.end_ms, table.wh).where(used, table.wh > 0)
    return [LoadInterval(*row) for row in connection.execute(query.order_by(table.start_ms)).tuples()]


def _has_unit_sales(connection: Connection, used: ColumnElement[bool]) -> bool:
    table = tables.segment.c
    query = select(table.entry_seq).where(used, table.kind.in_((LineKind.UNITS, LineKind.PURCHASE)))
    return connection.execute(query.limit(1)).first() is not None


def _read_charged(connection: Connection, used: ColumnElement[bool]) -> int:
    """Return what was charged, including tax."""
    table = tables.segment.c
    return connection.execute(select(exact_sum(table.amount + table.tax)).where(used)).scalar_one() or 0


def _read_corrections(connection: Connection, account_id: str, supply_id: str, period: str) -> int:
    """Return what earlier repricings charged in addition for a period."""
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
    """Return the lines of the new price list as the entry keeps them; blocks count from 1."""
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
