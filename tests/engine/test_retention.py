"""Old segments leave the database once exported files hold them; what is asked of them stays the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.api.port import EVERYTHING, Actor, Refused
from meter_bridge.api.requests import Repricing
from meter_bridge.engine.archive import Archive
from meter_bridge.engine.daemon import Daemon
from meter_bridge.engine.export import Exporter
from meter_bridge.engine.retention import Retention
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.statements import Detail
from meter_bridge.storage import work as ops
from meter_bridge.storage.errors import StorageError
from tests.engine.harness import HOUR, SITE, House, house, operate, read_only

DAY = 24 * HOUR
KEPT_DAYS = 1
DAYS = 33
READER = Actor("reader", Role.LANDLORD, frozenset({EVERYTHING}))
OTHER = """      dear:
        name: Dear
        versions:
          - from: 2027-01-01
            blocks: [10 kWh]
            prices: [2.00, 4.00]
            standing charge: 1.00 per day
    units:"""


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat of a month, all of it exported."""
    async with house(tmp_path, SITE.replace("    units:", OTHER)) as made:
        await made.read(0, power_w=2_000)
        for day in range(DAYS):
            await made.read(500 * (day + 1), after=DAY)
            await made.tick()
        await Daemon(made.engine, Exporter(made.location, tmp_path / "export"), 1).export()
        yield made


def retention(flat: House, days: int = KEPT_DAYS) -> Retention:
    return Retention(flat.engine, Archive(flat.data / "export"), days)


def segments(flat: House) -> int:
    return int(str(flat.rows("SELECT count(*) FROM segment")[0][0]))


async def asked(flat: House) -> list[object]:
    """Return all that is made of segments: statements by day, what charges were made of, hours."""
    bridge, account = flat.bridge, flat.account.id
    statement = await bridge.statement(
        READER, account, begin="2026-11", end="2026-12", detail=Detail.DAY, tenancy=None
    )
    first = flat.rows("SELECT id FROM journal_entry WHERE kind = 'charge' ORDER BY seq LIMIT 1")[0][0]
    explained = await bridge.explain(READER, account, str(first))
    facts = [(each.start, each.wh, each.amount, each.tax, each.band) for each in explained.segments]
    hours = await bridge.history(READER, after=0, upto=None, account_id=account, from_account=None)
    late = await bridge.history(READER, after=2, upto=None, account_id=account, from_account=None)
    return [statement.days, statement.closing, facts, hours, late.accounts[0].hours[-1]]


async def test_what_was_let_go_of_is_answered_as_before(flat: House) -> None:
    before, count = await asked(flat), segments(flat)
    assert flat.problems() == []
    await retention(flat).tick()
    assert 0 < segments(flat) < count
    oldest = flat.rows("SELECT min(start_ms) FROM segment")[0][0]
    assert int(str(oldest)) >= flat.engine.clock.now() - (KEPT_DAYS + 1) * DAY
    assert await asked(flat) == before
    assert flat.problems() == []


async def test_a_month_past_retention_is_repriced_as_it_would_have_been(tmp_path: Path, flat: House) -> None:
    await retention(flat).tick()
    assert not flat.rows("SELECT 1 FROM segment WHERE local_day < '2026-12-01'")
    question = Repricing(day="2026-11-20", version="dear@2027-01-01", reason="published late")
    result = await operate(flat, question, key="a")
    (tmp_path / "other").mkdir()
    async with house(tmp_path / "other", SITE.replace("    units:", OTHER)) as whole:
        await whole.read(0, power_w=2_000)
        for day in range(DAYS):
            await whole.read(500 * (day + 1), after=DAY)
            await whole.tick()
        assert result.detail == (await operate(whole, question, key="a")).detail
    assert flat.problems() == []


async def test_nothing_is_let_go_of_that_is_not_exported_or_differs(flat: House) -> None:
    count = segments(flat)
    flat.change("UPDATE export_watermark SET seq = 0")
    await retention(flat).tick()
    assert segments(flat) == count
    flat.change("UPDATE export_watermark SET seq = (SELECT max(seq) FROM journal_entry)")
    flat.change("DELETE FROM segment WHERE entry_seq = (SELECT min(entry_seq) FROM segment) AND n = 1")
    await retention(flat).tick()
    assert segments(flat) == count - 1, "files that hold something else are no proof"
    assert any("the segments of charge" in problem for problem in flat.problems())
    flat.change("DELETE FROM segment WHERE entry_seq = (SELECT min(entry_seq) FROM segment)")
    assert any("missing" in problem for problem in flat.problems())


async def test_without_its_files_nothing_goes_and_what_is_gone_is_refused_by_name(flat: House) -> None:
    count = segments(flat)
    folder = flat.data / "export"
    folder.rename(flat.data / "aside")
    await retention(flat).tick()
    assert segments(flat) == count
    (flat.data / "aside").rename(folder)
    await retention(flat).tick()
    folder.rename(flat.data / "aside")
    with pytest.raises(Refused, match="past retention") as refusal:
        await asked(flat)
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert (refusal.value.field, refusal.value.value) == ("account", flat.account.id)
    assert refusal.value.remedy
    before = flat.rows("SELECT count(*), sum(rows) FROM export_file WHERE retired_at IS NULL")
    await Daemon(flat.engine, Exporter(flat.location, folder), 1).export()
    after = flat.rows("SELECT count(*), sum(rows) FROM export_file WHERE retired_at IS NULL")
    assert after == before, "an export anew would lose what is in those files alone"


async def test_a_failure_between_two_batches_loses_nothing(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.engine.retention.BATCH", 5)
    before, count = await asked(flat), segments(flat)
    commit, batches = flat.engine.store.commit, []

    def counted(work: ops.Work) -> object:
        batches.append(work)
        if len(batches) == 3:
            with read_only(flat):
                return commit(work)
        return commit(work)

    monkeypatch.setattr(flat.engine.store, "commit", counted)
    with pytest.raises(StorageError, match=r"readonly|read-only"):
        await retention(flat).tick()
    assert flat.engine.broken
    assert 0 < count - segments(flat) < count
    assert flat.problems() == []
    monkeypatch.undo()
    assert await flat.engine.try_recover()
    assert await asked(flat) == before
    await retention(flat).tick()
    assert await asked(flat) == before
    assert flat.problems() == []
