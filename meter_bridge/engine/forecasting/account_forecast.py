"""What is foretold of an account: when its credit runs out, and the band of it."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.core.forecast.depletion import Depletion, SupplyForecast, forecast_depletion as run_out_of
from meter_bridge.core.ledger.credit import headroom
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.state.model import Account, Supply

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class DaysLeft:
    """How long credit lasts."""

    tenths: int
    """Tenths of a day."""

    @property
    def text(self) -> str:
        """Return it for people."""
        return f"{self.tenths // 10}.{self.tenths % 10} days"


def debts_in_forecast(supply: Supply) -> tuple[Debt, ...]:
    """Return the debts that an account's first supply carries in what is foretold."""
    account = supply.account
    return tuple(account.debts.values()) if account.supplies[0] is supply else ()


def has_forecast(account: Account) -> bool:
    """Return whether enough is known of an account to foretell anything."""
    return bool(_supply_forecasts(account))


def _supply_forecasts(account: Account) -> list[SupplyForecast]:
    """Return what is foretold of every supply; none where that of one is not known."""
    known = [
        SupplyForecast(each.projection, each.intervals, supply.rating.units)
        for supply in account.supplies
        if (each := supply.forecast) is not None and each.projection is not None
    ]
    prepaid = account.policy.payment_mode is PaymentMode.PREPAYMENT
    return known if prepaid and len(known) == len(account.supplies) else []


def account_depletion(account: Account, now: int) -> Depletion | None:
    """Return when an account's credit runs out; None while too little is known, or if it lasts too long."""
    sights = _supply_forecasts(account)
    if not sights:
        return None
    return run_out_of(
        sights, max(headroom(account.policy.credit, credit_now(account)), units_worth(account)), now
    )


def estimate_days_left(account: Account, now: int) -> DaysLeft | None:
    """Return how long credit lasts, None where it is not foretold."""
    found = account_depletion(account, now)
    return None if found is None else DaysLeft((found.at - now) * 10 // DAY_MS)
