"""A month of a flat is one sum: on its statement, entry by entry, in the report, in Home Assistant."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import report_scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.sums import day_sums, line_sums, unit_sums
from meter_bridge.core.calendar import day_start
from meter_bridge.engine.statement.builder import charged_amount
from meter_bridge.protocol.statements import Detail, Statement
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house

ZONE = ZoneInfo("Africa/Johannesburg")
MONTHS = (date(2026, 11, 1), date(2026, 12, 1))
PRICES = """prices: [2.37]
            standing charge: 3.17 per day
            taxes: [{name: VAT, percent: 15}]"""
TAXED = SITE.replace("prices: [2.00]", PRICES)


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house in its second month, whose meter was silent for a day and a half as the first ended."""
    async with house(tmp_path, TAXED, credit="9000.00") as made:
        register = 0
        await made.read(register)
        until = day_start(date(2026, 12, 3), ZONE)
        while made.time.wall < until:
            register += 2_411
            near_the_end = day_start(date(2026, 11, 29), ZONE) < made.time.wall < day_start(MONTHS[1], ZONE)
            await made.read(register, after=36 * HOUR + 11 if near_the_end else 7 * HOUR + 13)
            await made.tick()
        yield made


async def statement(flat: House, month: date) -> Statement:
    text = f"{month:%Y-%m}"
    return await flat.app.ledger.statement(LANDLORD, "flat-1", begin=text, end=text, detail=Detail.DAY)


async def test_a_month_is_one_sum_everywhere(flat: House) -> None:
    stated = {month: await statement(flat, month) for month in MONTHS}
    ledger = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=500)
    assert ledger.next_before is None
    landlord = Viewer(every_site=True)
    for month, told in stated.items():
        last = date.fromisoformat(told.last_day)
        opened = Warehouse(read_snapshot(flat.data, report_scope(month)))
        (unit,) = unit_sums(opened, landlord, month, last)
        assert unit.charged == told.charges > 0
        assert unit.wh == sum(line.quantity for line in told.lines if line.kind == "consumption")
        assert sum(day.charged for day in day_sums(opened, landlord, month, last)) == told.charges
        lines = line_sums(opened, landlord, month, last)
        assert sum(line.amount + line.tax for line in lines) == told.charges
        explained = [
            await flat.app.ledger.explain_entry(LANDLORD, "flat-1", entry.id)
            for entry in ledger.entries
            if entry.kind == "charge" and told.start <= entry.at < told.end
        ]
        assert sum(charged_amount(line) for each in explained for line in each.entry.lines) == told.charges
    history = await flat.app.ledger.history(
        LANDLORD, after=0, upto=None, account_id="flat-1", from_account=None
    )
    hours = [hour.amount for account in history.accounts for hour in account.hours]
    assert sum(hours) == sum(told.charges for told in stated.values())
