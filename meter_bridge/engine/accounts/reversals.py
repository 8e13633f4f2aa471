"""Reversals: an entry that reverses a top-up or a charge and names it; each is reversed at most once."""

from dataclasses import dataclass
from typing import ClassVar, override
from zoneinfo import ZoneInfo

from sqlalchemy import select

from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import emergency_left, split_charge
from meter_bridge.core.ledger.journal import Bucket, EntryKind, Posting
from meter_bridge.engine.accounts.booking import AccountOperation, Booking, book_entry
from meter_bridge.engine.ledger.credit import posted_credit
from meter_bridge.engine.ledger.journal import EntryDraft, post_accruals
from meter_bridge.engine.ledger.purchases import take_back_units
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.storage import tables


@dataclass(frozen=True, slots=True)
class _ReversibleEntry:
    """The entry to reverse, with what it did to each bucket."""

    seq: int
    at: int
    kind: str
    description: str
    changes: dict[str, int]


class ReversalOperation(AccountOperation[requests.Reversal]):
    """Undoes what an entry did.

    The split of a top-up is undone in reverse order. A charge is refunded as money; its lines stay, so the
    energy that it charged stays in the quantities.
    """

    name: ClassVar[str] = "reversal"
    exclusive: ClassVar[bool] = True
    entry: _ReversibleEntry

    @override
    def fingerprint(self) -> list[object]:
        return [self.request.entry, self.request.reason]

    def _refused(self, code: ErrorCode, problem: str, remedy: str) -> RequestRefused:
        entry = self.request.entry
        return RequestRefused(code, f"entry {entry} {problem}", field="entry", value=entry, remedy=remedy)

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the entry from the journal; refuse one that does not exist or was reversed before."""
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
                raise self._refused(ErrorCode.NOT_FOUND, "is not in this ledger", _LIST_HINT)
            before = connection.execute(reversal).scalar()
            postings = select(posting).where(posting.c.entry_seq == row["seq"]).order_by(posting.c.n)
            rows = connection.execute(postings).mappings().all()
        if before is not None:
            raise self._refused(
                ErrorCode.ALREADY_REVERSED, f"was taken back by {before}", "book a correction"
            )
        if row["kind"] not in (EntryKind.TOP_UP, EntryKind.CHARGE):
            problem = f"is a {row['kind'].replace('_', ' ')}; only top-ups and charges are taken back"
            raise self._refused(ErrorCode.CONFLICT, problem, "book what undoes it")
        changes: dict[str, int] = {}
        for moved in rows:
            if not journal.is_units_asset(moved["asset"]):
                changes[moved["bucket"]] = changes.get(moved["bucket"], 0) + moved["amount"]
        self.entry = _ReversibleEntry(row["seq"], row["at"], row["kind"], row["description"], changes)

    @override
    def check(self, session: Session, account: Account) -> None:
        if self.entry.kind == EntryKind.CHARGE and not _charge_changes(account, self.entry):
            raise self._refused(ErrorCode.CONFLICT, "took units and no money", "book a correction")
        if not account.tenancy.includes_entry(self.entry.seq):
            raise self._refused(
                ErrorCode.CONFLICT,
                "belongs to a customer who moved out",
                "'meter-bridge settle' charges it to that customer; this account is another's now",
            )

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        post_accruals(session.installation, account, tx)
        entry_id, is_top_up = self.request.entry, self.entry.kind == EntryKind.TOP_UP
        units: list[Posting] = []
        if is_top_up:
            worth, units = take_back_units(account, tx, entry_id)
            changes = _top_up_changes(account, self.entry, worth)
            changes |= {Bucket.BALANCE: changes[Bucket.BALANCE] + worth, Bucket.ADJUSTMENT: -worth}
        else:
            changes = _charge_changes(account, self.entry)
        against = Bucket.FUNDS if is_top_up else Bucket.ADJUSTMENT
        detail = {
            "amount": sum(changes.values()),
            "entry": entry_id,
            "reason": self.request.reason,
            "split": {bucket: amount for bucket, amount in changes.items() if amount},
        }
        postings = (*journal.balanced_postings(account.site.currency, changes, against=against), *units)
        description = f"Reversal: {self.entry.description}"
        entry = EntryDraft(EntryKind.REVERSAL, postings, description, detail, entry_id)
        seq = book_entry(session, account, tx, entry)
        if is_top_up:
            _release_caps(account, self.entry)
            if account.last_top_up is not None and account.last_top_up.id == entry_id:
                account.last_top_up = None
        return seq, detail


_LIST_HINT = "take an id from 'meter-bridge ledger' or GET /api/v1/accounts/{id}/ledger"


def _top_up_changes(account: Account, entry: _ReversibleEntry, worth: int) -> dict[str, int]:
    """Return what a top-up gave, taken from the same buckets as far as they can bear it.

    Debts that it recovered are owed again, those closed since as arrears. The balance, with what returned
    units are worth, bears the rest down to its threshold; what is missing then is lent again as emergency
    credit, up to what the top-up had repaid and to the limit, and the balance bears what is left.
    """
    changes = {
        bucket: -amount
        for bucket, amount in entry.changes.items()
        if bucket == Bucket.ARREARS or journal.debt_of(bucket) is not None
    }
    policy, credit = account.policy.credit, posted_credit(account)
    # The balance got the rest of the payment; units that it bought are returned separately.
    wanted = -entry.changes[Bucket.FUNDS] + sum(changes.values())
    missing = max(wanted - max(credit.balance + worth - policy.disablement_threshold, 0), 0)
    lent = min(missing, entry.changes.get(Bucket.EMERGENCY, 0), emergency_left(policy, credit))
    changes[Bucket.EMERGENCY] = -lent
    changes[Bucket.BALANCE] = lent - wanted
    for bucket in [bucket for bucket in changes if journal.debt_of(bucket) not in (None, *account.debts)]:
        changes[Bucket.ARREARS] = changes.get(Bucket.ARREARS, 0) + changes.pop(bucket)
    return changes


def _charge_changes(account: Account, entry: _ReversibleEntry) -> dict[str, int]:
    """Return what gives a charge back: arrears first as far as it made them, then as credit that comes in.

    Nothing, where it took no money.
    """
    bearers = (Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS)
    total = -sum(entry.changes.get(bucket, 0) for bucket in bearers)
    if not total:
        return {}
    arrears = max(min(-entry.changes.get(Bucket.ARREARS, 0), account.arrears), 0)
    spending = split_charge(account.policy.credit, posted_credit(account), -(total - arrears))
    return journal.charge_changes(spending, arrears=-arrears)


def _release_caps(account: Account, entry: _ReversibleEntry) -> None:
    """Let debts recover again, in the same cap period, what the top-up had recovered."""
    zone = ZoneInfo(account.site.time_zone)
    for bucket, amount in entry.changes.items():
        debt = account.debts.get(journal.debt_of(bucket) or "")
        if debt is not None and debt.cap_period == debt.cap_period_of(entry.at, zone):
            account.debts[debt.id] = debt.after_payment(-amount, entry.at, zone)
