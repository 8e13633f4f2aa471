"""What operations on an account's books have in common: settle, book with its reason, decide, answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import EntryKind, Posting
from meter_bridge.engine.accounts import view as views
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.journal import append_entry, has_uncharged
from meter_bridge.engine.operations.operation import Operation
from meter_bridge.engine.state.events import entry_id, record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, OperationResult


class BookOperation(Operation[OperationResult]):
    """An operation that answers with the account's books as they are then."""

    answer: ClassVar[type] = OperationResult

    def result(
        self,
        session: Session,
        account: Account,
        tx: Transaction,
        seq: int | None,
        detail: Mapping[str, object],
    ) -> tuple[int | None, OperationResult]:
        """Decide on supply from what there is now, and answer."""
        evaluate(session, account, tx)
        view = views.account_view(account, tx.at)
        return seq, OperationResult(
            operation=self.name,
            id=None if seq is None else entry_id(seq),
            at=iso(tx.at),
            detail=dict(detail),
            balance=view.balance,
            available=credit_now(account).balance,
            arrears=view.arrears,
            emergency_credit=view.emergency_credit,
            debts=view.debts,
            supply=view.supply,
        )


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A journal entry to book, with its reason."""

    kind: EntryKind
    postings: Sequence[Posting]
    description: str
    detail: Mapping[str, object]
    refers_to: str | None = None


def book_entry(session: Session, account: Account, tx: Transaction, entry: EntryDraft) -> int:
    """Book an entry, tell it, and return its ``seq``."""
    seq = append_entry(
        session.installation,
        account,
        tx,
        entry.kind,
        entry.postings,
        description=entry.description,
        detail=entry.detail,
        refers_to=entry.refers_to,
    )
    told = {"id": entry_id(seq), "kind": entry.kind.value, "by": tx.actor, **entry.detail}
    record_event(
        session.installation,
        tx,
        EventKind.LEDGER_ENTRY,
        account_id=account.id,
        data={**told, "refers_to": entry.refers_to, "balance_after": account.balance},
    )
    return seq


def require_charged(session: Session, account: Account, at: int) -> None:
    """Refuse to settle what an instant made due and the clock has not charged: whose it is would be lost."""
    if not has_uncharged(account, at):
        return
    if session.clock.sure:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"the charges of a day that has just begun are not booked yet for {account.name}",
            remedy="ask again in a moment",
        )
    raise RequestRefused(
        ErrorCode.CONFLICT,
        "the bridge does not believe its clock, so that charges by time wait, and nothing is settled before",
        remedy="set the clock right, or confirm it with 'meter-bridge clock confirm'; then ask again",
    )


def other_account(session: Session, account: Account, to: str) -> Account:
    """Return the account that a transfer goes to; raises ``RequestRefused`` where it cannot."""
    target = session.installation.accounts.get(to)
    if target is None:
        raise RequestRefused(
            ErrorCode.NOT_FOUND,
            f"there is no account {to!r} in use",
            field="to",
            value=to,
            remedy=ACCOUNTS,
        )
    if target is account:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "an account transfers nothing to itself",
            field="to",
            value=to,
            remedy="name another account",
        )
    if target.site.currency != account.site.currency:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{to} is kept in {target.site.currency}, {account.id} in {account.site.currency}",
            field="to",
            value=to,
            remedy=f"name an account kept in {account.site.currency}",
        )
    return target
