"""Settling later with a customer who moved out: what was still owed is paid, what was kept is paid out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, override

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT, format_amount
from meter_bridge.engine.accounts import view as views
from meter_bridge.engine.accounts.booking import BookOperation, EntryDraft, book_entry
from meter_bridge.engine.ledger.amounts import check_amount, parsed_amount
from meter_bridge.engine.ledger.past_tenancies import PastTenancy, past_tenancy
from meter_bridge.engine.state.closed_accounts import closed_account
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, OperationResult

_CONTRA_BUCKETS: Final = {
    "paid": Bucket.FUNDS,
    "paid_out": Bucket.FUNDS,
    "written_off": Bucket.WRITE_OFF,
    "charged": Bucket.ADJUSTMENT,
}
_NAMES: Final = {
    "paid": "Paid by a customer who moved out",
    "paid_out": "Paid out to a customer who moved out",
    "written_off": "Written off for a customer who moved out",
    "charged": "Charged to a customer who moved out",
}
_REDUCES_DEBT: Final = frozenset({"paid", "written_off"})


@dataclass(slots=True)
class FormerSettlement(BookOperation):
    """A change of what is left with a customer who moved out; nothing of the account itself moves."""

    amount: int | None
    request: requests.Settlement
    past: PastTenancy | None = None
    closed: Account | None = None

    name: ClassVar[str] = "settlement"
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        asked = self.request
        return [asked.tenancy, self.amount, asked.how, asked.reason, asked.reference]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the tenancy and what is left with its customer."""
        with session.reader.connect() as connection:
            self.past = past_tenancy(connection, account_id, self.request.tenancy)
            self.closed = closed_account(connection, account_id)

    @override
    def account(self, session: Session, account_id: str) -> Account | None:
        """Return the account, also one whose unit is no longer served."""
        return session.installation.accounts.get(account_id) or self.closed

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.past is None:
            raise _refused(
                ErrorCode.NOT_FOUND,
                self.request.tenancy,
                f"{account.id} has no tenancy {self.request.tenancy}",
                _LIST_HINT,
            )
        if self.past.end is None:
            raise _refused(
                ErrorCode.CONFLICT,
                self.request.tenancy,
                f"{self.past.customer or 'the customer'} still lives in {account.name}",
                "book a top-up, or move the customer out first",
            )
        self._check_amount(account, self.past.outstanding)

    def _check_amount(self, account: Account, left: int) -> None:
        """Refuse more than there is to settle."""
        if self.request.how == "charged":
            check_amount(account, self._settled_amount, 1, MAX_AMOUNT - abs(left), "what is charged later")
            return
        most = -left if self.request.how in _REDUCES_DEBT else left
        if most <= 0:
            state = f"{format_amount(abs(left), account.site.currency)} " + (
                "are kept" if left > 0 else "are owed"
            )
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE,
                f"of tenancy {self.request.tenancy} of {account.id}"
                f" nothing is {_AMOUNT_HINT[self.request.how]}" + (f": {state}" if left else ""),
                field="how",
                value=self.request.how,
                remedy="choose paid_out, or leave it" if left > 0 else _LIST_HINT,
            )
        check_amount(account, self._settled_amount, 1, most, "a settlement")

    @property
    def _settled_amount(self) -> int:
        """Return the amount that is settled: all that is left unless one is named."""
        left = 0 if self.past is None else abs(self.past.outstanding)
        return left if self.amount is None else self.amount

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        asked, amount = self.request, self._settled_amount
        change = amount if asked.how in _REDUCES_DEBT else -amount
        bucket = journal.tenancy_bucket(asked.tenancy)
        left = 0 if self.past is None else self.past.outstanding
        detail = {
            "amount": amount,
            "tenancy": asked.tenancy,
            "how": asked.how,
            "change": change,
            "outstanding": left + change,
            "reason": asked.reason,
            "reference": asked.reference,
        }
        postings = journal.balanced_postings(
            account.site.currency, {bucket: change}, against=_CONTRA_BUCKETS[asked.how]
        )
        seq = book_entry(
            session, account, tx, EntryDraft(EntryKind.SETTLEMENT, postings, _NAMES[asked.how], detail)
        )
        if account.closed_at is None:
            return self.result(session, account, tx, seq, detail)
        return seq, self._result_of_closed(account, tx, seq, detail)

    def _result_of_closed(
        self, account: Account, tx: Transaction, seq: int, detail: Mapping[str, object]
    ) -> OperationResult:
        """Answer for a unit that is no longer served: there is no supply to decide on."""
        view = views.account_view(account, tx.at)
        return OperationResult(
            operation=self.name,
            id=entry_id(seq),
            at=iso(tx.at),
            detail=dict(detail),
            balance=view.balance,
            available=view.available,
            arrears=view.arrears,
            emergency_credit=view.emergency_credit,
            debts=view.debts,
            supply=view.supply,
        )


_LIST_HINT: Final = "'meter-bridge tenancies' lists the open balances"
_AMOUNT_HINT: Final = {"paid": "owed", "written_off": "owed", "paid_out": "kept"}


def _refused(code: ErrorCode, tenancy: int, message: str, remedy: str) -> RequestRefused:
    """Return the refusal of a tenancy."""
    return RequestRefused(code, message, field="tenancy", value=str(tenancy), remedy=remedy)


def former_settlement_of(account: Account, request: requests.Settlement) -> FormerSettlement:
    """Return the settlement that is asked for; raises ``RequestRefused`` where an amount is missing."""
    if request.amount is None and request.how == "charged":
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "it is not said how much is charged",
            field="amount",
            remedy="add an amount",
        )
    return FormerSettlement(
        None if request.amount is None else parsed_amount(account, request.amount), request
    )
