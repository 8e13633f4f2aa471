"""The rules and the credit state that the bridge stores of an account, read once for each text."""

from functools import lru_cache

import msgspec

from meter_bridge.config.codec import CodecError, decode_policy
from meter_bridge.core.ledger.credit import CreditPolicy
from meter_bridge.core.supply.decision import Policy


class _Document(msgspec.Struct):
    emergency_selected: bool = False


@lru_cache(maxsize=4096)
def policy_of(text: str) -> Policy | None:
    """Return a policy; None where it is of another version."""
    try:
        return decode_policy(text)
    except CodecError:
        return None


def credit_rules(text: str) -> CreditPolicy:
    """Return the rules of credit of a policy, or the plain ones where it is of another version."""
    policy = policy_of(text)
    return CreditPolicy() if policy is None else policy.credit


def emergency_selected(document: str) -> bool:
    """Return whether the customer selected emergency credit."""
    try:
        return msgspec.json.decode(document, type=_Document).emergency_selected
    except msgspec.DecodeError:
        return False
