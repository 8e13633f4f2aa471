"""What customers owe now: debts, arrears, emergency credit, balances below zero."""

from collections.abc import Iterator

from meter_bridge.core.ledger.debt import recovery_order
from meter_bridge.core.money import amount_digits
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.view import debt_view
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol.messages import DebtView, OwedView


def outstanding_of(account: Account) -> Iterator[OwedView]:
    """Yield what the present customer of an account owes, with what was used until now."""
    credit = credit_now(account)
    for debt in recovery_order(account.debts.values()):
        yield _view(account, "debt", debt.owed, debt_view(debt))
    sums = {
        "arrears": credit.arrears,
        "emergency_credit": credit.emergency_used,
        "balance": max(-credit.balance, 0),
    }
    for kind, amount in sums.items():
        if amount:
            yield _view(account, kind, amount)


def _view(account: Account, kind: str, owed: int, debt: DebtView | None = None) -> OwedView:
    """Return one thing that is owed."""
    currency = account.site.currency
    return OwedView(
        account_id=account.id,
        site_id=account.site.id,
        tenancy=account.tenancy.n,
        customer=account.customer,
        former=False,
        kind=kind,
        owed=owed,
        currency=currency,
        amount_digits=amount_digits(currency),
        debt=debt,
    )
