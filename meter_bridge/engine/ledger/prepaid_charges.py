"""Reading the fixed charges that a customer paid in advance, as for a month that is not over."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Engine, ScalarSelect, exists, select

from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.rating.move_out import PrepaidCharge
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.storage import tables

MAX_PREPAID_MS: Final = 32 * 86_400_000
"""No charge is paid for longer in advance than a month."""


def read_prepaid_charges(reader: Engine, account_id: str, now: int) -> Mapping[str, Sequence[PrepaidCharge]]:
    """Return by supply the fixed charges of the last month that were not taken back since."""
    entry, segment = tables.journal_entry, tables.segment
    reversal = tables.journal_entry.alias("reversal")
    taken_back = exists().where(
        reversal.c.account_id == account_id,
        reversal.c.kind == EntryKind.REVERSAL,
        reversal.c.refers_to == entry.c.id,
    )
    query = (
        select(segment)
        .join(entry, entry.c.seq == segment.c.entry_seq)
        .where(
            entry.c.account_id == account_id,
            entry.c.kind == EntryKind.CHARGE,
            entry.c.seq >= _first_seq(account_id),
            segment.c.kind.in_((LineKind.STANDING, LineKind.DEMAND)),
            entry.c.at > now - MAX_PREPAID_MS,
            segment.c.start_ms > now - MAX_PREPAID_MS,
            segment.c.amount > 0,
            ~taken_back,
        )
        .order_by(segment.c.start_ms)
    )
    found: defaultdict[str, list[PrepaidCharge]] = defaultdict(list)
    with reader.connect() as connection:
        for row in connection.execute(query).mappings():
            paid = PrepaidCharge(
                LineKind(row["kind"]), row["band"] or "", row["version_id"], row["start_ms"], row["amount"]
            )
            found[row["supply_id"]].append(paid)
    return found


def _first_seq(account_id: str) -> ScalarSelect[int]:
    """Return the first entry of the newest tenancy, as part of a query."""
    table = tables.tenancy
    newest = select(table.c.first_seq).where(table.c.account_id == account_id)
    return newest.order_by(table.c.n.desc()).limit(1).scalar_subquery()
