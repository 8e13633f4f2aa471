"""The stored form of what an account's decision rests on, beside the columns, as JSON."""

from dataclasses import replace
from typing import Final

import msgspec

from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.supply.decision import Hold
from meter_bridge.core.supply.protection import ProtectionTimer
from meter_bridge.engine.state.model import Account, ProtectionKey


class _AccountDocument(msgspec.Struct, omit_defaults=True):
    """State of an account that no query asks for."""

    emergency_selected: bool = False
    debts: list[Debt] = []
    """Terms of recovery; what is owed stands in the ledger."""
    earlier_costs: dict[str, int] = {}
    holds: tuple[Hold, ...] = ()
    ran_out: bool = False
    switchings: tuple[int, ...] = ()
    guards: tuple[tuple[ProtectionKey, ProtectionTimer], ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_AccountDocument)


def encode_account(account: Account) -> str:
    """Return an account's state as text."""
    stored = _AccountDocument(
        emergency_selected=account.emergency_selected,
        debts=list(account.debts.values()),
        earlier_costs=account.earlier_costs,
        holds=account.holds,
        ran_out=account.has_run_out,
        switchings=account.switchings,
        guards=tuple(account.protection_timers.items()),
    )
    return _ENCODER.encode(stored).decode()


def restore_account(account: Account, document: str) -> None:
    """Restore an account's state from storage."""
    stored = _DECODER.decode(document)
    account.emergency_selected = stored.emergency_selected
    account.earlier_costs = stored.earlier_costs
    account.debts = {debt.id: replace(debt, owed=0) for debt in stored.debts}
    account.holds, account.has_run_out, account.switchings = stored.holds, stored.ran_out, stored.switchings
    account.protection_timers = dict(stored.guards)


def status_row(account: Account) -> dict[str, object]:
    """Return an account's decision in force as a row."""
    return {
        "account_id": account.id,
        "supply_state": account.state,
        "reason": account.reason,
        "since": account.since,
        "hold": account.hold,
        "note": account.note,
        "revision": account.revision,
        "low_credit_level": account.low_level,
        "document": encode_account(account),
    }


def tenancy_row(account: Account) -> dict[str, object]:
    """Return an account's tenancy as a row."""
    tenancy = account.tenancy
    return {
        "account_id": account.id,
        "n": tenancy.n,
        "customer": account.customer,
        "start_ms": tenancy.start,
        "end_ms": tenancy.end,
        "first_seq": tenancy.first_seq,
        "first_event": tenancy.first_event,
    }
