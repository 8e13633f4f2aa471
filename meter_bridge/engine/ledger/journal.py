"""Writing the journal: entries with their postings, lines and facts, and events, as rows of a unit."""

from collections.abc import Mapping, Sequence
import json
from typing import Final

from meter_bridge.core.calendar import local_day, local_quarter_hour
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.credit import Collection, split_charge
from meter_bridge.core.ledger.journal import EntryKind, Posting
from meter_bridge.core.rating.rating import NO_BLOCK, ChargedLine, Charges, LineKind, Segment
from meter_bridge.engine.ledger.credit import posted_credit, standing_charge_collection
from meter_bridge.engine.ledger.register_trail import newest_readings, register_ends
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.holdings import move
from meter_bridge.engine.state.model import Account, DayTotal, Installation, ReadingNote, Supply
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops

DAYS_KEPT = 3


def append_entry(  # noqa: PLR0913 - an entry is all of these, once
    installation: Installation,
    account: Account,
    tx: Transaction,
    kind: EntryKind,
    postings: Sequence[Posting],
    *,
    description: str,
    detail: Mapping[str, object],
    refers_to: str | None = None,
) -> int:
    """Add an entry to the unit, move the balance, and return the entry's ``seq``.

    Raises ``LedgerError`` for postings that do not sum to zero; nothing was changed then.
    """
    postings = tuple(postings)
    journal.check_balanced(postings)
    _check_nothing_deferred(account)
    installation.sequences.entry += 1
    seq = installation.sequences.entry
    for posting in postings:
        if move(account, posting.bucket, posting.amount):
            tx.save_account(account)
    tx.changeset.add(
        ops.INSERT_ENTRY,
        {
            "seq": seq,
            "id": entry_id(seq),
            "account_id": account.id,
            "at": tx.at,
            "kind": kind,
            "description": description,
            "actor": tx.actor,
            "refers_to": refers_to,
            "balance_after": account.balance,
            "detail": json.dumps(detail, separators=(",", ":")),
        },
    )
    for n, posting in enumerate(postings):
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
    """Refuse an entry that would come before one that waits for its turn (``posting.post_due``)."""
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
    seq = append_entry(
        installation,
        account,
        tx,
        EntryKind.CHARGE,
        (*_charge(account, charges), *journal.units_used_postings(supply.id, charges)),
        description=_describe(charges),
        detail={"readings": readings},
    )
    add_lines(supply, tx, seq, charges)


def add_lines(supply: Supply, tx: Transaction, seq: int, charges: Charges) -> None:
    """Add the lines and facts of a settlement to the unit, under their entry."""
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
    """Return the postings of a settlement, its standing charge borne as the account's rules have it."""
    standing = sum(part.amount + part.tax for part in charges.segments if part.kind is LineKind.STANDING)
    # What is given back is never owed before: only a charge can be moved to the arrears.
    arrears = max(standing, 0) if standing_charge_collection(account) is Collection.ACCUMULATE else 0
    spending = split_charge(account.policy.credit, posted_credit(account), charges.total - arrears)
    return journal.charge_postings(account.site.currency, charges, spending, arrears=arrears)


def _describe(charges: Charges) -> str:
    """Return a line for people."""
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
    """Return a charge line as a row; blocks count from 1 in rows."""
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
    """Return a fact as a row, its local day and slot worked out."""
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
    """Add a settled segment to the total of its local day."""
    zone = supply.timeline.version(segment.key.version_id).zone
    day = local_day(segment.start, zone).isoformat()
    total = next((total for total in supply.days if total.day == day), None)
    if total is None:
        total = DayTotal(day)
        supply.days = sorted([*supply.days, total], key=lambda each: each.day)[-DAYS_KEPT:]
    total.wh += segment.wh
    total.amount += segment.amount + segment.tax
