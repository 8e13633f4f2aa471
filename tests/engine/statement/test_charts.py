"""What a statement draws: heights that add up, days without gaps, and nothing where there is nothing."""

from dataclasses import replace

import msgspec
import pytest

from meter_bridge.engine.statement.charts import FIXED_COLOUR, MAX_DAYS, TAX_COLOUR, bar_charts
from meter_bridge.engine.statement.document import LAYOUT, printed_statement
from meter_bridge.printing.document import FULL_HEIGHT
from meter_bridge.printing.typesetter_child import typeset
from tests.engine.statement.invented import day, statement


def test_a_day_is_drawn_by_block_charge_and_tax() -> None:
    standing = replace(day(250_000, 0, "2026-10-02"), kind="standing", block=None, quantity=1)
    second = replace(day(600_000, 150_000, "2026-10-02"), block=2, quantity=3_000)
    cost, energy = bar_charts(
        replace(statement(), days=(day(800_000, 200_000, "2026-10-02"), second, standing))
    )
    bar = cost.bars[1]
    assert [(piece.colour, piece.height) for piece in bar.pieces] == [
        (0, 400),
        (1, 300),
        (FIXED_COLOUR, 125),
        (TAX_COLOUR, 175),
    ]
    assert cost.tallest == "2.00"
    assert [(piece.colour, piece.height) for piece in energy.bars[1].pieces] == [(0, 625), (1, 375)]
    assert energy.tallest == "8.000 kWh"
    assert [each.name for each in cost.colours] == ["Block 1", "Block 2", "Fixed charges", "Taxes"]


def test_every_day_of_the_period_has_a_bar() -> None:
    cost, _ = bar_charts(replace(statement(), days=(day(1, 0, "2026-10-05"), day(1, 0, "2026-10-20"))))
    assert [bar.label for bar in cost.bars] == [str(number) for number in range(1, 32)]
    assert sum(bool(bar.pieces) for bar in cost.bars) == 2


def test_no_bar_is_higher_than_the_picture() -> None:
    days = tuple(day(amount, 3, f"2026-10-{1 + amount % 31:02}") for amount in range(1, 90))
    for picture in bar_charts(replace(statement(), days=days)):
        assert max(sum(piece.height for piece in bar.pieces) for bar in picture.bars) <= FULL_HEIGHT


@pytest.mark.parametrize("amounts", [(), (0,), (-5, -7)])
def test_nothing_is_drawn_of_nothing(amounts: tuple[int, ...]) -> None:
    days = tuple(replace(day(amount, 0, f"2026-10-0{n}"), quantity=0) for n, amount in enumerate(amounts, 1))
    assert bar_charts(replace(statement(), days=days)) == ()


def test_a_longer_time_is_told_in_tables_alone() -> None:
    days = (day(1, 0, "2026-01-01"), day(1, 0, "2026-10-05"))
    assert bar_charts(replace(statement(), days=days)) == ()
    assert MAX_DAYS > 31


def test_sums_alone_stand_out_in_the_tables() -> None:
    paper = printed_statement(replace(statement(), days=(day(5, 1, "2026-10-05"), day(5, 1, "2026-10-06"))))
    tables = {part.name: [row.strong for row in part.rows] for part in paper.parts}
    assert tables["Charges by day"] == [False, False, True]
    *lines, total = tables["Charges"]
    assert (any(lines), total) == (False, True)


def test_it_becomes_a_pdf() -> None:
    paper = printed_statement(replace(statement(), days=(day(5, 1, "2026-10-05"),)), each_day=False)
    assert "Charges by day" not in {part.name for part in paper.parts}
    assert typeset(msgspec.json.encode(paper).decode(), LAYOUT).startswith(b"%PDF-")
