"""Units bought with top-ups, for supplies whose tariff sells units: what is left, what a top-up buys."""

from meter_bridge.core.ledger.credit import Spending
from meter_bridge.core.ledger.journal import Posting, charge_postings, units_bought_postings
from meter_bridge.core.rating.unit_purchase import NO_PURCHASE, Purchase, purchase_units, sells_units
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.state.model import Account, Supply


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
