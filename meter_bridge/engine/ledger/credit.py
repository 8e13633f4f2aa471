"""The credit of an account as it is held: what is posted, and what it comes to with the accrual."""

from zoneinfo import ZoneInfo

from meter_bridge.core.ledger.credit import (
    Collection,
    CreditState,
    TopUpQuestion,
    after_spending,
    split_charge,
    standing_collection,
)
from meter_bridge.core.money import DIGITS_BELOW_MINOR, MAX_AMOUNT
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol.vocabulary import SupplyState


def posted_credit(account: Account) -> CreditState:
    """Return what is posted."""
    return CreditState(account.balance, account.emergency_used, account.arrears, account.emergency_selected)


def accrual(account: Account) -> int:
    """Return what has been used since it was last posted, priced."""
    return sum(accrued_total(supply.rating, supply.timeline) for supply in account.supplies)


def credit_now(account: Account) -> CreditState:
    """Return what the posted credit comes to once the accrual is posted as well."""
    posted = posted_credit(account)
    return after_spending(posted, split_charge(account.policy.credit, posted, accrual(account)))


def standing_charge_collection(account: Account) -> Collection:
    """Return what becomes of a standing charge that is due now."""
    connected = account.state is SupplyState.CONNECTED
    return standing_collection(account.policy.credit, credit_now(account), connected=connected)


def top_up_question(account: Account, credit: CreditState, at: int) -> TopUpQuestion:
    """Return what answers which top-ups are possible, in the smallest coin of the currency."""
    policy = account.policy
    return TopUpQuestion(
        policy.credit,
        credit,
        tuple(account.debts.values()),
        at,
        ZoneInfo(account.site.time_zone),
        step=10**DIGITS_BELOW_MINOR,
        maximum=min(policy.top_up_maximum or MAX_AMOUNT, MAX_AMOUNT - abs(credit.balance)),
    )
