"""Settling later with a customer who moved out: what was still owed is paid, what was kept is paid out."""

from typing import ClassVar, Final, override

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT, format_amount
from meter_bridge.engine.accounts.booking import AccountOperation, Booking, book_entry
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.journal import EntryDraft
from meter_bridge.engine.ledger.past_tenancies import PastTenancy, past_tenancy
from meter_bridge.engine.state.closed_accounts import closed_account
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode

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
_LIST_HINT: Final = "'meter-bridge tenancies' lists the open balances"
_AMOUNT_HINT: Final = {"paid": "owed", "written_off": "owed", "paid_out": "kept"}


class SettlementOperation(AccountOperation[requests.Settlement]):
    """A change of what is left with a customer who moved out; nothing of the account itself moves."""

    name: ClassVar[str] = "settlement"
    exclusive: ClassVar[bool] = True
    past: PastTenancy | None
    closed: Account | None

    @override
    def prepare(self, account: Account) -> None:
        if self.request.amount is None and self.request.how == "charged":
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "it is not said how much is charged",
                field="amount",
                remedy="add an amount",
            )
        super().prepare(account)

    @override
    def fingerprint(self) -> list[object]:
        request = self.request
        amount = self.amounts.get("amount")
        return [request.tenancy, amount, request.how, request.reason, request.reference]

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
        number = self.request.tenancy
        if self.past is None:
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"{account.id} has no tenancy {number}",
                field="tenancy",
                value=str(number),
                remedy=_LIST_HINT,
            )
        if self.past.end is None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{self.past.customer or 'the customer'} still lives in {account.name}",
                field="tenancy",
                value=str(number),
                remedy="book a top-up, or move the customer out first",
            )
        self._check_amount(account, self.past.outstanding)

    def _check_amount(self, account: Account, outstanding: int) -> None:
        how, amount = self.request.how, self._settled_amount
        if how == "charged":
            check_amount(account, amount, 1, MAX_AMOUNT - abs(outstanding), "what is charged later")
            return
        most = -outstanding if how in _REDUCES_DEBT else outstanding
        if most > 0:
            check_amount(account, amount, 1, most, "a settlement")
            return
        left = format_amount(abs(outstanding), account.site.currency)
        state = f": {left} are {'kept' if outstanding > 0 else 'owed'}" if outstanding else ""
        raise RequestRefused(
            ErrorCode.AMOUNT_OUT_OF_RANGE,
            f"of tenancy {self.request.tenancy} of {account.id} nothing is {_AMOUNT_HINT[how]}{state}",
            field="how",
            value=how,
            remedy="choose paid_out, or leave it" if outstanding > 0 else _LIST_HINT,
        )

    @property
    def _outstanding(self) -> int:
        return 0 if self.past is None else self.past.outstanding

    @property
    def _settled_amount(self) -> int:
        """The amount that is settled: all that is left unless one is named."""
        return self.amounts.get("amount", abs(self._outstanding))

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        request, amount = self.request, self._settled_amount
        change = amount if request.how in _REDUCES_DEBT else -amount
        detail = {
            "amount": amount,
            "tenancy": request.tenancy,
            "how": request.how,
            "change": change,
            "outstanding": self._outstanding + change,
            "reason": request.reason,
            "reference": request.reference,
        }
        changes = {journal.tenancy_bucket(request.tenancy): change}
        against = _CONTRA_BUCKETS[request.how]
        postings = journal.balanced_postings(account.site.currency, changes, against=against)
        entry = EntryDraft(EntryKind.SETTLEMENT, postings, _NAMES[request.how], detail)
        return book_entry(session, account, tx, entry), detail
