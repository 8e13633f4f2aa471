"""Opening, changing and closing the debts of an account."""

from dataclasses import replace
from decimal import Decimal
from typing import ClassVar, Final, override
from zoneinfo import ZoneInfo

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.debt import Debt, next_due
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT, format_amount, parse_decimal
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import PPM
from meter_bridge.engine.accounts.adjustments import require_debt, write_off
from meter_bridge.engine.accounts.booking import AccountOperation, Booking, book_entry
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.journal import EntryDraft
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, EventKind

MAX_DEBTS: Final = 20
_TERMS: Final = ("description", "rate", "every", "percent", "cap", "cap_every", "priority")


class OpenDebtOperation(AccountOperation[requests.OpenDebt]):
    """A new debt: what is owed, and how it is recovered."""

    name: ClassVar[str] = "debt_open"

    @property
    def _debt(self) -> Debt:
        request = self.request
        return Debt(
            id=request.debt,
            description=request.description,
            owed=self.amount,
            priority=request.priority,
            rate=self.amounts["rate"],
            every=PeriodUnit(request.every),
            percent_ppm=_parts_per_million(request.percent),
            cap=self.amounts.get("cap"),
            cap_every=PeriodUnit(request.cap_every),
        )

    @override
    def fingerprint(self) -> list[object]:
        debt = self._debt
        recovery = [debt.rate, debt.every, debt.percent_ppm, debt.cap, debt.cap_every]
        return [debt.id, debt.description, debt.priority, *recovery, debt.owed, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        debt = self._debt
        if debt.id in account.debts:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.id} has a debt {debt.id!r} already",
                field="debt",
                value=debt.id,
                remedy="give the new one another id, or change the terms of the old one",
            )
        if len(account.debts) >= MAX_DEBTS:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"{account.id} has {MAX_DEBTS} debts, and more are not kept apart",
                field="debt",
                value=debt.id,
                remedy="close one that is paid",
            )
        owed = sum(each.owed for each in account.debts.values())
        check_amount(account, debt.owed, 1, MAX_AMOUNT - owed, "a debt")
        _check_terms(debt, account.site.currency)

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        debt = self._debt
        account.debts[debt.id] = replace(debt, owed=0)
        tx.save_account(account)
        detail = {"amount": debt.owed, "debt": debt.id, "reason": self.request.reason}
        postings = journal.balanced_postings(
            account.site.currency, {journal.debt_bucket(debt.id): -debt.owed}, against=Bucket.ADJUSTMENT
        )
        entry = EntryDraft(EntryKind.DEBT, postings, f"Debt: {debt.description}", detail)
        return book_entry(session, account, tx, entry), detail


class ChangeDebtOperation(AccountOperation[requests.ChangeDebt]):
    """Other terms of a debt; what is owed stays."""

    name: ClassVar[str] = "debt_change"

    @override
    def fingerprint(self) -> list[object]:
        request, rate = self.request, self.amounts.get("rate")
        cap = request.cap and (self.amounts.get("cap") or request.cap)
        recovery = [rate, request.every, request.percent, cap, request.cap_every]
        return [request.debt, request.description, *recovery, request.priority, request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        debt = require_debt(account, self.request.debt)
        if all(getattr(self.request, term) is None for term in _TERMS):
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"no term of debt {debt.id!r} is named, so nothing would change",
                field="debt",
                value=debt.id,
                remedy="add rate, every, percent, cap, cap_every, priority or description",
            )
        _check_terms(self._changed(debt), account.site.currency)

    def _changed(self, debt: Debt) -> Debt:
        terms = self.request
        return replace(
            debt,
            description=debt.description if terms.description is None else terms.description,
            rate=self.amounts.get("rate", debt.rate),
            every=debt.every if terms.every is None else PeriodUnit(terms.every),
            percent_ppm=debt.percent_ppm if terms.percent is None else _parts_per_million(terms.percent),
            cap=debt.cap if terms.cap is None else self.amounts.get("cap"),
            cap_every=debt.cap_every if terms.cap_every is None else PeriodUnit(terms.cap_every),
            priority=debt.priority if terms.priority is None else terms.priority,
        )

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        before = account.debts[self.request.debt]
        debt = self._changed(before)
        if debt.every is not before.every or not before.by_time:
            zone = ZoneInfo(account.site.time_zone)
            debt = replace(debt, due=next_due(debt.every, tx.at, zone))
        account.debts[debt.id] = debt
        tx.save_account(account)
        detail = {"debt": debt.id, "reason": self.request.reason, "by": tx.actor}
        record_event(session.installation, tx, EventKind.DEBT_CHANGED, account_id=account.id, data=detail)
        return None, detail


class CloseDebtOperation(AccountOperation[requests.CloseDebt]):
    """The end of a debt; what is still owed of it is written off."""

    name: ClassVar[str] = "debt_close"

    @override
    def fingerprint(self) -> list[object]:
        return [self.request.debt, self.request.reason]

    @override
    def check(self, session: Session, account: Account) -> None:
        require_debt(account, self.request.debt)

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        debt_id, reason = self.request.debt, self.request.reason
        owed, seq = account.debts[debt_id].owed, None
        if owed:
            seq, _ = write_off(session, account, tx, debt_id, owed, reason)
        del account.debts[debt_id]
        tx.save_account(account)
        detail = {"debt": debt_id, "amount": owed, "reason": reason, "by": tx.actor}
        record_event(session.installation, tx, EventKind.DEBT_CHANGED, account_id=account.id, data=detail)
        return seq, detail


def _check_terms(debt: Debt, currency: str) -> None:
    """Refuse terms by which a debt would never be recovered, or that contradict each other."""
    cap = debt.cap or 0
    if debt.rate < 0 or cap < 0:
        field, amount = ("rate", debt.rate) if debt.rate < 0 else ("cap", cap)
        value, remedy = format_amount(amount, currency), "leave out the sign"
        raise _bad_term(field, value, "rate and cap are amounts of zero or more", remedy)
    if debt.percent_ppm > PPM:
        value = f"{Decimal(debt.percent_ppm) / (PPM // 100):f}"
        raise _bad_term("percent", value, "a payment recovers at most 100 per cent", "write 100 or less")
    if not debt.rate and not debt.percent_ppm:
        message = "the debt would never be recovered: it has neither a rate nor a share of payments"
        remedy = "give it a rate for each period, or a percentage of each top-up"
        raise _bad_term("rate", "0", message, remedy)
    if debt.cap is not None and not debt.percent_ppm:
        message = "a cap limits what payments recover, and of this debt they recover nothing"
        remedy = "leave the cap out, or give a percentage"
        raise _bad_term("cap", format_amount(debt.cap, currency), message, remedy)


def _bad_term(field: str, value: str, message: str, remedy: str) -> RequestRefused:
    return RequestRefused(ErrorCode.BAD_REQUEST, message, field=field, value=value, remedy=remedy)


def _parts_per_million(percent: str) -> int:
    """Return a percentage, of at most four decimal places, in parts per million."""
    return int(parse_decimal(percent) * (PPM // 100))
