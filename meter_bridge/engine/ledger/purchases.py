"""Units bought with top-ups, for supplies whose tariff sells units: what is left, what a top-up buys."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Engine, ScalarSelect, exists, select

from meter_bridge.core.ledger.credit import Spending
from meter_bridge.core.ledger.journal import EntryKind, Posting, charge_postings, units_bought_postings
from meter_bridge.core.rating.fixed_charges import PrepaidCharge
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.core.rating.unit_purchase import (
    NO_PURCHASE,
    Purchase,
    purchase_units,
    return_units,
    sells_units,
)
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.state.model import Account, Supply
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import tables


def unit_selling_supply(account: Account, at: int) -> Supply | None:
    """Return the supply of an account whose tariff sells units now, or None."""
    return next((supply for supply in account.supplies if sells_units(supply.timeline, at)), None)


def units_worth(account: Account) -> int:
    """Return what the units that are left cost when they were bought, rounded down."""
    lots = (lot for supply in account.supplies for lot in supply.rating.lots)
    return sum(lot.wh * lot.value_per_wh for lot in lots) // EXACT_SCALE


def buy_units(account: Account, money: int, at: int, lot_id: str) -> tuple[Supply | None, Purchase]:
    """Buy units for the money of the balance, if the tariff sells any; the supply is changed."""
    supply = unit_selling_supply(account, at)
    if supply is None or money <= 0:
        return supply, NO_PURCHASE
    return supply, purchase_units(supply.rating, supply.timeline, at, money, lot_id)


def purchase_postings(supply: Supply, purchase: Purchase) -> tuple[Posting, ...]:
    """Return the postings of a purchase: the balance pays, the units come."""
    settlement = purchase.charges
    paid = charge_postings(supply.account.site.currency, settlement, Spending(settlement.total))
    return (*paid, *units_bought_postings(supply.id, purchase.wh))


def take_back_units(
    account: Account, tx: Transaction, lot_id: str | None = None
) -> tuple[int, list[Posting]]:
    """Take back unused units, of all purchases or of one; return what they cost, and their postings."""
    worth, postings = 0, list[Posting]()
    for supply in account.supplies:
        lots = {lot.id: None for lot in supply.rating.lots if lot_id in (None, lot.id)}
        for lot in lots:
            wh, amount = return_units(supply.rating, lot)
            worth += amount
            postings += units_bought_postings(supply.id, -wh)
            tx.save_supply(supply)
    return worth, postings


MAX_PREPAID_MS: Final = 32 * 86_400_000
"""No charge is paid for longer in advance than a month."""


def read_prepaid_charges(reader: Engine, account_id: str, now: int) -> Mapping[str, Sequence[PrepaidCharge]]:
    """Return by supply the fixed charges of the last month that were not reversed since."""
    entry, segment = tables.journal_entry, tables.segment
    reversal = tables.journal_entry.alias("reversal")
    taken_back = exists().where(
        reversal.c.account_id == account_id,
        reversal.c.kind == EntryKind.REVERSAL,
        reversal.c.refers_to == entry.c.id,
    )
    query = (
        select(segment)
        .join(entry, entry.c.seq == segment.c.entry_seq)
        .where(
            entry.c.account_id == account_id,
            entry.c.kind == EntryKind.CHARGE,
            entry.c.seq >= _first_seq(account_id),
            segment.c.kind.in_((LineKind.STANDING, LineKind.DEMAND)),
            entry.c.at > now - MAX_PREPAID_MS,
            segment.c.start_ms > now - MAX_PREPAID_MS,
            segment.c.amount > 0,
            ~taken_back,
        )
        .order_by(segment.c.start_ms)
    )
    charges: defaultdict[str, list[PrepaidCharge]] = defaultdict(list)
    with reader.connect() as connection:
        for row in connection.execute(query).mappings():
            paid = PrepaidCharge(
                LineKind(row["kind"]), row["band"] or "", row["version_id"], row["start_ms"], row["amount"]
            )
            charges[row["supply_id"]].append(paid)
    return charges


def _first_seq(account_id: str) -> ScalarSelect[int]:
    """Return a subquery for the first entry of the newest tenancy."""
    table = tables.tenancy
    newest = select(table.c.first_seq).where(table.c.account_id == account_id)
    return newest.order_by(table.c.n.desc()).limit(1).scalar_subquery()
