"""Refunds, corrections, transfers and write-offs, each ordered by a landlord with a reason."""

from collections.abc import Mapping
from typing import ClassVar, Final, override

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import split_charge
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT
from meter_bridge.engine.accounts.booking import (
    AccountOperation,
    Booking,
    book_entry,
    transfer_target,
)
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.credit import credit_now, posted_credit
from meter_bridge.engine.ledger.journal import EntryDraft, post_accruals
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode

_NO_CREDIT: Final = "the balance holds no credit to give away; 'meter-bridge accounts' shows it"


class RefundOperation(AccountOperation[requests.Refund]):
    """Money back to the customer, at most the balance."""

    name: ClassVar[str] = "refund"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.reason, self.request.reference]

    @override
    def check(self, session: Session, account: Account) -> None:
        credit = max(credit_now(account).balance, 0)
        check_amount(account, self.amount, 1, credit, "a refund", otherwise=_NO_CREDIT)

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        post_accruals(session.installation, account, tx)
        detail = {"amount": self.amount, "reason": self.request.reason, "reference": self.request.reference}
        postings = journal.balanced_postings(
            account.site.currency, {Bucket.BALANCE: -self.amount}, against=Bucket.FUNDS
        )
        entry = EntryDraft(EntryKind.REFUND, postings, "Refund", detail)
        return book_entry(session, account, tx, entry), detail


class CorrectionOperation(AccountOperation[requests.Correction]):
    """A change of the balance, either way; money that comes in repays emergency credit first."""

    name: ClassVar[str] = "correction"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        headroom = MAX_AMOUNT - abs(credit_now(account).balance)
        if not self.amount:
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE,
                "a correction of nothing corrects nothing",
                field="amount",
                value="0",
                remedy="write what the balance is to change by, such as 5.00 or -5.00",
            )
        check_amount(account, self.amount, -headroom, headroom, "a correction")

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        detail = {"amount": self.amount, "reason": self.request.reason}
        description = f"Correction: {self.request.reason}"
        return book_correction(session, account, tx, self.amount, description, detail), detail


class TransferOperation(AccountOperation[requests.Transfer]):
    """Credit from one account to another, in one transaction; each ledger names the other."""

    name: ClassVar[str] = "transfer"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.to, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        target = transfer_target(session, account, self.request.to)
        headroom = MAX_AMOUNT - abs(credit_now(target).balance)
        most = min(max(credit_now(account).balance, 0), headroom)
        check_amount(account, self.amount, 1, most, "a transfer", otherwise=_NO_CREDIT)

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        post_accruals(session.installation, account, tx)
        to, reason = self.request.to, self.request.reason
        detail = {"amount": self.amount, "to": to, "reason": reason}
        postings = journal.balanced_postings(
            account.site.currency, {Bucket.BALANCE: -self.amount}, against=Bucket.TRANSFER
        )
        entry = EntryDraft(EntryKind.TRANSFER, postings, f"Transfer to {to}", detail)
        seq = book_entry(session, account, tx, entry)
        target = transfer_target(session, account, to)
        receive_transfer(session, target, tx, self.amount, seq, reason)
        return seq, detail


class WriteOffOperation(AccountOperation[requests.WriteOff]):
    """What the customer need not pay any more, of a debt or of the arrears."""

    name: ClassVar[str] = "write_off"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amounts.get("amount"), self.request.debt, self.request.reason]

    def _owed(self, account: Account) -> int:
        debt_id = self.request.debt
        return account.arrears if debt_id is None else require_debt(account, debt_id).owed

    @override
    def check(self, session: Session, account: Account) -> None:
        owed = self._owed(account)
        if not owed:
            what = "arrears" if self.request.debt is None else f"debt {self.request.debt!r}"
            debts = ", ".join(account.debts)
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE,
                f"{account.id} owes nothing of its {what}",
                field="debt",
                value=self.request.debt,
                remedy=f"name a debt: {debts}" if debts else "there is nothing to write off",
            )
        check_amount(account, self.amounts.get("amount", owed), 1, owed, "a write-off")

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        amount = self.amounts.get("amount", self._owed(account))
        return write_off(session, account, tx, self.request.debt, amount, self.request.reason)


def book_correction(
    session: Session,
    account: Account,
    tx: Transaction,
    amount: int,
    description: str,
    detail: Mapping[str, object],
) -> int:
    """Book a change of the balance; money that comes in repays emergency credit first."""
    post_accruals(session.installation, account, tx)
    spending = split_charge(account.policy.credit, posted_credit(account), -amount)
    postings = journal.correction_postings(account.site.currency, spending)
    return book_entry(session, account, tx, EntryDraft(EntryKind.CORRECTION, postings, description, detail))


def receive_transfer(
    session: Session, target: Account, tx: Transaction, amount: int, seq: int, reason: str
) -> None:
    """Book credit that another account gave; it repays emergency credit first."""
    post_accruals(session.installation, target, tx)
    spending = split_charge(target.policy.credit, posted_credit(target), -amount)
    postings = journal.balanced_postings(
        target.site.currency, journal.charge_changes(spending), against=Bucket.TRANSFER
    )
    # The other account is not named: its customer may be a stranger.
    detail = {"amount": amount, "reason": reason}
    entry = EntryDraft(EntryKind.TRANSFER, postings, "Transfer from another account", detail, entry_id(seq))
    book_entry(session, target, tx, entry)
    evaluate(session, target, tx)


def require_debt(account: Account, debt_id: str) -> Debt:
    """Return a debt of an account; raises ``RequestRefused`` where there is none of that id."""
    if debt_id in account.debts:
        return account.debts[debt_id]
    known = ", ".join(account.debts)
    raise RequestRefused(
        ErrorCode.NOT_FOUND,
        f"{account.id} has no debt {debt_id!r}",
        field="debt",
        value=debt_id,
        remedy=f"choose from {known}" if known else "open the debt first",
    )


def write_off(
    session: Session, account: Account, tx: Transaction, debt_id: str | None, amount: int, reason: str
) -> Booking:
    """Book a write-off of a debt, or of the arrears."""
    bucket = Bucket.ARREARS if debt_id is None else journal.debt_bucket(debt_id)
    what = "arrears" if debt_id is None else account.debts[debt_id].description
    detail = {"amount": amount, "debt": debt_id, "reason": reason}
    postings = journal.balanced_postings(account.site.currency, {bucket: amount}, against=Bucket.WRITE_OFF)
    entry = EntryDraft(EntryKind.WRITE_OFF, postings, f"Write-off: {what}", detail)
    return book_entry(session, account, tx, entry), detail
