"""Top-ups: money in, posted after everything used so far, with where it went."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, override
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import split_top_up
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.ledger.amounts import check_amount, parse_request_amount
from meter_bridge.engine.ledger.credit import credit_now, posted_credit, top_up_question
from meter_bridge.engine.ledger.journal import EntryDraft, add_lines, append_entry, post_accruals
from meter_bridge.engine.ledger.purchases import buy_units, purchase_postings, units_worth
from meter_bridge.engine.operations.operation import Operation
from meter_bridge.engine.state.events import entry_id, record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.engine.supply.view import supply_view
from meter_bridge.errors import check_text
from meter_bridge.protocol.messages import EventKind, TopUpResult, TopUpView

MAX_METHOD_LENGTH: Final = 40
MAX_REFERENCE_LENGTH: Final = 200


def top_up_range(account: Account, at: int) -> tuple[int, int, bool]:
    """Return the smallest and the largest top-up, and whether the maximum balance bounds the largest."""
    credit = credit_now(account)
    # What units are worth is credit as well: else they would pass every maximum.
    with_units = replace(credit, balance=credit.balance + units_worth(account))
    possible = top_up_question(account, with_units, at)
    allowed = possible.largest_allowed()
    smallest = max(account.policy.top_up_minimum, 1)
    return smallest, min(allowed, possible.maximum), allowed < possible.maximum


@dataclass(frozen=True, slots=True)
class TopUp(Operation[TopUpResult]):
    """Money that a customer paid."""

    amount: int
    method: str
    reference: str | None

    name: ClassVar[str] = "top_up"
    answer: ClassVar[type] = TopUpResult

    @classmethod
    def from_request(cls, account: Account, amount: str, method: str, reference: str | None) -> TopUp:
        """Return the top-up that is asked for; raises ``RequestRefused`` naming field, value and remedy."""
        value = parse_request_amount(account.site.currency, amount)
        check_text("method", method, MAX_METHOD_LENGTH)
        check_text("reference", reference or "", MAX_REFERENCE_LENGTH)
        return cls(value, method, reference)

    @override
    def fingerprint(self) -> list[object]:
        return [self.amount, self.method, self.reference]

    @override
    def typed_amounts(self) -> Collection[int]:
        return (self.amount,)

    @override
    def check(self, session: Session, account: Account) -> None:
        """Refuse an amount outside the limits of the account."""
        smallest, largest, bounded = top_up_range(account, session.clock.now())
        why = ", for the balance to stay within its maximum" if bounded else ""
        otherwise = "use credit up first, or raise 'maximum balance' in the site file"
        check_amount(account, self.amount, smallest, largest, "a top-up", why=why, otherwise=otherwise)

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> tuple[int, TopUpResult]:
        """Post what was used, then the top-up, then decide on supply."""
        post_accruals(session.installation, account, tx)
        zone = ZoneInfo(account.site.time_zone)
        debts = tuple(account.debts.values())
        split = split_top_up(
            account.policy.credit, posted_credit(account), debts, self.amount, at=tx.at, zone=zone
        )
        lot_id = entry_id(session.installation.sequences.entry + 1)
        supply, purchase = buy_units(account, account.balance + split.balance, tx.at, lot_id)
        shown = split.parts()
        if purchase.wh:
            shown["units"] = min(purchase.charges.total, split.balance)
            shown["balance"] = split.balance - shown["units"]
        detail: dict[str, Any] = {
            "amount": self.amount,
            "method": self.method,
            "reference": self.reference,
            "split": shown,
            "units_wh": purchase.wh,
        }
        postings = journal.top_up_postings(account.site.currency, split)
        if supply is not None and purchase.wh:
            postings += purchase_postings(supply, purchase)
        entry = EntryDraft(EntryKind.TOP_UP, postings, f"Top-up, {self.method}", detail)
        seq = append_entry(session.installation, account, tx, entry)
        if supply is not None and purchase.wh:
            add_lines(supply, tx, seq, purchase.charges)
        for debt_id, amount in split.debts:
            account.debts[debt_id] = account.debts[debt_id].after_payment(amount, tx.at, zone)
        top_up = TopUpView(id=entry_id(seq), at=iso(tx.at), balance_after=account.balance, **detail)
        account.last_top_up = top_up
        data = {"id": top_up.id, **detail, "balance_after": account.balance}
        record_event(session.installation, tx, EventKind.TOP_UP, account_id=account.id, data=data)
        # Evaluating posts nothing but standing charges and debt already due, so the answer's balance is the
        # posted one.
        evaluate(session, account, tx)
        return seq, TopUpResult(
            top_up=top_up,
            balance=account.balance,
            available=credit_now(account).balance,
            supply=supply_view(account),
        )
