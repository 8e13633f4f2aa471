"""The journal is double entry and append only, and verification finds every kind of damage."""

from contextlib import closing
import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError

from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.protocol.requests import VoucherOrder
from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.tables import APPEND_ONLY, PRUNABLE
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply
from tests.storage.template import ON_POSTGRESQL

pytestmark = pytest.mark.both_databases

PAID = {"payment_order", "payment_event", "payment_booking", "keypad_token"}
"""Tables of which tests/payments makes rows, and proves the same."""
NEVER_CHANGED = [table.name for table in APPEND_ONLY if table.name not in PAID]
NEVER_DELETED = [name for name in NEVER_CHANGED if name not in PRUNABLE]


@pytest.fixture
async def used(flat: House) -> House:
    """Return a house whose journal has entries of every kind."""
    await flat.read(10_000, power_w=500)
    await flat.read(11_000, after=HOUR, power_w=500)
    await flat.app.meters.submit_reading(LANDLORD, "flat-1/main", register="11.000", at=None)
    await flat.hold_off()
    await flat.top_up("10.00")
    sold = await flat.app.payments.vouchers.create(LANDLORD, VoucherOrder(count=1, amount="10.00"))
    await flat.app.payments.redeem_voucher(LANDLORD, "flat-1", sold.vouchers[0].code, key="voucher")
    await flat.tick()
    assert flat.problems() == []
    return flat


@pytest.mark.invariant(3)
@pytest.mark.parametrize("table", NEVER_CHANGED)
async def test_the_database_refuses_to_change_a_row(used: House, table: str) -> None:
    column = next(iter(APPEND_ONLY[[each.name for each in APPEND_ONLY].index(table)].columns)).name
    with pytest.raises(IntegrityError, match="never changed"):
        used.change(f"UPDATE {table} SET {column} = {column}")


@pytest.mark.invariant(3)
@pytest.mark.parametrize("table", NEVER_DELETED)
async def test_the_database_refuses_to_delete_a_row(used: House, table: str) -> None:
    with pytest.raises(IntegrityError, match="never deleted"):
        used.change(f"DELETE FROM {table}")


@pytest.mark.invariant(3)
async def test_the_database_refuses_other_prices_for_time_that_has_begun(used: House) -> None:
    with pytest.raises(IntegrityError, match="has begun"):
        used.change("UPDATE tariff_version SET document = '{}'")


DAMAGE = {
    "a posting with another amount": (
        "UPDATE posting SET amount = amount + 1 WHERE bucket = 'funds' AND entry_seq = 1",
        "invariant 1: the postings of entry 1 sum to 1",
    ),
    "an entry without postings": (
        "DELETE FROM posting WHERE entry_seq = 1",
        "invariant 1: entry 1 has no postings",
    ),
    "a balance that was set": (
        "UPDATE balance SET amount = amount + 5 WHERE bucket = 'balance'",
        "invariant 2: balance balance of account flat-1 in ZAR",
    ),
    "a balance without postings": (
        "INSERT INTO balance VALUES ('flat-1', 'tax', 'ZAR', 7)",
        "invariant 2: balance tax of account flat-1",
    ),
    "an entry that shows another balance": (
        "UPDATE journal_entry SET balance_after = balance_after + 1 WHERE seq = 2",
        "invariant 2: after entry 2 account flat-1 shows balance",
    ),
    "a charge line with another amount": (
        "UPDATE charge_line SET amount = amount + 1",
        "the lines of charge",
    ),
    "a charge without lines": ("DELETE FROM charge_line", "the lines of charge"),
    "a segment with another cost": ("UPDATE segment SET tax = tax + 1", "the segments of charge"),
    "an entry that is gone": (
        (
            "DELETE FROM posting WHERE entry_seq = 2; DELETE FROM charge_line WHERE entry_seq = 2;"
            " DELETE FROM segment WHERE entry_seq = 2; DELETE FROM journal_entry WHERE seq = 2"
        ),
        "journal entries 1 and 3 follow each other with a gap",
    ),
    "a key that names no entry": (
        "UPDATE operation SET entry_seq = 999 WHERE key = 'first'",
        "invariant 4: key first of top_up for account flat-1 names entry 999",
    ),
    "a top-up without its key": (
        "DELETE FROM operation WHERE key = 'first'",
        "invariant 4: top-up 1 has no key",
    ),
    "a top-up booked under two keys": (
        (
            "INSERT INTO operation SELECT account_id, operation, 'other', content_hash, entry_seq, result, at"
            " FROM operation WHERE key = 'first'"
        ),
        "invariant 4: top-up 1 has 2 keys",
    ),
    "a command without its decision": (
        "UPDATE outbox SET decision_seq = 999",
        "invariant 10: relay command",
    ),
    "energy that nobody charged": ("UPDATE segment SET wh = wh + 1", "invariant 5: meter flat-1/main"),
    "a row that names nothing": ("DELETE FROM site", "a row of"),
}


@pytest.mark.parametrize("statements,finding", DAMAGE.values(), ids=DAMAGE.keys())
async def test_verification_finds(used: House, statements: str, finding: str) -> None:
    used.damage(statements)
    assert any(finding in problem for problem in used.problems()), used.problems()


@pytest.mark.invariant(3)
@pytest.mark.parametrize(
    "table,guard",
    [
        ("journal_entry", "journal_entry_no_update"),
        ("posting", "posting_no_delete"),
        ("tariff_version", "tariff_version_begun"),
    ],
)
async def test_verification_finds_a_guard_that_is_missing(used: House, table: str, guard: str) -> None:
    used.change(f"DROP TRIGGER {guard} ON {table}" if ON_POSTGRESQL else f"DROP TRIGGER {guard}")
    assert used.problems() == [f"invariant 3: the guard {guard} is missing"]


@pytest.mark.sqlite("a damaged file; a server looks after its own")
async def test_verification_finds_a_damaged_file(used: House) -> None:
    used.store.close()
    with closing(sqlite3.connect(used.data / DATABASE_NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_journal_entry_account_seq'"
        )
        (page,) = root.fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with (used.data / DATABASE_NAME).open("r+b") as file:
        file.seek((page - 1) * size + size - 64)
        file.write(bytes(64))
    assert any("the database file is damaged" in problem for problem in verify(used.data / DATABASE_NAME))


@pytest.mark.invariant(2)
async def test_a_verified_journal_stays_right_over_an_apply(used: House) -> None:
    await apply(used, SITE.replace("Flat 1", "First flat"))
    assert used.problems() == []
