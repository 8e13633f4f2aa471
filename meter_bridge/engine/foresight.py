"""What is foretold of an account: when its credit runs out, and the band of it."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.core.credit import headroom
from meter_bridge.core.debt import Debt
from meter_bridge.core.forecast import horizon
from meter_bridge.core.habit import PPM
from meter_bridge.core.outlook import Outlook, runs_out
from meter_bridge.core.supply import PaymentMode
from meter_bridge.engine.credit import credit_now
from meter_bridge.engine.purchases import units_worth
from meter_bridge.engine.state import Account, Supply

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class RunOut:
    """When credit runs out, milliseconds UTC; four times out of five between ``soonest`` and ``latest``."""

    at: int
    soonest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class Left:
    """How long credit lasts."""

    tenths: int
    """Tenths of a day."""

    @property
    def text(self) -> str:
        """Return it for people."""
        return f"{self.tenths // 10}.{self.tenths % 10} days"


def debts_of(supply: Supply) -> tuple[Debt, ...]:
    """Return the debts that an account's first supply carries in what is foretold."""
    account = supply.account
    return tuple(account.debts.values()) if account.supplies[0] is supply else ()


def foretold(account: Account) -> bool:
    """Say whether enough is known of an account to foretell anything."""
    known = [supply.foresight for supply in account.supplies]
    prepaid = account.policy.payment_mode is PaymentMode.PREPAYMENT
    return prepaid and bool(known) and all(each is not None and each.outlook is not None for each in known)


def run_out(account: Account, now: int) -> RunOut | None:
    """Return when an account's credit runs out; None while too little is known, or if it lasts too long."""
    if not foretold(account):
        return None
    known = [supply.foresight for supply in account.supplies]
    at = _at(account, now)
    if at is None:
        return None
    millionths = (at - now) * PPM // DAY_MS
    days = horizon(millionths)
    bands = [each.bands.get(days) for each in known if each is not None and days is not None]
    found = [each for each in bands if each is not None]
    if not found or len(found) != len(bands):
        return RunOut(at, None, None)
    low, high = min(each.low for each in found), max(each.high for each in found)
    return RunOut(at, now + (at - now) * low // PPM, now + (at - now) * high // PPM)


def _at(account: Account, now: int) -> int | None:
    """Return when the first thing runs out: money, or the units of a supply that has bought some."""
    left = max(headroom(account.policy.credit, credit_now(account)), units_worth(account))
    money: list[Outlook] = []
    ends: list[int | None] = []
    for supply in account.supplies:
        outlook = supply.foresight.outlook if supply.foresight else None
        if outlook is None:
            continue
        if outlook.in_units:
            ends.append(runs_out([outlook], supply.rating.units, now))
        else:
            money.append(outlook)
    if money:
        ends.append(runs_out(money, left, now))
    return min((end for end in ends if end is not None), default=None)


def days_left(account: Account, now: int) -> Left | None:
    """Return how long credit lasts, None where it is not foretold."""
    found = run_out(account, now)
    return None if found is None else Left((found.at - now) * 10 // DAY_MS)
