"""A statement shows each tax with its rate and base, what the meters showed, and a charge in part as such."""

from pathlib import Path

from meter_bridge.commands.statement import as_text
from meter_bridge.engine.statement.document import printed_statement
from meter_bridge.protocol.requests import MoveOut
from meter_bridge.protocol.statements import Detail, Statement
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, house, operate, zar

DAY = 24 * HOUR
TAXED = BLOCKS.replace(
    "taxes: [{name: VAT, percent: 15}]",
    "pro rata last period: yes\n"
    "            taxes:\n"
    "              - {name: Fund, percent: 2.5, applies to: [consumption]}\n"
    "              - {name: VAT, percent: 15, applies to: [consumption, standing charge, Fund]}",
).replace("standing charge: 1.00 per day", "standing charge: 31.00 per month")


async def statement(flat: House, begin: str = "2026-11", end: str = "2026-12") -> Statement:
    """Return the statement of flat 1."""
    return await flat.app.ledger.statement(LANDLORD, "flat-1", begin=begin, end=end, detail=Detail.DAY)


async def test_each_tax_has_its_rate_and_what_it_is_raised_on(tmp_path: Path) -> None:
    async with house(tmp_path, TAXED) as flat:
        await flat.read(10_000)
        await flat.read(15_000, after=12 * HOUR)
        await flat.tick(30 * DAY)
        found = await statement(flat)
    fund, vat = found.taxes
    energy = sum(line.amount for line in found.lines if line.kind == "consumption")
    rent = sum(line.amount for line in found.lines if line.kind == "standing")
    assert (fund.name, fund.rate_ppm, fund.base, fund.included) == ("Fund", 25_000, energy, False)
    assert (vat.rate_ppm, vat.base) == (150_000, energy + rent + fund.amount)
    assert energy
    assert rent
    for tax in (fund, vat):
        assert abs(tax.amount - tax.base * tax.rate_ppm // 10**6) <= 2
    rows = {part.name: part for part in printed_statement(found).parts}["Taxes"].rows
    assert [row.cells[:2] for row in rows] == [
        ("Fund", "2.5\N{NO-BREAK SPACE}%"),
        ("VAT", "15\N{NO-BREAK SPACE}%"),
    ]
    assert "ON CHARGES OF" in as_text(found)


async def test_it_shows_what_the_meters_showed_before_and_after(tmp_path: Path) -> None:
    async with house(tmp_path, TAXED) as flat:
        await flat.read(10_000)
        await flat.read(11_000, after=HOUR)
        await flat.tick(30 * DAY)
        await flat.read(15_000, after=HOUR)
        await flat.tick(HOUR)
        november, december = await statement(flat, end="2026-11"), await statement(flat, begin="2026-12")
    (reading,) = november.readings
    assert (reading.meter_id, reading.before, reading.after.wh) == ("flat-1/main", None, 11_000)
    (reading,) = december.readings
    assert reading.before == november.readings[0].after
    assert reading.after.wh == 15_000
    rows = {part.name: part for part in printed_statement(december).parts}["Meter readings"].rows
    assert rows[0].cells[2::2] == ("11.000 kWh", "15.000 kWh")
    assert "UNTIL" in as_text(december)


async def test_a_charge_for_a_part_of_its_month_says_so(tmp_path: Path) -> None:
    async with house(tmp_path, TAXED) as flat:
        await flat.read(10_000)
        await flat.tick(35 * DAY)
        whole = as_text(await statement(flat))
        assert "in proportion" not in whole
        await flat.read(10_000, after=HOUR)
        await operate(flat, MoveOut(reason="end of lease", remainder="keep"))
        found = await statement(flat)
        november, december = [line for line in found.lines if line.kind == "standing"]
    assert (november.amount, december.amount) == (zar("31.00"), zar("6.00"))
    assert "Standing charge, in proportion to the days" in as_text(found)
