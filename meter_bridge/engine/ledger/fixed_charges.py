"""Charging what the clock makes due, and posting everything that was used."""

from datetime import date, timedelta

from meter_bridge.core.calendar import day_end, local_day, month_of
from meter_bridge.core.ledger.credit import Collection
from meter_bridge.core.rating.closing import close_segments
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.rating import purge_intervals, purge_periods
from meter_bridge.engine.ledger.credit import standing_charge_collection
from meter_bridge.engine.ledger.deferred_posting import post_deferred
from meter_bridge.engine.ledger.journal import book_charges
from meter_bridge.engine.state.model import Account, Installation, Supply
from meter_bridge.engine.state.transaction import Transaction


def post_accruals(installation: Installation, account: Account, tx: Transaction) -> None:
    """Post everything used so far, before anything that depends on the balance."""
    post_deferred(installation, account, tx)
    for supply in account.supplies:
        book_charges(installation, supply, tx, close_segments(supply.rating, supply.timeline))
    account.invalidate_fast_paths()


def has_uncharged(account: Account, at: int) -> bool:
    """Return whether charges are due that are not booked yet, as in the seconds after midnight."""
    return any(supply.standing_due <= at for supply in account.supplies)


def charge_due_days(installation: Installation, supply: Supply, tx: Transaction) -> None:
    """Charge what every local day that has begun makes due."""
    while supply.standing_due <= tx.at:
        post_deferred(installation, supply.account, tx)
        zone = supply.timeline.at(supply.standing_due).zone
        day = local_day(supply.standing_due, zone)
        waived = standing_charge_collection(supply.account) is Collection.PAUSE
        settled = charge_day(supply.rating, supply.timeline, supply.standing_due, waived=waived)
        book_charges(installation, supply, tx, settled)
        supply.standing_due = day_end(day, zone)
        reach = _oldest_open_day(supply, day)
        purge_periods(supply.rating, month_of(reach - timedelta(days=31)).isoformat())
        purge_intervals(supply.rating, min([tx.at, *_last_reading_times(supply)]) - 3_600_000, zone)
        tx.save_supply(supply)


def _oldest_open_day(supply: Supply, day: date) -> date:
    """Return the oldest day that a reading can reach: that of the most silent meter."""
    zone = supply.timeline.versions[0].zone
    return min([day, *(local_day(at, zone) for at in _last_reading_times(supply))])


def _last_reading_times(supply: Supply) -> list[int]:
    """Return up to when each meter was read."""
    return [meter.register.at for meter in supply.meters if meter.register]
