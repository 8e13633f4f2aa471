"""Old segments leave the database once exported files hold them; what is asked of them stays the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
import shutil

import pyarrow.parquet as pq
import pytest

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.config.settings import Settings
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.export.retention import Retention
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, HistoryHour, Role
from meter_bridge.protocol.requests import Repricing
from meter_bridge.protocol.statements import Detail
from meter_bridge.runtime.bridge import running
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import written
from meter_bridge.storage.segment_archive import Archive
from tests.engine.harness import House, VirtualTime, house, opened, operate, read_only
from tests.engine.second_tariff import DAY, with_dear
from tests.storage.template import ON_POSTGRESQL, existing_or_new

KEPT_DAYS = 1
DAYS = 33
READER = Actor("reader", Role.LANDLORD, frozenset({EVERYTHING}))


@asynccontextmanager
async def month(folder: Path) -> AsyncIterator[House]:
    """Open a flat that used the same every day of a month."""
    async with house(folder, with_dear()) as made:
        await made.read(0, power_w=2_000)
        for day in range(DAYS):
            await made.read(500 * (day + 1), after=DAY)
            await made.tick()
        yield made


@asynccontextmanager
async def exported_month(folder: Path) -> AsyncIterator[House]:
    """Open a flat of a month, all of it exported."""
    async with month(folder) as made:
        await Scheduler(made.engine, Exporter(made.location, folder / "export"), 1).export()
        yield made


async def closed_month(folder: Path) -> VirtualTime:
    """Leave a flat of a month behind, all of it exported, and return what time it is there."""
    async with exported_month(folder) as made:
        return made.time


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VirtualTime] | None:
    """Return the folder of a month to copy, and what time it is there; none where the database is no file."""
    if ON_POSTGRESQL:
        return None
    folder = tmp_path_factory.mktemp("month")
    return folder, asyncio.run(closed_month(folder))


@pytest.fixture
async def flat(tmp_path: Path, kept: tuple[Path, VirtualTime] | None) -> AsyncIterator[House]:
    """Open a flat of a month, all of it exported."""
    if kept is None:
        async with exported_month(tmp_path) as made:
            yield made
        return
    shutil.copytree(kept[0], tmp_path, dirs_exist_ok=True)
    async with opened(tmp_path, replace(kept[1])) as copied:
        yield copied


def retention(flat: House, days: int = KEPT_DAYS) -> Retention:
    return Retention(flat.engine.session, Archive(flat.data / "export"), days)


def segments(flat: House) -> int:
    return int(str(flat.rows("SELECT count(*) FROM segment")[0][0]))


async def asked(flat: House) -> list[object]:
    """Return all that is made of segments: statements by day, what charges were made of, hours."""
    app, account = flat.app, flat.account.id
    statement = await app.ledger.statement(
        READER, account, begin="2026-11", end="2026-12", detail=Detail.DAY, tenancy=None
    )
    first = flat.rows("SELECT id FROM journal_entry WHERE kind = 'charge' ORDER BY seq LIMIT 1")[0][0]
    explained = await app.ledger.explain_entry(READER, account, str(first))
    facts = [(each.start, each.wh, each.amount, each.tax, each.band) for each in explained.segments]
    hours = await app.ledger.history(READER, after=0, upto=None, account_id=account, from_account=None)
    late = await app.ledger.history(READER, after=2, upto=None, account_id=account, from_account=None)
    return [statement.days, statement.closing, facts, hours, late.accounts[0].hours[-1]]


@pytest.mark.both_databases
async def test_what_was_let_go_of_is_answered_as_before(flat: House) -> None:
    before, count = await asked(flat), segments(flat)
    assert flat.problems() == []
    await retention(flat).tick()
    assert 0 < segments(flat) < count
    oldest = flat.rows("SELECT min(start_ms) FROM segment")[0][0]
    assert int(str(oldest)) >= flat.engine.session.clock.now() - (KEPT_DAYS + 1) * DAY
    assert await asked(flat) == before
    assert flat.problems() == []


async def test_who_asks_again_after_a_long_time_misses_no_hour_that_changed(flat: House) -> None:
    async def changed() -> tuple[HistoryHour, ...]:
        page = await flat.app.ledger.history(
            READER, after=2, upto=None, account_id="flat-1", from_account=None
        )
        return page.accounts[0].hours

    before = await changed()
    await retention(flat).tick()
    assert (await changed())[-len(before) :] == before


async def test_a_month_past_retention_is_repriced_as_it_would_have_been(tmp_path: Path, flat: House) -> None:
    await retention(flat).tick()
    assert not flat.rows("SELECT 1 FROM segment WHERE local_day < '2026-12-01'")
    question = Repricing(day="2026-11-20", version="dear@2027-01-01", reason="published late")
    result = await operate(flat, question, key="a")
    (tmp_path / "other").mkdir()
    async with month(tmp_path / "other") as whole:
        assert result.detail == (await operate(whole, question, key="a")).detail
    assert flat.problems() == []


async def test_what_was_booked_within_the_days_kept_stays_and_nothing_else(flat: House) -> None:
    since = flat.engine.session.clock.now() - 5 * DAY
    kept = flat.rows(
        "SELECT s.entry_seq, s.n FROM segment s JOIN journal_entry e ON e.seq = s.entry_seq"
        f" WHERE e.at >= {since} ORDER BY s.entry_seq, s.n"
    )
    assert 0 < len(kept) < segments(flat)
    await retention(flat, days=5).tick()
    assert flat.rows("SELECT entry_seq, n FROM segment ORDER BY entry_seq, n") == kept


async def test_nothing_goes_while_storage_fails(flat: House) -> None:
    count = segments(flat)
    flat.engine.session.fail("the disk is away")
    await retention(flat).tick()
    assert segments(flat) == count


async def test_nothing_is_let_go_of_that_is_not_exported_or_differs(flat: House) -> None:
    count = segments(flat)
    flat.change("UPDATE export_watermark SET seq = 0")
    await retention(flat).tick()
    assert segments(flat) == count
    flat.change("UPDATE export_watermark SET seq = (SELECT max(seq) FROM journal_entry)")
    flat.change("DELETE FROM segment WHERE entry_seq = (SELECT min(entry_seq) FROM segment) AND n = 1")
    with pytest.raises(JobError, match="the exported files differ from the database in entries 1 to"):
        await retention(flat).tick()
    assert segments(flat) == count - 1, "files that hold something else are no proof"
    assert any("the segments of charge" in problem for problem in flat.problems())
    flat.change("DELETE FROM segment WHERE entry_seq = (SELECT min(entry_seq) FROM segment)")
    assert any("missing" in problem for problem in flat.problems())


async def test_without_its_files_nothing_goes_and_what_is_gone_is_refused_by_name(flat: House) -> None:
    count = segments(flat)
    folder = flat.data / "export"
    folder.rename(flat.data / "aside")
    with pytest.raises(JobError):
        await retention(flat).tick()
    assert segments(flat) == count
    (flat.data / "aside").rename(folder)
    await retention(flat).tick()
    folder.rename(flat.data / "aside")
    with pytest.raises(RequestRefused, match="past retention") as refusal:
        await asked(flat)
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert (refusal.value.field, refusal.value.value) == ("account", flat.account.id)
    assert refusal.value.remedy
    before = flat.rows("SELECT count(*), sum(rows) FROM export_file WHERE retired_at IS NULL")
    with pytest.raises(JobError, match="older readings are in them alone"):
        await Scheduler(flat.engine, Exporter(flat.location, folder), 1).export()
    after = flat.rows("SELECT count(*), sum(rows) FROM export_file WHERE retired_at IS NULL")
    assert after == before, "an export anew would lose what is in those files alone"


async def test_a_failure_between_two_batches_loses_nothing(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.engine.export.retention.DELETE_BATCH", 5)
    before, count = await asked(flat), segments(flat)
    commit, batches = flat.engine.session.store.commit, []

    def counted(work: ops.Changeset) -> object:
        batches.append(work)
        if len(batches) == 3:
            with read_only(flat):
                return commit(work)
        return commit(work)

    monkeypatch.setattr(flat.engine.session.store, "commit", counted)
    with pytest.raises(StorageError, match=r"readonly|read-only"):
        await retention(flat).tick()
    assert flat.engine.session.storage_error
    assert 0 < count - segments(flat) < count
    assert flat.problems() == []
    monkeypatch.undo()
    assert await flat.engine.try_recover()
    assert await asked(flat) == before
    await retention(flat).tick()
    assert await asked(flat) == before
    assert flat.problems() == []


@pytest.mark.parametrize("days, jobs", [(0, set()), (400, {"retention", "forgetting"})])
async def test_a_bridge_deletes_only_where_days_are_set(tmp_path: Path, days: int, jobs: set[str]) -> None:
    location = existing_or_new(tmp_path)
    database = None if isinstance(location, Path) else written(location)
    settings = Settings(data=tmp_path, database=database, keep_readings_days=days, keep_events_days=days)
    async with running(settings, None) as parts:
        told = {task.get_name() for task in parts.daemon._tasks}
    assert told & {"retention", "forgetting"} == jobs


async def test_files_that_hold_less_than_was_charged_are_no_answer(flat: House) -> None:
    await retention(flat).tick()
    for name in flat.rows("SELECT name FROM export_file WHERE retired_at IS NULL AND kind = 'segments'"):
        path = flat.data / "export" / str(name[0])
        pq.write_table(pq.ParquetFile(path).read().slice(1), path)
    with pytest.raises(RequestRefused, match="they hold charges of") as refusal:
        await asked(flat)
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
