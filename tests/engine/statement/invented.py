"""Statements of no real account, for what puts them together and shows them."""

from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.engine.statement.builder import StatementData, StatementHolder, build_statement
from meter_bridge.engine.statement.period import Period, parse_period
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import (
    DayCharge,
    Holding,
    KindSum,
    NotYetPosted,
    Statement,
    StatementEntry,
)

ZONE: Final = ZoneInfo("Africa/Johannesburg")
NOW: Final = 1_793_527_200_000
"""2026-11-01 12:00 in Johannesburg."""
HOLDER: Final = StatementHolder("flat-1", "Flat 1", "Thandi", "house", "Test house", ZONE.key, "ZAR")
OCTOBER: Final = parse_period("2026-10", "2026-10", now=NOW, zone=ZONE)
NOTHING: Final = StatementData(
    (Holding(name="balance", opening=0, closing=0),),
    (0, 0),
    (),
    (),
    (),
    None,
    (),
    NotYetPosted(at="2026-11-01T10:00:00.000Z", wh=0, amount=0),
)


def line(
    amount: int, *, kind: str = "consumption", band: str | None = "peak", quantity: int = 5000
) -> ChargeLine:
    """Return a line of the price list."""
    return ChargeLine(
        kind=kind,
        supply_id="flat-1/electricity",
        period="2026-10-01",
        tariff_version_id="t@2026-01-01",
        block=1 if kind == "consumption" else None,
        band=band,
        quantity=quantity,
        unit_price=2_500_000 if kind == "consumption" else None,
        amount=amount,
    )


def day(amount: int, tax: int, on: str = "2026-10-05") -> DayCharge:
    """Return what was used on a day."""
    return DayCharge(
        day=on,
        kind="consumption",
        supply_id="flat-1/electricity",
        tariff_version_id="t@2026-01-01",
        block=1,
        band="peak",
        quantity=5000,
        unit_price=2_500_000,
        amount=amount,
        tax=tax,
        estimated_wh=0,
    )


def entry(
    amount: int, *, kind: str = "top_up", description: str = "Top-up, cash", seq: int = 1
) -> StatementEntry:
    """Return an entry that is not a charge."""
    return StatementEntry(
        seq=seq,
        id=f"entry-{seq}",
        at="2026-10-03T16:22:00.000Z",
        kind=kind,
        amount=amount,
        balance_after=amount,
        units_wh=0,
        description=description,
        reference=None,
        refers_to=None,
        changes={"balance": amount},
    )


def books(opening: int, entries: tuple[StatementEntry, ...], lines: tuple[ChargeLine, ...]) -> StatementData:
    """Return books that add up."""
    kinds = dict.fromkeys(each.kind for each in entries)
    amounts = {kind: [each.amount for each in entries if each.kind == kind] for kind in kinds}
    charges = sum(each.amount for each in lines)
    sums = [
        KindSum(kind=kind, entries=len(each), amount=sum(each), changes={"balance": sum(each)})
        for kind, each in amounts.items()
    ]
    if lines:
        sums.append(KindSum(kind="charge", entries=1, amount=-charges, changes={"balance": -charges}))
    closing = opening + sum(each.amount for each in sums)
    return replace(
        NOTHING,
        holdings=(Holding(name="balance", opening=opening, closing=closing),),
        balances=(opening, closing),
        sums=tuple(sums),
        lines=lines,
        entries=entries,
    )


def statement(
    *entries: StatementEntry,
    period: Period = OCTOBER,
    name: str = "Flat 1",
    lines: tuple[ChargeLine, ...] | None = None,
    days: tuple[DayCharge, ...] | None = None,
) -> Statement:
    """Return a statement of October with some entries, and a charge and its tax unless others are given."""
    charged = lines or (line(12_500_000), line(1_875_000, kind="tax", band="VAT", quantity=0))
    found = replace(books(100, entries, charged), days=days)
    return build_statement(replace(HOLDER, account_name=name), period, found, NOW)
