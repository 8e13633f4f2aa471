"""Customers moving out and in: the final settlement of one, and a clean ledger for the next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, override

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT
from meter_bridge.core.rating.fixed_charges import PrepaidCharge, prorate_final_period
from meter_bridge.core.rating.rating import Rating
from meter_bridge.engine.accounts.adjustments import receive_transfer
from meter_bridge.engine.accounts.booking import (
    AccountOperation,
    Booking,
    book_entry,
    require_charged,
    transfer_target,
)
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.forecasting.daily_use import clear_daily_use
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.journal import EntryDraft, book_charges, has_uncharged, post_accruals
from meter_bridge.engine.ledger.purchases import read_prepaid_charges, take_back_units
from meter_bridge.engine.state.account_document import tenancy_row
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Meter, Tenancy, terms_of
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, EventKind
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops

_CUSTOMER_ALERTS: Final = (
    AlertKind.LOW_CREDIT,
    AlertKind.EMERGENCY_CREDIT_AVAILABLE,
    AlertKind.EMERGENCY_CREDIT_IN_USE,
    AlertKind.EMERGENCY_CREDIT_EXHAUSTED,
    AlertKind.DAYS_LEFT,
    AlertKind.UNUSUAL_CONSUMPTION,
    AlertKind.NO_CONSUMPTION,
)
"""Alerts about a customer's money or use, which never outlast the tenancy."""


class MoveOutOperation(AccountOperation[requests.MoveOut]):
    """The end of a tenancy.

    Charges paid in advance are refunded where the tariff says so, unused units at their price; emergency
    credit, arrears and debts are set off. The remaining credit is refunded, transferred, or kept on record
    as the customer's; what is owed always stays on record.
    """

    name: ClassVar[str] = "move_out"
    exclusive: ClassVar[bool] = True
    prepaid: Mapping[str, Sequence[PrepaidCharge]]
    """Fixed charges that were paid in advance, by supply."""

    @override
    def fingerprint(self) -> list[object]:
        request = self.request
        # A key that was used before this choice came stands for what it stood for then.
        return [request.remainder, request.to, request.reason, *([True] if request.unread else [])]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the fixed charges that may be refunded in part."""
        self.prepaid = read_prepaid_charges(session.reader, account_id, session.clock.now())

    @override
    def needs_closing_first(self, session: Session, account: Account) -> bool:
        """Return whether a charge is due: this customer pays it, and part of it may be refunded."""
        return has_uncharged(account, session.clock.now())

    @override
    def check(self, session: Session, account: Account) -> None:
        if account.tenancy.end is not None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"nobody lives in {account.name} since {iso(account.tenancy.end)}",
                remedy="move the next customer in",
            )
        silent = silent_meters(account, session.clock.now())
        if silent and not self.request.unread:
            meter = silent[0]
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{meter.id} was last read at {iso(last_read_at(meter))}: nobody knows what was used since",
                field="unread",
                value="false",
                remedy=f"tell what it shows ('meter-bridge meters read {meter.id} KWH'), or settle by that"
                " reading (--unread)",
            )
        require_charged(session, account, session.clock.now())
        if self.request.remainder != "transfer":
            if self.request.to is None:
                return
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "an account to transfer to is named, but the remainder is not transferred",
                field="to",
                value=self.request.to,
                remedy="write remainder: transfer, or leave it out",
            )
        if self.request.to is None:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "it is not said to which account the remainder goes",
                field="to",
                remedy="name the account",
            )
        transfer_target(session, account, self.request.to)

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        post_accruals(session.installation, account, tx)
        for supply in account.supplies:
            prepaid = self.prepaid.get(supply.id, ())
            charges = prorate_final_period(supply.rating, supply.timeline, prepaid, tx.at)
            book_charges(session.installation, supply, tx, charges)
        seq, detail = self._book_final_settlement(session, account, tx)
        reset_rating(account)
        account.tenancy = replace(account.tenancy, end=tx.at)
        _save_tenancy(session, account, tx, moved="out")
        _clear_customer_data(session, account, tx, customer=None)
        session.revoke_access(tx, account.id)
        return seq, detail

    def _book_final_settlement(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int, dict[str, object]]:
        """Book the final settlement: every bucket of the customer ends at zero."""
        worth, units = take_back_units(account, tx)
        changes = _zeroing_changes(account) | {Bucket.ADJUSTMENT: -worth}
        remains = -sum(changes.values())
        kept_in = journal.tenancy_bucket(account.tenancy.n)
        moved = {"refund": Bucket.FUNDS, "transfer": Bucket.TRANSFER}.get(self.request.remainder, kept_in)
        detail: dict[str, object] = {
            "balance": account.balance,
            "units": worth,
            "emergency_credit": account.emergency_used,
            "arrears": account.arrears,
            "debts": {debt.id: debt.owed for debt in account.debts.values() if debt.owed},
            "amount": remains,
            "remainder": self.request.remainder if remains > 0 else "owed" if remains else "nothing",
            "customer": account.customer,
            "reason": self.request.reason,
        }
        postings = journal.balanced_postings(
            account.site.currency, changes, against=moved if remains > 0 else kept_in
        )
        entry = EntryDraft(EntryKind.CLOSING, (*postings, *units), "Final settlement", detail)
        seq = book_entry(session, account, tx, entry)
        if self.request.remainder == "transfer" and remains > 0:
            target = transfer_target(session, account, self.request.to or "")
            receive_transfer(session, target, tx, remains, seq, self.request.reason)
        return seq, detail


class MoveInOperation(AccountOperation[requests.MoveIn]):
    """The beginning of a tenancy, with an opening credit if there is one."""

    name: ClassVar[str] = "move_in"

    @override
    def fingerprint(self) -> list[object]:
        return [self.request.customer, self.amounts["opening_credit"]]

    @override
    def needs_closing_first(self, session: Session, account: Account) -> bool:
        """Return whether a charge is due: the next customer does not pay it."""
        return has_uncharged(account, session.clock.now())

    @override
    def check(self, session: Session, account: Account) -> None:
        if account.tenancy.end is None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.customer or 'somebody'} lives in {account.name}",
                field="customer",
                value=self.request.customer,
                remedy="move the present customer out first; another spelling goes into the site file",
            )
        check_amount(account, self.amounts["opening_credit"], 0, MAX_AMOUNT, "an opening credit")
        require_charged(session, account, session.clock.now())

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        customer, opening = self.request.customer, self.amounts["opening_credit"]
        post_accruals(session.installation, account, tx)
        seq = _close_vacancy(session, account, tx)
        sequences = session.installation.sequences
        _clear_customer_data(session, account, tx, customer=customer)
        account.tenancy = Tenancy(account.tenancy.n + 1, tx.at, sequences.entry + 1, sequences.event + 1)
        reset_rating(account)
        _save_tenancy(session, account, tx, moved="in")
        detail: dict[str, object] = {"amount": opening, "customer": customer}
        if silent := silent_meters(account, tx.at):
            detail["unread"] = {meter.id: iso(last_read_at(meter)) for meter in silent}
        if opening:
            postings = journal.opening_postings(account.site.currency, opening)
            split = {"split": {"balance": opening}}
            entry = EntryDraft(EntryKind.OPENING, postings, "Opening credit", detail | split)
            seq = book_entry(session, account, tx, entry)
        return seq, detail


def _save_tenancy(session: Session, account: Account, tx: Transaction, *, moved: str) -> None:
    tx.changeset.add(ops.UPSERT_TENANCY, tenancy_row(account))
    data = {"n": account.tenancy.n, "moved": moved, "by": tx.actor}
    record_event(session.installation, tx, EventKind.CUSTOMER_CHANGED, account_id=account.id, data=data)


def reset_rating(account: Account) -> None:
    """Begin blocks, demand peaks and cost history again; everything before is settled."""
    for supply in account.supplies:
        supply.rating = Rating(terms=terms_of(account, supply.timeline))
    account.earlier_costs = {}


def silent_meters(account: Account, at: int) -> list[Meter]:
    """Return the meters that were read before, but not for longer than they may be silent."""
    return [
        meter
        for meter in account.meters
        if meter.register is not None and at - meter.register.at > meter.plan.offline_after_s * 1000
    ]


def last_read_at(meter: Meter) -> int:
    """Return when a meter was read last; 0 if it never was."""
    return 0 if meter.register is None else meter.register.at


def _zeroing_changes(account: Account) -> dict[str, int]:
    return {
        Bucket.BALANCE: -account.balance,
        Bucket.EMERGENCY: account.emergency_used,
        Bucket.ARREARS: account.arrears,
        **{journal.debt_bucket(debt.id): debt.owed for debt in account.debts.values()},
    }


def _clear_customer_data(
    session: Session, account: Account, tx: Transaction, *, customer: str | None
) -> None:
    account.customer, account.last_top_up = customer, None
    account.debts = {}
    account.emergency_selected = False
    account.low_level = 0
    for key in [key for key in account.alerts if key.kind in _CUSTOMER_ALERTS]:
        set_alert(session.installation, account, tx, key, None)
    for supply in account.supplies:
        supply.days = []
        clear_daily_use(supply, tx)
        tx.save_supply(supply)
    tx.changeset.add(ops.SET_CUSTOMER, {"row_id": account.id, "new_customer": customer})
    tx.save_account(account)


def _close_vacancy(session: Session, account: Account, tx: Transaction) -> int | None:
    """Write off what an empty unit used, so that the next customer owes nothing of it.

    Credit paid in for the next customer is kept for them; units become money at their price.
    """
    worth, units = take_back_units(account, tx)
    changes = _zeroing_changes(account) | {Bucket.ADJUSTMENT: -worth}
    changes[Bucket.BALANCE] += worth + max(account.balance, 0)
    if not units and not any(changes.values()):
        return None
    detail = {"amount": -sum(changes.values()), "reason": "used while nobody lived there"}
    postings = journal.balanced_postings(account.site.currency, changes, against=Bucket.WRITE_OFF)
    entry = EntryDraft(EntryKind.CLOSING, (*postings, *units), "Vacancy", detail)
    return book_entry(session, account, tx, entry)
