"""Refunds, corrections, transfers and write-offs, each ordered by a landlord with a reason."""

from dataclasses import dataclass
from typing import ClassVar, override

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import split_charge
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT
from meter_bridge.engine.accounts.booking import BookOperation, EntryDraft, book_entry, other_account
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.credit import credit_now, posted_credit
from meter_bridge.engine.ledger.journal import post_accruals
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, OperationResult

_NO_CREDIT = "the balance holds no credit to give away; 'meter-bridge accounts' shows it"


@dataclass(frozen=True, slots=True)
class Refund(BookOperation):
    """Money back to the customer, at most the balance."""

    amount: int
    request: requests.Refund

    name: ClassVar[str] = "refund"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.reason, self.request.reference]

    @override
    def check(self, session: Session, account: Account) -> None:
        check_amount(
            account, self.amount, 1, max(credit_now(account).balance, 0), "a refund", otherwise=_NO_CREDIT
        )

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        post_accruals(session.installation, account, tx)
        detail = {"amount": self.amount, "reason": self.request.reason, "reference": self.request.reference}
        postings = journal.balanced_postings(
            account.site.currency, {Bucket.BALANCE: -self.amount}, against=Bucket.FUNDS
        )
        seq = book_entry(session, account, tx, EntryDraft(EntryKind.REFUND, postings, "Refund", detail))
        return self.result(session, account, tx, seq, detail)


@dataclass(frozen=True, slots=True)
class Correction(BookOperation):
    """A change of the balance, either way; money that comes in repays emergency credit first."""

    amount: int
    request: requests.Correction

    name: ClassVar[str] = "correction"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        room = MAX_AMOUNT - abs(credit_now(account).balance)
        if not self.amount:
            raise RequestRefused(
                ErrorCode.AMOUNT_OUT_OF_RANGE,
                "a correction of nothing corrects nothing",
                field="amount",
                value="0",
                remedy="write what the balance is to change by, such as 5.00 or -5.00",
            )
        check_amount(account, self.amount, -room, room, "a correction")

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        post_accruals(session.installation, account, tx)
        spending = split_charge(account.policy.credit, posted_credit(account), -self.amount)
        detail = {"amount": self.amount, "reason": self.request.reason}
        postings = journal.correction_postings(account.site.currency, spending)
        entry = EntryDraft(EntryKind.CORRECTION, postings, f"Correction: {self.request.reason}", detail)
        return self.result(session, account, tx, book_entry(session, account, tx, entry), detail)


@dataclass(frozen=True, slots=True)
class Transfer(BookOperation):
    """Credit from one account to another, in one transaction; each ledger names the other."""

    amount: int
    request: requests.Transfer

    name: ClassVar[str] = "transfer"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.to, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        target = other_account(session, account, self.request.to)
        room = MAX_AMOUNT - abs(credit_now(target).balance)
        check_amount(
            account,
            self.amount,
            1,
            min(max(credit_now(account).balance, 0), room),
            "a transfer",
            otherwise=_NO_CREDIT,
        )

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        post_accruals(session.installation, account, tx)
        currency, reason = account.site.currency, self.request.reason
        detail = {"amount": self.amount, "to": self.request.to, "reason": reason}
        postings = journal.balanced_postings(
            currency, {Bucket.BALANCE: -self.amount}, against=Bucket.TRANSFER
        )
        entry = EntryDraft(EntryKind.TRANSFER, postings, f"Transfer to {self.request.to}", detail)
        seq = book_entry(session, account, tx, entry)
        target = other_account(session, account, self.request.to)
        receive_transfer(session, target, tx, self.amount, seq, reason)
        return self.result(session, account, tx, seq, detail)


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


@dataclass(frozen=True, slots=True)
class WriteOff(BookOperation):
    """What the customer need not pay any more, of a debt or of the arrears."""

    amount: int | None
    request: requests.WriteOff

    name: ClassVar[str] = "write_off"

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.request.debt, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        owed = owed_of(account, self.request.debt)
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
        if self.amount is not None:
            check_amount(account, self.amount, 1, owed, "a write-off")

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        debt_id = self.request.debt
        amount = owed_of(account, debt_id) if self.amount is None else self.amount
        seq = write_off(session, account, tx, debt_id, amount, self.request.reason)
        detail = {"amount": amount, "debt": debt_id, "reason": self.request.reason}
        return self.result(session, account, tx, seq, detail)


def owed_of(account: Account, debt_id: str | None) -> int:
    """Return what is owed of a debt, or in arrears.

    Raises ``RequestRefused`` for a debt that there is not.
    """
    if debt_id is None:
        return account.arrears
    if debt_id not in account.debts:
        raise debt_not_found(account, debt_id)
    return account.debts[debt_id].owed


def debt_not_found(account: Account, debt_id: str) -> RequestRefused:
    """Return the refusal of what concerns a debt that there is not."""
    known = ", ".join(account.debts)
    return RequestRefused(
        ErrorCode.NOT_FOUND,
        f"{account.id} has no debt {debt_id!r}",
        field="debt",
        value=debt_id,
        remedy=f"choose from {known}" if known else "open the debt first",
    )


def write_off(
    session: Session, account: Account, tx: Transaction, debt_id: str | None, amount: int, reason: str
) -> int:
    """Book a write-off and return its entry."""
    bucket = Bucket.ARREARS if debt_id is None else journal.debt_bucket(debt_id)
    what = "arrears" if debt_id is None else account.debts[debt_id].description
    detail = {"amount": amount, "debt": debt_id, "reason": reason}
    postings = journal.balanced_postings(account.site.currency, {bucket: amount}, against=Bucket.WRITE_OFF)
    entry = EntryDraft(EntryKind.WRITE_OFF, postings, f"Write-off: {what}", detail)
    return book_entry(session, account, tx, entry)
