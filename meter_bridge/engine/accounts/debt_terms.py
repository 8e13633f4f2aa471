"""Opening, changing and closing the debts of an account."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, override
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.debt import Debt, next_due
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT, format_amount, parse_decimal
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import PPM
from meter_bridge.engine.accounts.adjustments import debt_not_found, write_off
from meter_bridge.engine.accounts.booking import BookOperation, EntryDraft, book_entry
from meter_bridge.engine.ledger.amounts import check_amount, parsed_amount
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, EventKind, OperationResult

MAX_DEBTS = 20


@dataclass(frozen=True, slots=True)
class OpenDebt(BookOperation):
    """A new debt: what is owed, and how it is recovered."""

    debt: Debt
    reason: str

    name: ClassVar[str] = "debt_open"

    @override
    def fingerprint(self) -> list[object]:
        return [*_terms(self.debt), self.debt.owed, self.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.debt.id in account.debts:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.id} has a debt {self.debt.id!r} already",
                field="debt",
                value=self.debt.id,
                remedy="give the new one another id, or change the terms of the old one",
            )
        if len(account.debts) >= MAX_DEBTS:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.id} has {MAX_DEBTS} debts, and more are not kept apart",
                field="debt",
                value=self.debt.id,
                remedy="close one that is paid",
            )
        check_amount(account, self.debt.owed, 1, MAX_AMOUNT, "a debt")
        check_terms(self.debt, account.site.currency)

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        zone, owed = ZoneInfo(account.site.time_zone), self.debt.owed
        account.debts[self.debt.id] = replace(self.debt, owed=0, due=next_due(self.debt.every, tx.at, zone))
        tx.save_account(account)
        detail = {"amount": owed, "debt": self.debt.id, "reason": self.reason}
        postings = journal.balanced_postings(
            account.site.currency, {journal.debt_bucket(self.debt.id): -owed}, against=Bucket.ADJUSTMENT
        )
        entry = EntryDraft(EntryKind.DEBT, postings, f"Debt: {self.debt.description}", detail)
        return self.result(session, account, tx, book_entry(session, account, tx, entry), detail)


@dataclass(frozen=True, slots=True)
class ChangeDebt(BookOperation):
    """Other terms of a debt; what is owed stays."""

    request: requests.ChangeDebt
    rate: int | None
    cap: int | None

    name: ClassVar[str] = "debt_change"

    @override
    def fingerprint(self) -> list[object]:
        asked = self.request
        return [
            asked.debt,
            asked.description,
            self.rate,
            asked.every,
            asked.percent,
            asked.cap and (self.cap or asked.cap),
            asked.cap_every,
            asked.priority,
            asked.reason,
        ]

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.request.debt not in account.debts:
            raise debt_not_found(account, self.request.debt)
        if not self._has_changes():
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"no term of debt {self.request.debt!r} is named, so nothing would change",
                field="debt",
                value=self.request.debt,
                remedy="add rate, every, percent, cap, cap_every, priority or description",
            )
        check_terms(self._apply(account.debts[self.request.debt]), account.site.currency)

    def _has_changes(self) -> bool:
        """Return whether anything is to change."""
        return any(
            getattr(self.request, name) is not None
            for name in ("description", "rate", "every", "percent", "cap", "cap_every", "priority")
        )

    def _apply(self, debt: Debt) -> Debt:
        """Return the debt with the terms that are asked for."""
        asked = self.request
        return replace(
            debt,
            description=debt.description if asked.description is None else asked.description,
            rate=debt.rate if self.rate is None else self.rate,
            every=debt.every if asked.every is None else PeriodUnit(asked.every),
            percent_ppm=debt.percent_ppm if asked.percent is None else parts_per_million(asked.percent),
            cap=debt.cap if asked.cap is None else self.cap,
            cap_every=debt.cap_every if asked.cap_every is None else PeriodUnit(asked.cap_every),
            priority=debt.priority if asked.priority is None else asked.priority,
        )

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        before = account.debts[self.request.debt]
        debt = self._apply(before)
        zone = ZoneInfo(account.site.time_zone)
        if debt.every is not before.every or not before.by_time:
            debt = replace(debt, due=next_due(debt.every, tx.at, zone))
        account.debts[debt.id] = debt
        tx.save_account(account)
        detail = {"debt": debt.id, "reason": self.request.reason, "by": tx.actor}
        record_event(session.installation, tx, EventKind.DEBT_CHANGED, account_id=account.id, data=detail)
        return self.result(session, account, tx, None, detail)


@dataclass(frozen=True, slots=True)
class CloseDebt(BookOperation):
    """The end of a debt; what is still owed of it is written off."""

    request: requests.CloseDebt

    name: ClassVar[str] = "debt_close"

    @override
    def fingerprint(self) -> list[object]:
        return [self.request.debt, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.request.debt not in account.debts:
            raise debt_not_found(account, self.request.debt)

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        debt_id, reason = self.request.debt, self.request.reason
        owed, seq = account.debts[debt_id].owed, None
        if owed:
            seq = write_off(session, account, tx, debt_id, owed, reason)
        del account.debts[debt_id]
        tx.save_account(account)
        detail = {"debt": debt_id, "amount": owed, "reason": reason, "by": tx.actor}
        record_event(session.installation, tx, EventKind.DEBT_CHANGED, account_id=account.id, data=detail)
        return self.result(session, account, tx, seq, detail)


def check_terms(debt: Debt, currency: str) -> None:
    """Refuse terms by which a debt would never be recovered, or that contradict each other."""
    if debt.rate < 0 or (debt.cap or 0) < 0:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "rate and cap are amounts of zero or more",
            field="rate" if debt.rate < 0 else "cap",
            value=format_amount(debt.rate if debt.rate < 0 else debt.cap or 0, currency),
            remedy="leave out the sign",
        )
    if debt.percent_ppm > PPM:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "a payment recovers at most 100 per cent",
            field="percent",
            value=f"{Decimal(debt.percent_ppm) / (PPM // 100):f}",
            remedy="write 100 or less",
        )
    if not debt.rate and not debt.percent_ppm:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "the debt would never be recovered: it has neither a rate nor a share of payments",
            field="rate",
            value="0",
            remedy="give it a rate for each period, or a percentage of each top-up",
        )
    if debt.cap is not None and not debt.percent_ppm:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "a cap limits what payments recover, and of this debt they recover nothing",
            field="cap",
            value=format_amount(debt.cap, currency),
            remedy="leave the cap out, or give a percentage",
        )


def parts_per_million(percent: str) -> int:
    """Return a percentage with at most four decimal places in parts per million."""
    return int(parse_decimal(percent) * (PPM // 100))


def _terms(debt: Debt) -> list[object]:
    """Return what tells the terms of one debt from another's."""
    recovery = [debt.rate, debt.every, debt.percent_ppm, debt.cap, debt.cap_every]
    return [debt.id, debt.description, debt.priority, *recovery]


def open_debt_of(account: Account, request: requests.OpenDebt) -> OpenDebt:
    """Return the debt that is to be opened."""
    debt = Debt(
        id=request.debt,
        description=request.description,
        owed=parsed_amount(account, request.amount),
        priority=request.priority,
        rate=parsed_amount(account, request.rate, "rate"),
        every=PeriodUnit(request.every),
        percent_ppm=parts_per_million(request.percent),
        cap=None if request.cap is None else parsed_amount(account, request.cap, "cap"),
        cap_every=PeriodUnit(request.cap_every),
    )
    return OpenDebt(debt, request.reason)


def change_debt_of(account: Account, request: requests.ChangeDebt) -> ChangeDebt:
    """Return the change that is asked for; a cap of ``none`` takes it away."""
    rate = None if request.rate is None else parsed_amount(account, request.rate, "rate")
    cap = None if request.cap in (None, "none") else parsed_amount(account, request.cap, "cap")
    return ChangeDebt(request, rate, cap)
