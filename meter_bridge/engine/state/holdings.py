"""What an account holds, by bucket."""

from dataclasses import replace
from typing import Final

from meter_bridge.core.ledger.journal import Bucket, debt_of
from meter_bridge.engine.state.model import Account

HOLDING_BUCKETS: Final = (Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS)
"""Buckets that are held of every account, besides those of its debts."""


def move(account: Account, bucket: str, amount: int) -> bool:
    """Follow a posting; say whether it moved something besides the balance that is kept of an account."""
    debt_id = debt_of(bucket)
    if bucket == Bucket.BALANCE:
        account.balance += amount
        return False
    if bucket == Bucket.EMERGENCY:
        account.emergency_used -= amount
        # What is lent was selected, also where a reversal lends it again.
        account.emergency_selected = account.emergency_selected or account.emergency_used > 0
    elif bucket == Bucket.ARREARS:
        account.arrears -= amount
    elif debt_id is not None and debt_id in account.debts:
        debt = account.debts[debt_id]
        account.debts[debt_id] = replace(debt, owed=debt.owed - amount)
    else:
        return False
    return True
