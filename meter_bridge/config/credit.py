"""From written keys to the rules of credit: overdraft, emergency credit, and what is collected when."""

from collections.abc import Callable
from typing import Final

from meter_bridge.config.shapes import PolicyDraft
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.ledger.credit import Collection, CreditPolicy

type ReadAmount = Callable[[Path, str], int]
"""Returns an amount that was written at a place within a unit."""
type Report = Callable[[str, str, str], None]
"""Reports what is wrong with a key, and the remedy."""

EMERGENCY: Final = "emergency credit"
MAXIMUM: Final = "maximum balance"


def read_credit(draft: PolicyDraft, amount: ReadAmount, report: Report) -> CreditPolicy:
    """Return the rules of credit of a unit, after reporting what is wrong with them."""
    lent = draft.get(EMERGENCY)
    maximum = draft.get(MAXIMUM)
    policy = CreditPolicy(
        disablement_threshold=-amount(("overdraft",), draft.get("overdraft", "0")),
        emergency_limit=0 if lent is None else amount((EMERGENCY, "limit"), lent["limit"]),
        emergency_threshold=0 if lent is None else amount((EMERGENCY, "threshold"), lent["threshold"]),
        debt_in_emergency=draft.get("debt while in emergency credit", Collection.COLLECT),
        debt_disconnected=draft.get("debt while disconnected", Collection.COLLECT),
        standing_in_emergency=draft.get("standing charge while in emergency credit", Collection.COLLECT),
        standing_disconnected=draft.get("standing charge while disconnected", Collection.COLLECT),
        maximum_balance=None if maximum is None else amount((MAXIMUM,), maximum),
    )
    _check(policy, report)
    return policy


def _check(policy: CreditPolicy, report: Report) -> None:
    """Report rules that contradict each other."""
    if policy.emergency_limit and policy.emergency_threshold <= policy.disablement_threshold:
        message = "emergency credit could be selected only after the supply was cut"
        report(EMERGENCY, message, "write a threshold above zero, such as {limit: 10.00, threshold: 2.00}")
    if policy.maximum_balance == 0:
        report(MAXIMUM, "a maximum balance of 0 allows no top-up", "raise it, or write none")
