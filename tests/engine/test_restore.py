"""What a start costs beside its rows: counted, since times say nothing on a busy machine."""

from collections.abc import Iterator
from contextlib import contextmanager
import gc
from pathlib import Path

import pytest
from sqlalchemy import event

from meter_bridge import VERSION
from meter_bridge.config.settings import Settings
from meter_bridge.config.site_file import load as parse
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.restore import load_installation
from meter_bridge.protocol.requests import Reversal
from meter_bridge.runtime.bridge import offline, running, without_garbage_collection
from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.migrate import HEAD
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply, house, opened, operate, zar

UNITS = 3
OTHERS = "".join(
    f"""
      flat-{n}:
        name: Flat {n}
        tariff: flat
        meters: [{{address: "tasmota:flat-{n}/1", rating: 10 kW}}]
"""
    for n in range(2, UNITS + 1)
)
STREET = SITE + OTHERS.lstrip("\n")


@contextmanager
def walks() -> Iterator[list[int]]:
    """Note the generation of every walk of the collector, and undo what was frozen."""
    found: list[int] = []

    def note(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            found.append(told["generation"])

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)
        gc.unfreeze()


def questions(made: House) -> int:
    """Return how many statements loading takes."""
    asked: list[str] = []

    def note(*told: object) -> None:
        asked.append(str(told[2]))

    reader = made.engine.session.reader
    event.listen(reader, "before_cursor_execute", note)
    try:
        with reader.connect() as connection:
            assert load_installation(connection) is not None
    finally:
        event.remove(reader, "before_cursor_execute", note)
    return len(asked)


async def test_the_collector_never_walks_what_was_loaded(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    async with offline(settings) as app:
        await app.sites.apply(LANDLORD, parse(STREET), document=STREET, dry_run=False)
    with walks() as found:
        async with without_garbage_collection(running(settings, None)) as parts:
            on_the_way = list(found)
            account = parts.engine.session.installation.accounts["flat-1"]
            assert gc.isenabled()
            assert not any(each is account for each in gc.get_objects())
    assert on_the_way == [2]


async def test_every_start_logs_version_schema_and_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="meter_bridge"):
        async with running(Settings(data=tmp_path), None):
            pass
    database = tmp_path / DATABASE_NAME
    assert f"Version {VERSION}, schema {HEAD}, database {database}" in caplog.messages


async def test_a_start_asks_no_more_where_more_accounts_paid(tmp_path: Path) -> None:
    async with house(tmp_path, STREET) as made:
        before = questions(made)
        for n in range(2, UNITS + 1):
            await made.app.accounts.top_up(
                LANDLORD, f"flat-{n}", amount="5.00", method="cash", reference=None, key=f"top-up {n}"
            )
        await made.settle()
        assert questions(made) == before


async def test_each_account_has_its_own_newest_top_up_after_a_start(tmp_path: Path) -> None:
    async with house(tmp_path, STREET, credit=None) as made:
        for round_ in range(2):
            for n in range(1, UNITS):  # the last has none
                amount, key = f"{n}{round_}.00", f"{n} {round_}"
                await made.app.accounts.top_up(
                    LANDLORD, f"flat-{n}", amount=amount, method="cash", reference=None, key=key
                )
        await made.settle()
        before = [account.last_top_up for account in made.engine.session.installation.accounts.values()]
    async with opened(tmp_path, made.time) as again:
        after = [account.last_top_up for account in again.engine.session.installation.accounts.values()]
        assert after == before
        assert [top_up and top_up.amount for top_up in after] == [zar("11"), zar("21"), None]


async def test_a_top_up_that_was_taken_back_is_no_accounts_newest_after_a_start(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        booked = await made.top_up("5.00")
        await operate(made, Reversal(entry=booked.top_up.id, reason="mistake"))
    async with opened(tmp_path, made.time) as again:
        assert again.account.last_top_up is None


async def test_units_that_came_at_different_times_share_a_tariff_after_a_start(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.time.forward(HOUR)
        await apply(made, STREET)
        opened_at = {account.opened_at for account in made.engine.session.installation.accounts.values()}
        assert len(opened_at) == 2
    async with opened(tmp_path, made.time) as again:
        accounts = again.engine.session.installation.accounts.values()
        first, *others = [supply.timeline for account in accounts for supply in account.supplies]
        assert len(others) == UNITS - 1
        assert all(timeline is first for timeline in others)


async def test_supplies_share_the_names_of_their_lines_after_a_start(tmp_path: Path) -> None:
    async with house(tmp_path, STREET) as made:
        for wh in (1_000, 1_100):
            for account in made.engine.session.installation.accounts.values():
                report = Report(account.meters[0].plan.energy_address, register_wh=wh)
                await made.report(report, after=1_000)
        await made.tick()
    async with opened(tmp_path, made.time) as again:
        accounts = list(again.engine.session.installation.accounts.values())
        first, *others = [next(iter(account.supplies[0].rating.lines)) for account in accounts]
        assert len(others) == UNITS - 1
        assert all(key is first for key in others)
