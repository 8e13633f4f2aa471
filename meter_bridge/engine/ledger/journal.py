"""Writing the journal: entries with their postings, lines and segments, as rows of a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count
import json
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_end, local_day, local_quarter_hour, month_of
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import Collection, split_charge
from meter_bridge.core.ledger.debt import resumed_recovery
from meter_bridge.core.ledger.journal import EntryKind, Posting
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments, segments_closing_at
from meter_bridge.core.rating.rating import (
    NO_BLOCK,
    ChargedLine,
    Charges,
    LineKind,
    Segment,
    purge_intervals,
    purge_periods,
)
from meter_bridge.engine.ledger.credit import posted_credit, standing_charge_collection
from meter_bridge.engine.ledger.register_trail import newest_readings, register_ends
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.model import (
    Account,
    DayTotal,
    DeferredPosting,
    Installation,
    ReadingNote,
    Supply,
    move,
)
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops

DAYS_KEPT = 3


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A journal entry to book, with its reason."""

    kind: EntryKind
    postings: tuple[Posting, ...]
    description: str
    detail: Mapping[str, object]
    refers_to: str | None = None


def append_entry(installation: Installation, account: Account, tx: Transaction, entry: EntryDraft) -> int:
    """Add an entry to the transaction, move the balance, and return the entry's ``seq``.

    Raises ``LedgerError`` for postings that do not sum to zero; nothing was changed then.
    """
    journal.check_balanced(entry.postings)
    _check_nothing_deferred(account)
    installation.sequences.entry += 1
    seq = installation.sequences.entry
    paid_off = [debt.id for debt in account.debts.values() if not debt.owed]
    for posting in entry.postings:
        if move(account, posting.bucket, posting.amount):
            tx.save_account(account)
    for debt in [account.debts[debt_id] for debt_id in paid_off]:
        if debt.owed:
            account.debts[debt.id] = resumed_recovery(debt, tx.at, ZoneInfo(account.site.time_zone))
    tx.changeset.add(
        ops.INSERT_ENTRY,
        {
            "seq": seq,
            "id": entry_id(seq),
            "account_id": account.id,
            "at": tx.at,
            "kind": entry.kind,
            "description": entry.description,
            "actor": tx.actor,
            "refers_to": entry.refers_to,
            "balance_after": account.balance,
            "detail": json.dumps(entry.detail, separators=(",", ":")),
        },
    )
    for n, posting in enumerate(entry.postings):
        row = {
            "account_id": account.id,
            "bucket": posting.bucket,
            "asset": posting.asset,
            "amount": posting.amount,
        }
        tx.changeset.add(ops.INSERT_POSTING, {"entry_seq": seq, "n": n, **row})
        tx.changeset.add(ops.ADD_BALANCE, row)
    return seq


def _check_nothing_deferred(account: Account) -> None:
    """Refuse an entry that would be booked before a deferred posting."""
    waiting = next((supply.id for supply in account.supplies if supply.deferred_posting is not None), None)
    if waiting is not None:
        msg = f"what closed of {waiting} must be posted before anything else of {account.id}"
        raise journal.LedgerError(msg)


def book_charges(
    installation: Installation,
    supply: Supply,
    tx: Transaction,
    charges: Charges,
    readings: Mapping[str, ReadingNote] | None = None,
) -> None:
    """Add a charge entry for a settlement, of the newest readings if none are named.

    One that settles nothing adds no entry.
    """
    if not charges.segments:
        return
    account = supply.account
    if readings is None:
        readings = newest_readings(supply, {segment.meter_id for segment in charges.segments})
    postings = (*_charge(account, charges), *journal.units_used_postings(supply.id, charges))
    entry = EntryDraft(EntryKind.CHARGE, postings, _describe(charges), {"readings": readings})
    add_lines(supply, tx, append_entry(installation, account, tx, entry), charges)


def add_lines(supply: Supply, tx: Transaction, seq: int, charges: Charges) -> None:
    """Add the lines and segments of a settlement to the transaction, under their entry."""
    tx.save_supply(supply)
    registers = register_ends(supply, charges.segments)
    lines = [_line_row(seq, n, supply.id, line) for n, line in enumerate(charges.lines)]
    tx.changeset.extend(ops.INSERT_LINE, lines)
    tx.changeset.extend(
        ops.INSERT_SEGMENT,
        [
            _segment_row(seq, n, supply, segment, register_wh)
            for n, (segment, register_wh) in enumerate(zip(charges.segments, registers, strict=True))
        ],
    )
    for segment in charges.segments:
        # What was used before the customer moved in says nothing of the customer's own days.
        if segment.kind is not LineKind.VACANT:
            _add_to_day(supply, segment)


def _charge(account: Account, charges: Charges) -> Sequence[Posting]:
    """Return the postings of a settlement; the account decides who bears its standing charge."""
    standing = sum(part.amount + part.tax for part in charges.segments if part.kind is LineKind.STANDING)
    # What is given back is never owed before: only a charge can be moved to the arrears.
    arrears = max(standing, 0) if standing_charge_collection(account) is Collection.ACCUMULATE else 0
    spending = split_charge(account.policy.credit, posted_credit(account), charges.total - arrears)
    return journal.charge_postings(account.site.currency, charges, spending, arrears=arrears)


def _describe(charges: Charges) -> str:
    kinds = {segment.kind for segment in charges.segments}
    named = [name for kind, name in _LINE_NAMES.items() if kind in kinds]
    if not named or any(segment.wh for segment in charges.segments):
        return "Electricity used"
    return f"{named[0]} given back in part" if charges.total < 0 else named[0]


_LINE_NAMES: Final = {
    LineKind.STANDING: "Standing charge",
    LineKind.DEMAND: "Demand charge",
    LineKind.MINIMUM: "Minimum charge",
}


def _line_row(seq: int, n: int, supply_id: str, line: ChargedLine) -> dict[str, object]:
    """Return the row of a charge line; blocks count from 1 in rows."""
    return {
        "entry_seq": seq,
        "n": n,
        "supply_id": supply_id,
        "kind": line.key.kind,
        "period": line.key.period,
        "version_id": line.key.version_id,
        "block": None if line.key.block == NO_BLOCK else line.key.block + 1,
        "band": line.key.band or None,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": line.amount,
    }


def _segment_row(
    seq: int, n: int, supply: Supply, segment: Segment, register_wh: int | None
) -> dict[str, object]:
    zone = supply.timeline.version(segment.key.version_id).zone
    return {
        "entry_seq": seq,
        "n": n,
        "kind": segment.kind,
        "account_id": supply.account.id,
        "supply_id": supply.id,
        "meter_id": segment.meter_id,
        "start_ms": segment.start,
        "end_ms": segment.end,
        "wh": segment.wh,
        "register_wh": register_wh,
        "local_day": local_day(segment.start, zone).isoformat(),
        "local_slot": local_quarter_hour(segment.start, zone),
        "band": segment.key.band or None,
        "block": None if segment.key.block == NO_BLOCK else segment.key.block + 1,
        "version_id": segment.key.version_id,
        "amount": segment.amount,
        "tax": segment.tax,
        "estimated": segment.estimated,
    }


def _add_to_day(supply: Supply, segment: Segment) -> None:
    zone = supply.timeline.version(segment.key.version_id).zone
    day = local_day(segment.start, zone).isoformat()
    total = next((total for total in supply.days if total.day == day), None)
    if total is None:
        total = DayTotal(day)
        supply.days = sorted([*supply.days, total], key=lambda each: each.day)[-DAYS_KEPT:]
    total.wh += segment.wh
    total.amount += segment.amount + segment.tax


MAX_DEFER_MS: Final = 30_000
"""Longest time that a posting waits for its turn while nothing else hinders it."""
DEFER_PER_METER_MS: Final = 3
"""Time of the turns for each meter: a household posts at once, ten thousand meters within the longest."""


def may_defer(supply: Supply, at: int) -> bool:
    """Return whether what closed may be posted later with the same result: plain consumption.

    Values to date depend on all that was used until they are settled.
    """
    closing = [part for parts in segments_closing_at(supply.rating, at).values() for part in parts]
    return all(
        part.key.kind == LineKind.CONSUMPTION and not supply.timeline.has_period_to_date(part.key.period)
        for part in closing
    )


def has_deferred(account: Account) -> bool:
    """Return whether something closed of an account that waits for its turn to be posted."""
    return any(supply.deferred_posting is not None for supply in account.supplies)


def post_deferred(installation: Installation, account: Account, tx: Transaction) -> None:
    """Post what is deferred of an account, before the transaction books anything else."""
    for supply in account.supplies:
        due, supply.deferred_posting = supply.deferred_posting, None
        if due is None:
            continue
        charges = close_segments(supply.rating, supply.timeline, upto=due.at)
        book_charges(installation, supply, replace(tx, at=due.at, actor="bridge"), charges, due.readings)


class DeferredPostings:
    """The supplies with something to post, in the order of their turns."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.attach()

    def attach(self) -> None:
        """Begin with the session's present state."""
        installation = self._installation = self._session.installation
        self._heap: list[tuple[int, int, Supply]] = []
        self._positions = count()
        for account in installation.accounts.values():
            for supply in account.supplies:
                if supply.deferred_posting is not None:
                    self._queue(supply, supply.deferred_posting.at)

    def defer(self, supply: Supply, at: int) -> None:
        """Note what closed at an instant, to be posted as of then; only one supply of an account waits."""
        closing = segments_closing_at(supply.rating, at)
        supply.deferred_posting = DeferredPosting(at, newest_readings(supply, closing))
        self._queue(supply, at)

    def _queue(self, supply: Supply, at: int) -> None:
        """Give a supply its turn, which is always the same within the time that all supplies take."""
        within = min(len(self._installation.meters) * DEFER_PER_METER_MS, MAX_DEFER_MS)
        turn = at + crc32(supply.id.encode()) % (within + 1)
        heappush(self._heap, (turn, next(self._positions), supply))

    def next_account(self, now: int) -> Account | None:
        """Return the account whose turn it is, or None; what was posted meanwhile is passed over."""
        while self._heap and self._heap[0][0] <= now:
            supply = heappop(self._heap)[2]
            if supply.deferred_posting is not None:
                return supply.account
        return None


def post_accruals(installation: Installation, account: Account, tx: Transaction) -> None:
    """Post everything used so far, before anything that depends on the balance."""
    post_deferred(installation, account, tx)
    for supply in account.supplies:
        book_charges(installation, supply, tx, close_segments(supply.rating, supply.timeline))


def has_uncharged(account: Account, at: int) -> bool:
    """Return whether charges are due that are not booked yet, as in the seconds after midnight."""
    return any(supply.standing_due <= at for supply in account.supplies)


def charge_due_days(installation: Installation, supply: Supply, tx: Transaction) -> None:
    """Charge what every local day that has begun makes due."""
    while supply.standing_due <= tx.at:
        post_deferred(installation, supply.account, tx)
        zone = supply.timeline.at(supply.standing_due).zone
        day = local_day(supply.standing_due, zone)
        waived = standing_charge_collection(supply.account) is Collection.PAUSE
        settled = charge_day(supply.rating, supply.timeline, supply.standing_due, waived=waived)
        book_charges(installation, supply, tx, settled)
        supply.standing_due = day_end(day, zone)
        reach = _oldest_open_day(supply, day)
        purge_periods(supply.rating, month_of(reach - timedelta(days=31)).isoformat())
        purge_intervals(supply.rating, min([tx.at, *_last_reading_times(supply)]) - 3_600_000, zone)
        tx.save_supply(supply)


def _oldest_open_day(supply: Supply, day: date) -> date:
    """Return the oldest day that a reading can still reach: that of the most silent meter."""
    zone = supply.timeline.versions[0].zone
    return min([day, *(local_day(at, zone) for at in _last_reading_times(supply))])


def _last_reading_times(supply: Supply) -> list[int]:
    return [meter.register.at for meter in supply.meters if meter.register]
