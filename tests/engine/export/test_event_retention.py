"""What ended long ago is forgotten where days are set for it; the books and what is under way never."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.engine.export.retention import EventRetention
from meter_bridge.protocol.messages import SupplyAction
from tests.engine.harness import LANDLORD, House, house
from tests.engine.second_tariff import DAY
from tests.engine.stream.test_feed import seqs, some

pytestmark = pytest.mark.both_databases

KEPT_DAYS = 62
MONTHS = 4
STAY = {
    "event": "at >= {}",
    "outbox": "settled_at IS NULL OR settled_at >= {}",
    "notice": "ended_at IS NULL OR ended_at >= {}",
    "export_file": "retired_at IS NULL OR retired_at >= {}",
}
"""What is to stay of each table."""
FOR_EVER = ("journal_entry", "posting", "charge_line", "segment", "operation", "supply_decision", "alert")
MESSAGE = (
    "INSERT INTO notice"
    " (id, event_seq, recipient, topic, title, body, made_at, next_at, attempts, sent, ended_at)"
    " VALUES ('{}', 1, 'sam', 'cut', 'Cut', 'Cut', {}, {}, 1, '[]', {})"
)
FILE = (
    "INSERT INTO export_file (name, kind, first_seq, last_seq, rows, created_at, retired_at, checked)"
    " VALUES ('{}', 'segments', 1, 2, 3, {}, {}, false)"
)


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat with four months of payments, holds, relay commands, messages and files."""
    async with house(tmp_path) as made:
        for month in range(MONTHS):
            await made.top_up("10.00")
            await made.hold_off("works")
            await made.supply(SupplyAction.AUTO)
            at = made.engine.session.clock.now()
            made.change(
                MESSAGE.format(f"ended-{month}", at, at, at),
                MESSAGE.format(f"waits-{month}", at, at, "NULL"),
                FILE.format(f"replaced-{month}", at, at),
                FILE.format(f"in-force-{month}", at, "NULL"),
            )
            await made.tick(30 * DAY)
        yield made


def rows(flat: House, table: str, condition: str = "true") -> list[tuple[object, ...]]:
    """Return rows of a table in the order of its key."""
    return flat.rows(f"SELECT * FROM {table} WHERE {condition} ORDER BY 1, 2")


async def test_what_ended_before_the_days_kept_is_forgotten_and_nothing_else(flat: House) -> None:
    since = flat.engine.session.clock.now() - KEPT_DAYS * DAY
    stay = {table: rows(flat, table, condition.format(since)) for table, condition in STAY.items()}
    ever = {table: rows(flat, table) for table in FOR_EVER}
    assert all(0 < len(stay[table]) < len(rows(flat, table)) for table in STAY)
    await EventRetention(flat.engine.session, KEPT_DAYS).tick()
    assert {table: rows(flat, table) for table in STAY} == stay
    assert {table: rows(flat, table) for table in FOR_EVER} == ever
    assert flat.problems() == []


async def test_many_rows_go_a_few_at_a_time(flat: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_bridge.engine.export.retention.BATCH_ROWS", 2)
    await EventRetention(flat.engine.session, KEPT_DAYS).tick()
    since = flat.engine.session.clock.now() - KEPT_DAYS * DAY
    assert {table: rows(flat, table) for table in STAY} == {
        table: rows(flat, table, condition.format(since)) for table, condition in STAY.items()
    }


async def test_numbers_of_events_go_on_where_all_of_them_are_old(flat: House) -> None:
    newest = flat.engine.feed.seq
    flat.time.forward(KEPT_DAYS * DAY)
    await EventRetention(flat.engine.session, KEPT_DAYS).tick()
    assert [row[0] for row in rows(flat, "event")] == [newest]
    flat.engine.session.reload()
    await flat.top_up("1.00")
    assert flat.engine.feed.seq == newest + 1


async def test_who_was_away_for_longer_hears_what_there_still_is(flat: House) -> None:
    await EventRetention(flat.engine.session, KEPT_DAYS).tick()
    kept = [row[0] for row in rows(flat, "event")]
    assert kept[0] != 1
    assert seqs(await some(flat.app.feed.stream(LANDLORD, since=1))) == kept


async def test_nothing_is_forgotten_while_storage_fails(flat: House) -> None:
    before = {table: rows(flat, table) for table in STAY}
    flat.engine.session.fail("the disk is away")
    await EventRetention(flat.engine.session, KEPT_DAYS).tick()
    assert {table: rows(flat, table) for table in STAY} == before
