"""Verifying an installation: refold the journal, check the invariants, name what differs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import MsgspecError
from sqlalchemy import Connection, Engine, exists, select, text
from sqlalchemy.exc import DatabaseError

from meter_bridge.engine.access.tokens import load_tokens
from meter_bridge.engine.state import supply_document
from meter_bridge.storage.database import on_sqlite, reading, snapshot
from meter_bridge.storage.errors import reason
from meter_bridge.storage.location import Location
from meter_bridge.storage.migrate import check_schema
from meter_bridge.storage.schema_objects import schema_problems
from meter_bridge.storage.shards import RANGE
from meter_bridge.storage.tables import metadata

MAX_SHOWN: Final = 5
MEMORY_MB: Final = 256
_STATES: Final = "SELECT account_id, document FROM supply_status"

_CHECKS: Final = (
    (
        "invariant 1: the postings of entry {0} sum to {2} of {1}, not to zero",
        "SELECT entry_seq, asset, sum(amount) FROM posting GROUP BY entry_seq, asset HAVING sum(amount) <> 0",
    ),
    (
        "invariant 1: entry {0} has no postings",
        "SELECT seq FROM journal_entry WHERE seq NOT IN (SELECT entry_seq FROM posting)",
    ),
    (
        "invariant 2: balance {1} of account {0} in {2} is {3}, but its postings sum to {4}",
        (
            "SELECT coalesce(b.account_id, p.account_id), coalesce(b.bucket, p.bucket),"
            " coalesce(b.asset, p.asset), b.amount, p.total FROM balance b"
            " FULL JOIN (SELECT account_id, bucket, asset, sum(amount) AS total FROM posting GROUP BY"
            " account_id, bucket, asset) p ON b.account_id = p.account_id"
            " AND b.bucket = p.bucket AND b.asset = p.asset WHERE b.amount IS DISTINCT FROM p.total"
        ),
    ),
    (
        "invariant 2: after entry {1} account {0} shows balance {2}, but its postings up to there sum to {3}",
        (
            "SELECT account_id, seq, balance_after, folded FROM (SELECT e.account_id, e.seq, e.balance_after,"
            " sum(coalesce(p.amount, 0)) OVER (PARTITION BY e.account_id ORDER BY e.seq) AS folded"
            " FROM journal_entry e LEFT JOIN (SELECT entry_seq, sum(amount) AS amount FROM posting"
            " WHERE bucket = 'balance' GROUP BY entry_seq) p ON p.entry_seq = e.seq) f"
            " WHERE balance_after <> folded"
        ),
    ),
    (
        "the lines of charge {0} sum to {1}, but it takes {2} from the credit",
        (
            "SELECT e.seq, l.total, -p.amount FROM journal_entry e"
            " JOIN (SELECT entry_seq, sum(amount) AS total FROM charge_line WHERE kind <> 'included_tax'"
            " GROUP BY entry_seq) l"
            " ON l.entry_seq = e.seq"
            " JOIN (SELECT entry_seq, sum(amount) AS amount FROM posting"
            " WHERE bucket IN ('balance', 'emergency_credit', 'arrears') GROUP BY entry_seq) p"
            " ON p.entry_seq = e.seq WHERE e.kind = 'charge' AND l.total <> -p.amount"
        ),
    ),
    (
        "the segments of charge {0} sum to {1}, but its lines to {2}",
        (
            "SELECT l.entry_seq, s.total, l.total FROM (SELECT entry_seq, sum(amount) AS total"
            " FROM charge_line WHERE kind <> 'included_tax' GROUP BY entry_seq) l"
            " JOIN (SELECT entry_seq, sum(amount + tax) AS"
            " total FROM segment"
            " GROUP BY entry_seq) s ON s.entry_seq = l.entry_seq WHERE s.total <> l.total"
        ),
    ),
    (
        "the segments of charge {0} are missing",
        (
            "SELECT seq FROM journal_entry WHERE kind = 'charge'"
            " AND seq > (SELECT coalesce(max(seq), 0) FROM retention)"
            " AND seq NOT IN (SELECT entry_seq FROM segment)"
        ),
    ),
    (
        "journal entries {0} and {1} follow each other with a gap",
        (
            "SELECT before, seq FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before"  # noqa: S608 - a constant
            f" FROM journal_entry) j WHERE seq <> before + 1 AND seq / {RANGE} = before / {RANGE}"
        ),
    ),
    (
        "invariant 4: key {2} of {1} for account {0} names entry {3}, which does not exist",
        (
            "SELECT account_id, operation, key, entry_seq FROM operation"
            " WHERE entry_seq IS NOT NULL AND entry_seq NOT IN (SELECT seq FROM journal_entry)"
        ),
    ),
    (
        "invariant 4: top-up {0} has no key, so it could be booked again",
        (
            "SELECT seq FROM journal_entry WHERE kind = 'top_up'"
            " AND seq NOT IN"
            " (SELECT entry_seq FROM operation WHERE entry_seq IS NOT NULL)"
        ),
    ),
    (
        "invariant 4: top-up {0} has {1} keys",
        (
            "SELECT entry_seq, count(*) FROM operation WHERE entry_seq IS NOT NULL"
            " GROUP BY entry_seq HAVING count(*) > 1"
        ),
    ),
    (
        "entry {0} was taken back {1} times",
        (
            "SELECT refers_to, count(*) FROM journal_entry WHERE kind = 'reversal'"
            " GROUP BY refers_to HAVING count(*) > 1"
        ),
    ),
    (
        "account {0} has {1} emergency credit that was never lent",
        "SELECT account_id, amount FROM balance WHERE bucket = 'emergency_credit' AND amount > 0",
    ),
    (
        "account {0} has paid {2} more of {1} than it owed",
        (
            "SELECT account_id, bucket, amount FROM balance WHERE amount > 0"
            " AND (bucket = 'arrears' OR bucket LIKE 'debt:%')"
        ),
    ),
    (
        "account {0} belongs to no tenancy",
        "SELECT id FROM account WHERE id NOT IN (SELECT account_id FROM tenancy)",
    ),
    (
        "the lines of charge {0} are missing",
        (
            "SELECT seq FROM journal_entry WHERE kind = 'charge'"
            " AND seq NOT IN (SELECT entry_seq FROM charge_line)"
        ),
    ),
    (
        "invariant 10: relay command {1} of meter {0} belongs to no decision",
        "SELECT meter_id, revision FROM outbox WHERE decision_seq NOT IN (SELECT seq FROM supply_decision)",
    ),
)


def verify(location: Location) -> Sequence[str]:
    """Return what is wrong with an installation's database, empty if nothing is.

    Raises ``SchemaError`` if it has the schema of another version.
    """
    check_schema(location)
    with reading(location) as reader:
        return verify_engine(reader)


def verify_engine(reader: Engine) -> Sequence[str]:
    """Return what is wrong with the installation behind a reading engine."""
    with snapshot(reader) as connection:
        if not on_sqlite(connection):
            # What is missing is found through hashes of whole columns, which have to fit.
            connection.exec_driver_sql(f"SET LOCAL work_mem = '{MEMORY_MB}MB'")
        try:
            return [*_file_problems(connection)] or [
                *_row_problems(connection),
                *schema_problems(connection),
                *_energy_problems(connection),
                *_reference_problems(connection),
                *_token_problems(connection),
            ]
        except (DatabaseError, UnicodeDecodeError) as error:
            return [f"the database file is damaged: {reason(error)}"]


def _row_problems(connection: Connection) -> Iterable[str]:
    for message, query in _CHECKS:
        for row in connection.execute(text(f"{query} LIMIT {MAX_SHOWN}")):
            yield message.format(*row)


def _energy_problems(connection: Connection) -> Iterable[str]:
    """Yield meters whose segments do not add up to what their register was charged (invariant 5)."""
    # A meter that was taken out and came back counts from when it was assigned again.
    since_assigned = (
        "SELECT s.meter_id, sum(s.wh) FROM segment s JOIN meter m ON m.id = s.meter_id"
        " WHERE s.start_ms >= m.assigned_at GROUP BY s.meter_id"
    )
    settled = Counter(dict(connection.execute(text(since_assigned)).tuples().all()))
    let_go = (
        "SELECT r.meter_id, r.wh FROM retired_energy r"
        " JOIN meter m ON m.id = r.meter_id AND m.assigned_at = r.assigned_at"
    )
    settled.update(dict(connection.execute(text(let_go)).tuples().all()))
    for account_id, document in connection.execute(text(_STATES)).tuples():
        try:
            stored = supply_document.stored_energy(document)
        except (MsgspecError, TypeError, ValueError) as error:
            yield f"the stored state of the supply of account {account_id} cannot be read: {error}"
            continue
        for meter_id, charged, open_wh in stored:
            if settled.get(meter_id, 0) + open_wh != charged:
                yield (
                    f"invariant 5: meter {meter_id} was charged {charged} Wh by its register,"
                    f" but its segments hold {settled.get(meter_id, 0)} Wh and {open_wh} Wh are open"
                )


def _file_problems(connection: Connection) -> Iterable[str]:
    if not on_sqlite(connection):
        return
    answer = str(connection.execute(text("PRAGMA quick_check(1)")).scalar_one())
    if answer != "ok":
        yield f"the database file is damaged: {answer.splitlines()[-1]}"


def _reference_problems(connection: Connection) -> Iterable[str]:
    """Yield a dangling reference of each table, as after a restore with checks switched off."""
    if on_sqlite(connection):
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"a row of {row[0]} names a row of {row[2]} that does not exist"
        return
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            there, named = key.column.table.alias(), key.column.name
            lost = (
                select(key.parent)
                .where(key.parent.is_not(None), ~exists().where(there.c[named] == key.parent))
                .limit(1)
            )
            if connection.execute(lost).first() is not None:
                yield f"a row of {table.name} names a row of {key.column.table.name} that does not exist"


def _token_problems(connection: Connection) -> Iterable[str]:
    try:
        load_tokens(connection)
    except (TypeError, ValueError) as error:
        yield f"a token cannot be read: {error}"
