"""A past month priced anew: one correction of the difference, whatever was corrected before."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meter_bridge.commands.ledger import _parts
from meter_bridge.engine.accounts.dispatch import operation_of
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.requests import MoveIn, MoveOut, Repricing
from tests.engine.accounts.test_units_bought import SITE as UNITS
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, operate, zar
from tests.engine.ledger.test_deferred_posting import MINUTE, SECOND, in_turns, wait_long
from tests.engine.ledger.test_midnight import TO_DECEMBER
from tests.engine.second_tariff import DAY, with_dear


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat that used 15 kWh at 2.00 in November, and 1 kWh in December."""
    async with house(tmp_path, with_dear()) as made:
        await made.read(0, power_w=2_000)
        await made.read(15_000, after=2 * DAY)
        for _ in range(30):
            await made.tick(DAY)
        await made.read(15_000, after=HOUR)
        await made.read(16_000, after=HOUR)
        yield made


def asked(version: str = "dear@2027-01-01", day: str = "2026-11-20") -> Repricing:
    """Return the question."""
    return Repricing(day=day, version=version, reason="published late")


async def test_the_difference_is_one_correction_with_its_lines(flat: House) -> None:
    before = flat.available
    result = await operate(flat, asked(), key="a")
    # 5 kWh cost 2.00 more each, and 29 days after the first 1.00 each
    assert result.detail["amount"] == -(zar("10") + zar("29"))
    assert flat.available == before - zar("39")
    assert flat.problems() == []
    repriced: Any = result.detail["repricing"]
    lines = repriced["lines"]
    assert [(line["kind"], line["block"], line["amount"]) for line in lines] == [
        ("consumption", 1, zar("20")),
        ("consumption", 2, zar("20")),
        ("standing", None, zar("29")),
    ]


@pytest.mark.both_databases
async def test_again_changes_nothing_and_back_gives_it_all_back(flat: House) -> None:
    before = flat.available
    await operate(flat, asked(), key="a")
    assert (await operate(flat, asked(), key="a")).detail["amount"] == -zar("39")
    with pytest.raises(RequestRefused, match="charged already") as refusal:
        await operate(flat, asked(), key="b")
    assert (refusal.value.code, refusal.value.field) == (ErrorCode.BAD_REQUEST, "version")
    await operate(flat, asked("flat@2026-01-01"), key="c")
    assert flat.available == before


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "version, day, message",
    [
        ("dear@2027-01-01", "2026-12-01", "not over"),
        ("dear@2027-01-01", "2026-10-20", "before the present customer"),
        ("dear@2027-01-01", "soon", "not a date"),
        ("none@2027-01-01", "2026-11-20", "not a version"),
    ],
)
async def test_what_cannot_be_priced_is_refused_by_name(
    flat: House, version: str, day: str, message: str
) -> None:
    entries = flat.rows("SELECT count(*) FROM journal_entry")
    with pytest.raises(RequestRefused, match=message) as refusal:
        await operate(flat, asked(version, day))
    assert refusal.value.remedy
    assert flat.rows("SELECT count(*) FROM journal_entry") == entries


async def test_a_customer_who_moved_in_at_noon_pays_nothing_of_the_morning(tmp_path: Path) -> None:
    async with house(tmp_path) as flat:
        await flat.read(0, power_w=2_000)
        await flat.read(5_000, after=3 * HOUR)
        await operate(flat, MoveOut(reason="end of lease", remainder="refund"))
        await operate(flat, MoveIn(customer="B", opening_credit="50.00"))
        await flat.read(6_000, after=3 * HOUR)
        for _ in range(31):
            await flat.tick(DAY)
        await flat.read(7_000, after=HOUR)
        await flat.read(8_000, after=HOUR)
        with pytest.raises(RequestRefused, match="charged already"):
            await operate(flat, asked("flat@2026-01-01"))


async def test_what_was_sold_as_units_is_priced_by_nothing_else(tmp_path: Path) -> None:
    async with house(tmp_path, with_dear(UNITS), credit="200.00") as flat:
        await flat.read(0, power_w=2_000)
        for _ in range(31):
            await flat.tick(DAY)
        with pytest.raises(RequestRefused, match="sold as units"):
            await operate(flat, asked())


async def test_a_price_list_in_another_currency_is_refused(tmp_path: Path) -> None:
    abroad = SITE[SITE.index("  house:") :].replace("  house:", "  casa:").replace("ZAR", "EUR")
    abroad = abroad.replace("flat:", "piso:").replace("tariff: flat", "tariff: piso").replace("flat-1", "p-1")
    async with house(tmp_path, SITE + abroad) as flat:
        for _ in range(31):
            await flat.tick(DAY)
        with pytest.raises(RequestRefused, match="prices in EUR"):
            await operate(flat, asked("piso@2026-01-01"))


@pytest.mark.invariant(7)
async def test_a_month_just_over_is_priced_with_what_waits_and_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its last quarters stay at the price of before, and asking again finds them."""
    in_turns(monkeypatch)
    async with house(tmp_path, with_dear()) as flat:
        flat.at_once = False
        await flat.read(0, after=0, power_w=0)
        await flat.tick(TO_DECEMBER - 17 * MINUTE)
        await flat.read(20_000, after=0)
        await flat.read(20_100, after=MINUTE)
        await flat.read(20_500, after=15 * MINUTE + 58 * SECOND)
        assert flat.account.supplies[0].deferred_posting is not None
        flat.time.forward(3 * SECOND)
        await operate(flat, asked())
        await wait_long(flat)
        await flat.read(20_500, after=HOUR)
        await wait_long(flat)
        with pytest.raises(RequestRefused, match="charged already"):
            await operate(flat, asked())
        assert flat.problems() == []


@pytest.mark.invariant(7)
async def test_a_minimum_is_not_charged_twice_where_the_clock_comes_after_the_repricing(
    tmp_path: Path,
) -> None:
    dear = with_dear().replace(
        "prices: [2.00]\n", "prices: [2.00]\n            minimum charge: 50.00 per month\n", 1
    )
    async with house(tmp_path, dear, credit="500.00") as flat:
        await flat.read(0, after=0, power_w=0)
        await flat.tick(TO_DECEMBER - SECOND)
        await flat.read(1_000, after=0)
        flat.time.forward(2 * SECOND)
        with pytest.raises(RequestRefused, match="charged already"):
            await operate(flat, asked("flat@2026-01-01"))


@pytest.mark.invariant(15)
async def test_a_repricing_that_waited_is_not_booked_on_who_moved_in_meanwhile(flat: House) -> None:
    """Also where the state was read anew meanwhile, as after a site file: the supply is looked up again."""
    waiting = operation_of(flat.account, asked())
    flat.engine.session.reload()
    await operate(flat, MoveOut(reason="end of lease", remainder="refund"))
    await operate(flat, MoveIn(customer="B", opening_credit="50.00"))
    with pytest.raises(RequestRefused, match="before the present customer"):
        await Operations(flat.engine.session).run(LANDLORD, "flat-1", waiting, "late")
    assert flat.account.balance == zar("50.00")


async def test_an_explanation_shows_the_lines_of_a_repricing(flat: House) -> None:
    result = await operate(flat, asked())
    found = await flat.app.ledger.explain_entry(LANDLORD, "flat-1", result.id or "")
    repriced = found.repriced
    assert repriced is not None
    assert (repriced.period, repriced.wh) == ("2026-11-01/P1M", 15_000)
    assert repriced.priced == sum(line.amount for line in repriced.lines)
    assert found.entry.amount == repriced.charged - repriced.priced
    text = "\n\n".join(_parts(flat.app.accounts.view(LANDLORD, "flat-1"), found))
    assert "15.000 kWh, charged ZAR 30.00 before, ZAR 69.00 by dear@2027-01-01:" in text
    assert "Energy, block 2" in text
