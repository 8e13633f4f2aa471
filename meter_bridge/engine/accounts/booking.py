"""What operations on an account's books have in common: parse amounts, book with a reason, decide, answer."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar, Final, override

from meter_bridge.core.calendar import iso
from meter_bridge.engine.accounts.view import account_view
from meter_bridge.engine.ledger.amounts import parse_request_amount
from meter_bridge.engine.ledger.journal import EntryDraft, append_entry, has_uncharged
from meter_bridge.engine.operations.operation import Executed, Operation
from meter_bridge.engine.state.events import entry_id, record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, OperationResult
from meter_bridge.protocol.requests import OperationRequest

type Booking = tuple[int | None, Mapping[str, object]]
"""The journal entry, if one was booked, and what the answer says of it."""

_AMOUNT_FIELDS: Final = ("amount", "opening_credit", "rate", "cap")
_NO_AMOUNT: Final = (None, "none")


class BookOperation(Operation[OperationResult]):
    """An operation that answers with the account's books as they are then."""

    answer: ClassVar[type] = OperationResult

    @abstractmethod
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        """Change the account as part of a transaction; the supply is decided on afterwards."""

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> Executed[OperationResult]:
        seq, detail = self.book(session, account, tx)
        if account.closed_at is None:  # a unit that is no longer served has no supply to decide on
            evaluate(session, account, tx)
        view = account_view(account, tx.at)
        return seq, OperationResult(
            operation=self.name,
            id=None if seq is None else entry_id(seq),
            at=iso(tx.at),
            detail=dict(detail),
            balance=view.balance,
            available=view.available,
            arrears=view.arrears,
            emergency_credit=view.emergency_credit,
            debts=view.debts,
            supply=view.supply,
        )


class AccountOperation[Request: OperationRequest](BookOperation):
    """An operation as a request of the protocol asks for it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.amounts: Mapping[str, int] = {}
        """Amounts of the request by field; one that is left out, or ``none``, is not in it."""

    @property
    def amount(self) -> int:
        """The amount of a request that always has one."""
        return self.amounts["amount"]

    @override
    def typed_amounts(self) -> Collection[int]:
        return self.amounts.values()

    def prepare(self, account: Account) -> None:
        """Parse what only the account gives a meaning; raises ``RequestRefused``."""
        texts = {field: getattr(self.request, field, None) for field in _AMOUNT_FIELDS}
        self.amounts = {
            field: parse_request_amount(account.site.currency, text, field)
            for field, text in texts.items()
            if text not in _NO_AMOUNT
        }


def book_entry(session: Session, account: Account, tx: Transaction, entry: EntryDraft) -> int:
    """Book an entry, record its event, and return its ``seq``."""
    seq = append_entry(session.installation, account, tx, entry)
    data = {"id": entry_id(seq), "kind": entry.kind.value, "by": tx.actor, **entry.detail}
    record_event(
        session.installation,
        tx,
        EventKind.LEDGER_ENTRY,
        account_id=account.id,
        data={**data, "refers_to": entry.refers_to, "balance_after": account.balance},
    )
    return seq


def require_charged(session: Session, account: Account, at: int) -> None:
    """Refuse to settle before everything due at an instant is charged: whose it is would be lost."""
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


def transfer_target(session: Session, account: Account, to: str) -> Account:
    """Return the account that a transfer goes to; raises ``RequestRefused`` where it cannot."""
    target = session.installation.accounts.get(to)
    if target is None:
        code, message, remedy = ErrorCode.NOT_FOUND, f"there is no account {to!r} in use", ACCOUNTS
    elif target is account:
        code, message = ErrorCode.BAD_REQUEST, "an account transfers nothing to itself"
        remedy = "name another account"
    elif target.site.currency != account.site.currency:
        code = ErrorCode.BAD_REQUEST
        message = f"{to} is kept in {target.site.currency}, {account.id} in {account.site.currency}"
        remedy = f"name an account kept in {account.site.currency}"
    else:
        return target
    raise RequestRefused(code, message, field="to", value=to, remedy=remedy)
