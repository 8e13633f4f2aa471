"""Building a statement from the journal's data, and refusing one that does not add up."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.money import amount_digits, format_amount
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.engine.statement.period import Period
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import (
    DayCharge,
    Detail,
    Holding,
    KindSum,
    MeterReadings,
    NotYetPosted,
    Statement,
    StatementEntry,
    TaxSum,
    UnitsHeld,
)

SPENT_AT_ONCE: Final = ("units", "charges")
"""What entries that are no charges spent at once."""


class DoesNotAddUpError(ValueError):
    """The journal's parts contradict each other; nothing of the statement may be shown."""


@dataclass(frozen=True, slots=True)
class StatementHolder:
    """Whose statement it is."""

    account_id: str
    account_name: str
    customer: str | None
    site_id: str
    site_name: str
    time_zone: str
    currency: str
    tenancy: int | None = None
    """None for a statement of the account, across its tenancies."""
    outstanding: int | None = None
    """What is left with a customer who moved out."""
    settlements: tuple[StatementEntry, ...] = ()
    """What was settled with that customer later."""


@dataclass(frozen=True, slots=True)
class StatementData:
    """What the journal holds of an account and period, each part read by itself."""

    holdings: tuple[Holding, ...]
    """From the present ones back, by the postings; the balance first."""
    balances: tuple[int, int]
    """The balance before and after, as the entries themselves tell it."""
    units: tuple[UnitsHeld, ...]
    sums: tuple[KindSum, ...]
    lines: tuple[ChargeLine, ...]
    days: tuple[DayCharge, ...] | None
    """None where days were not asked for."""
    entries: tuple[StatementEntry, ...]
    pending: NotYetPosted
    taxes: tuple[TaxSum, ...] = ()
    readings: tuple[MeterReadings, ...] = ()


def build_statement(holder: StatementHolder, period: Period, books: StatementData, made_at: int) -> Statement:
    """Return the statement; raises ``DoesNotAddUpError`` unless every sum of it agrees with every other."""
    charges = sum(map(charged_amount, books.lines))
    credited = sum(kind_sum.amount for kind_sum in books.sums if kind_sum.kind != EntryKind.CHARGE)
    _check(holder, books, credited, charges)
    first_day, last_day = period.days(ZoneInfo(holder.time_zone))
    is_open = period.end > made_at
    return Statement(
        account_id=holder.account_id,
        account_name=holder.account_name,
        customer=holder.customer,
        site_id=holder.site_id,
        site_name=holder.site_name,
        time_zone=holder.time_zone,
        currency=holder.currency,
        amount_digits=amount_digits(holder.currency),
        start=iso(period.start),
        end=iso(period.end),
        first_day=first_day.isoformat(),
        last_day=last_day.isoformat(),
        made_at=iso(made_at),
        open=is_open,
        detail=Detail.LINE if books.days is None else Detail.DAY,
        opening=sum(holding.opening for holding in books.holdings),
        credits=credited,
        charges=charges,
        closing=sum(holding.closing for holding in books.holdings),
        holdings=books.holdings,
        units=books.units,
        sums=books.sums,
        lines=books.lines,
        days=books.days or (),
        entries=books.entries,
        tenancy=holder.tenancy,
        outstanding=holder.outstanding,
        settlements=holder.settlements,
        not_yet_posted=books.pending if is_open and (books.pending.wh or books.pending.amount) else None,
        taxes=books.taxes,
        readings=books.readings,
    )


def _check(holder: StatementHolder, books: StatementData, credited: int, charges: int) -> None:
    balance = books.holdings[0]
    opening = sum(holding.opening for holding in books.holdings)
    closing = sum(holding.closing for holding in books.holdings)
    taken = -sum(kind_sum.amount for kind_sum in books.sums if kind_sum.kind == EntryKind.CHARGE)
    spent = sum(kind_sum.changes.get(name, 0) for kind_sum in books.sums for name in SPENT_AT_ONCE)
    listed = sum(entry.amount for entry in books.entries)
    by_day = charges if books.days is None else sum(day.amount + day.tax for day in books.days)
    for name, amount, other_name, other in (
        ("the opening balance by postings", balance.opening, "by entries", books.balances[0]),
        ("the closing balance by postings", balance.closing, "by entries", books.balances[1]),
        ("what charges took", taken + spent, "their lines", charges),
        ("the credits", credited, "the entries that are listed", listed),
        ("the charges", charges, "the charges by day", by_day),
        ("opening + credits - charges", opening + credited - charges, "closing", closing),
    ):
        if amount != other:
            texts = [format_amount(value, holder.currency) for value in (amount, other)]
            raise DoesNotAddUpError(
                f"the statement of {holder.account_id} does not add up: {name} is {texts[0]},"
                f" but {other_name} is {texts[1]} (a difference of {amount - other} units of the last digit)"
            )


def charged_amount(line: ChargeLine) -> int:
    """Return what a line adds to the charges; a tax that the prices contain adds nothing."""
    return 0 if line.kind == LineKind.INCLUDED_TAX else line.amount
