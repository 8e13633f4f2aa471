"""Reversals: a top-up or a charge that is taken back, once, by an entry that names it."""

from dataclasses import dataclass, field
from typing import ClassVar, override
from zoneinfo import ZoneInfo

from sqlalchemy import select

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import emergency_left, split_charge
from meter_bridge.core.ledger.journal import Bucket, EntryKind, Posting
from meter_bridge.core.rating.unit_purchase import return_units
from meter_bridge.engine.accounts.booking import BookOperation, EntryDraft, book_entry
from meter_bridge.engine.ledger.credit import posted_credit
from meter_bridge.engine.ledger.journal import post_accruals
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, OperationResult
from meter_bridge.storage import tables


@dataclass(frozen=True, slots=True)
class _ReversibleEntry:
    """The entry that is to be taken back, with what it did to each bucket."""

    seq: int
    at: int
    kind: str
    description: str
    changes: dict[str, int]


@dataclass(slots=True)
class Reversal(BookOperation):
    """Takes back what an entry did.

    A top-up gives back what its split gave, in reverse. A charge is given back as money; its lines stay, so
    the energy it charged stays charged in the quantities.
    """

    request: requests.Reversal
    entry: _ReversibleEntry = field(default_factory=lambda: _ReversibleEntry(0, 0, "", "", {}))

    name: ClassVar[str] = "reversal"
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        return [self.request.entry, self.request.reason]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the entry from the journal; refuse one that is not there, or was taken back."""
        entry, posting = tables.journal_entry, tables.posting
        own = entry.c.account_id == account_id
        wanted = select(entry).where(own, entry.c.id == self.request.entry)
        reversal = select(entry.c.id).where(
            own,
            entry.c.refers_to == self.request.entry,
            entry.c.kind.in_((EntryKind.REVERSAL, EntryKind.REFUND)),
        )
        with session.reader.connect() as connection:
            row = connection.execute(wanted).mappings().first()
            if row is None:
                raise _refused(ErrorCode.NOT_FOUND, self.request.entry, "is not in this ledger", _LIST_HINT)
            before = connection.execute(reversal).scalar()
            postings = select(posting).where(posting.c.entry_seq == row["seq"]).order_by(posting.c.n)
            rows = connection.execute(postings).mappings().all()
        if before is not None:
            what = f"was taken back by {before}"
            raise _refused(ErrorCode.ALREADY_REVERSED, self.request.entry, what, "book a correction")
        if row["kind"] not in (EntryKind.TOP_UP, EntryKind.CHARGE):
            what = f"is a {row['kind'].replace('_', ' ')}; only top-ups and charges are taken back"
            raise _refused(ErrorCode.CONFLICT, self.request.entry, what, "book what undoes it")
        changes: dict[str, int] = {}
        for posting_row in (
            posting_row for posting_row in rows if not journal.is_units_asset(posting_row["asset"])
        ):
            changes[posting_row["bucket"]] = changes.get(posting_row["bucket"], 0) + posting_row["amount"]
        self.entry = _ReversibleEntry(row["seq"], row["at"], row["kind"], row["description"], changes)

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.entry.kind == EntryKind.CHARGE and not _charge_changes(account, self.entry):
            what = "took units and no money"
            raise _refused(ErrorCode.CONFLICT, self.request.entry, what, "book a correction")
        if not account.tenancy.includes_entry(self.entry.seq):
            raise _refused(
                ErrorCode.CONFLICT,
                self.request.entry,
                "belongs to a customer who moved out",
                "'meter-bridge settle' charges it to that customer; this account is another's now",
            )

    @override
    def execute(
        self, session: Session, account: Account, tx: Transaction
    ) -> tuple[int | None, OperationResult]:
        post_accruals(session.installation, account, tx)
        top_up = self.entry.kind == EntryKind.TOP_UP
        units: list[Posting] = []
        if top_up:
            changes = _top_up_changes(account, self.entry)
            worth, units = _return_units(account, self.request.entry, tx)
            changes |= {Bucket.BALANCE: changes[Bucket.BALANCE] + worth, Bucket.ADJUSTMENT: -worth}
        else:
            changes = _charge_changes(account, self.entry)
        against = Bucket.FUNDS if top_up else Bucket.ADJUSTMENT
        detail = {
            "amount": sum(changes.values()),
            "entry": self.request.entry,
            "reason": self.request.reason,
            "split": {bucket: amount for bucket, amount in changes.items() if amount},
        }
        postings = (*journal.balanced_postings(account.site.currency, changes, against=against), *units)
        description = f"Reversal: {self.entry.description}"
        entry = EntryDraft(EntryKind.REVERSAL, postings, description, detail, self.request.entry)
        seq = book_entry(session, account, tx, entry)
        if top_up:
            _release_caps(account, self.entry)
            if account.last_top_up is not None and account.last_top_up.id == self.request.entry:
                account.last_top_up = None
        return self.result(session, account, tx, seq, detail)


_LIST_HINT = "take an id from 'meter-bridge ledger' or GET /api/v1/accounts/{id}/ledger"


def _refused(code: ErrorCode, entry: str, what: str, remedy: str) -> RequestRefused:
    """Return the refusal of an entry."""
    return RequestRefused(code, f"entry {entry} {what}", field="entry", value=entry, remedy=remedy)


def _top_up_changes(account: Account, found: _ReversibleEntry) -> dict[str, int]:
    """Return what a top-up gave, taken from the same buckets as far as they can bear it.

    Emergency credit is lent again up to its limit, and what a debt recovered that has been closed since is
    owed as arrears; the balance bears the rest.
    """
    changes = {
        bucket: -amount
        for bucket, amount in found.changes.items()
        if bucket == Bucket.ARREARS or journal.debt_of(bucket) is not None
    }
    repaid = found.changes.get(Bucket.EMERGENCY, 0)
    lent = min(repaid, emergency_left(account.policy.credit, posted_credit(account)))
    # What the balance got is the rest of what was paid: the units that it bought are given back apart.
    paid = -found.changes[Bucket.FUNDS]
    changes[Bucket.EMERGENCY] = -lent
    changes[Bucket.BALANCE] = -(paid + sum(changes.values()))
    for bucket in [bucket for bucket in changes if journal.debt_of(bucket) not in (None, *account.debts)]:
        changes[Bucket.ARREARS] = changes.get(Bucket.ARREARS, 0) + changes.pop(bucket)
    return changes


def _return_units(account: Account, lot_id: str, tx: Transaction) -> tuple[int, list[Posting]]:
    """Take back the unused units that a top-up bought; return what they cost, and their postings."""
    worth, postings = 0, list[Posting]()
    for supply in account.supplies:
        wh, amount = return_units(supply.rating, lot_id)
        if wh:
            worth += amount
            postings += journal.units_bought_postings(supply.id, -wh)
            tx.save_supply(supply)
    return worth, postings


def _charge_changes(account: Account, found: _ReversibleEntry) -> dict[str, int]:
    """Return what gives a charge back: arrears first as far as it made them, then as credit that comes in.

    Nothing, where it took no money.
    """
    bearers = (Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS)
    total = -sum(found.changes.get(bucket, 0) for bucket in bearers)
    if not total:
        return {}
    arrears = max(min(-found.changes.get(Bucket.ARREARS, 0), account.arrears), 0)
    spending = split_charge(account.policy.credit, posted_credit(account), -(total - arrears))
    return journal.charge_changes(spending, arrears=-arrears)


def _release_caps(account: Account, found: _ReversibleEntry) -> None:
    """Let debts recover again, in the same cap period, what the top-up had recovered; the unit stores it."""
    zone = ZoneInfo(account.site.time_zone)
    for bucket, amount in found.changes.items():
        debt = account.debts.get(journal.debt_of(bucket) or "")
        if debt is not None and debt.cap_period == debt.cap_period_of(found.at, zone):
            account.debts[debt.id] = debt.after_payment(-amount, found.at, zone)
