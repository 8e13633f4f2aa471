"""What is printed adds up: what rounding adds or takes away stands there as such."""

from collections.abc import Iterable
from decimal import Decimal
import re

from hypothesis import given, strategies as st

from meter_bridge.commands.statement import as_text
from meter_bridge.core.money import rounding_difference
from meter_bridge.engine.statement.document import printed_statement
from meter_bridge.printing.document import Table
from meter_bridge.protocol.statements import Statement
from tests.engine.statement.invented import day, entry, line, statement

AMOUNTS = st.integers(-(10**9), 10**9)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    """Return a statement of any lines and days, which agree."""
    days = [
        day(*draw(st.tuples(AMOUNTS, AMOUNTS)), on=f"2026-10-{n:02}")
        for n in range(1, draw(st.integers(2, 8)))
    ]
    lines = [
        line(sum(each.amount for each in days)),
        line(sum(each.tax for each in days), kind="tax", band="VAT"),
    ]
    lines[:1] = [line(lines[0].amount - 3_333_333), line(3_333_333)]
    payments = [entry(draw(AMOUNTS), seq=n) for n in range(1, draw(st.integers(1, 4)))]
    return statement(*payments, lines=tuple(lines), days=tuple(days))


def figures(texts: Iterable[str]) -> list[Decimal]:
    """Return printed amounts as numbers."""
    return [Decimal(re.sub(r"[^0-9.-]", "", text.replace("\N{MINUS SIGN}", "-")) or "0") for text in texts]


def column(part: Table, index: int) -> list[Decimal]:
    """Return a column's figures."""
    return figures(row.cells[index] for row in part.rows)


@given(found=statements())
def test_printed_lines_add_up_to_the_printed_total(found: Statement) -> None:
    paper = printed_statement(found)
    *parts, closing = figures(each.text for each in paper.summary)
    assert sum(parts) == closing
    by_name = {part.name: part for part in paper.parts}
    *lines, charges = column(by_name["Charges"], -1)
    assert sum(lines) == charges
    for index in (-2, -1):
        *days, total = column(by_name["Charges by day"], index)
        assert sum(days) == total
    text = as_text(found)
    *told, last = figures(part.split("  ")[-1] for part in text.split("\n\n")[1].splitlines())
    assert sum(told) == last


@given(parts=st.lists(AMOUNTS, max_size=9))
def test_a_rounding_difference_is_less_than_half_a_minor_unit_for_each_part(parts: list[int]) -> None:
    difference = rounding_difference(parts, sum(parts))
    assert difference % 10_000 == 0
    assert abs(difference) <= 5_000 * (len(parts) + 1)
