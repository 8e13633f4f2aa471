"""Recovering time-based debt when it is due."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import Collection, debt_collection, split_charge
from meter_bridge.core.ledger.debt import Debt, due_debts, next_due
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.engine.ledger.credit import credit_now, posted_credit
from meter_bridge.engine.ledger.journal import EntryDraft, append_entry, post_deferred
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import SupplyState


def collect_debts(installation: Installation, account: Account, tx: Transaction) -> None:
    """Recover every instalment that is due, or move it to the arrears, or let it wait."""
    zone = ZoneInfo(account.site.time_zone)
    while due := due_debts(account.debts, tx.at):
        post_deferred(installation, account, tx)
        debt = due[0]
        _collect_instalment(installation, account, tx, debt)
        following = next_due(debt.every, debt.due, zone)
        account.debts[debt.id] = replace(account.debts[debt.id], due=following)
        tx.save_account(account)


def _collect_instalment(installation: Installation, account: Account, tx: Transaction, debt: Debt) -> None:
    policy, amount = account.policy.credit, debt.instalment
    connected = account.state is SupplyState.CONNECTED
    collection = debt_collection(policy, credit_now(account), connected=connected)
    if collection is Collection.PAUSE:
        return
    changes = {journal.debt_bucket(debt.id): amount}
    if collection is Collection.ACCUMULATE:
        changes[Bucket.ARREARS] = -amount
    else:
        changes |= journal.charge_changes(split_charge(policy, posted_credit(account), amount))
    owed = debt.owed - amount
    detail = {"debt": debt.id, "due": iso(debt.due), "amount": amount, "owed": owed, "to": collection.value}
    postings = journal.balanced_postings(account.site.currency, changes, against=Bucket.ADJUSTMENT)
    description = f"Debt recovery: {debt.description}"
    append_entry(
        installation, account, tx, EntryDraft(EntryKind.DEBT_RECOVERY, postings, description, detail)
    )
    record_event(installation, tx, EventKind.DEBT_RECOVERED, account_id=account.id, data=detail)
