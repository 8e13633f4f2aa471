"""Storing the decision in force of an account, with all that it rests on."""

from meter_bridge.engine.state.account_document import encode_account
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops


def store_status(account: Account, tx: Transaction) -> None:
    """Add the account's decision in force to the unit."""
    tx.changeset.add(
        ops.UPSERT_ACCOUNT_STATUS,
        {
            "account_id": account.id,
            "supply_state": account.state,
            "reason": account.reason,
            "since": account.since,
            "hold": account.hold,
            "note": account.note,
            "revision": account.revision,
            "low_credit_level": account.low_level,
            "document": encode_account(account),
        },
    )
