"""The statement on paper: what stands on it, and that no name stops it from being made."""

import asyncio
import re

from hypothesis import given, settings, strategies as st
import msgspec
import pytest

from meter_bridge.engine.statement.document import LAYOUT, as_pdf, printed_statement
from meter_bridge.engine.statement.period import parse_period
from meter_bridge.printing import typesetter
from meter_bridge.printing.typesetter import Typesetter, TypesettingError
from meter_bridge.printing.typesetter_child import typeset
from tests.engine.statement.invented import NOW, ZONE, entry, statement

OPEN = parse_period(None, None, now=NOW, zone=ZONE)


def told(*, name: str = "Flat 1", entries: int = 1) -> str:
    """Return what stands on a statement, as the child is told it."""
    found = statement(*(entry(1_000_000, seq=n) for n in range(1, entries + 1)), name=name)
    return msgspec.json.encode(printed_statement(found)).decode()


def pages(document: bytes) -> int:
    """Return how many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", document))


def test_everything_that_a_reader_looks_for_stands_on_it() -> None:
    paper = printed_statement(
        statement(entry(50_000_000), entry(-1_000_000, kind="refund", description="Refund"))
    )
    assert paper.title == "Statement of Flat 1, 1 October 2026 – 31 October 2026"
    assert paper.account == ("Flat 1", "Thandi", "Account flat-1")
    assert [(each.name, each.text) for each in paper.summary] == [
        ("Opening balance", "0.00"),
        ("Credits", "49.00"),
        ("Charges", "−14.38"),
        ("Rounding", "0.01"),
        ("Closing balance, ZAR", "34.63"),
    ]
    assert [part.name for part in paper.parts] == ["Summary", "Charges", "Payments and other entries"]
    assert paper.parts[1].rows[0].cells == ("Energy, block 1, peak", "5.000 kWh", "2.50", "12.50")
    assert paper.parts[1].rows[-1].cells == ("Charges", "", "", "14.38")
    assert paper.parts[2].rows[1].cells[1:3] == ("Refund · entry-1", "−1.00")
    assert paper.notes == ()


def test_a_period_that_lasts_says_so() -> None:
    paper = printed_statement(statement(period=OPEN))
    assert paper.notes[0].startswith("The period has not ended")


@pytest.mark.parametrize("entries", [0, 1, 200])
def test_every_row_has_as_many_cells_as_there_are_columns(entries: int) -> None:
    paper = printed_statement(statement(*(entry(n, seq=n) for n in range(1, entries + 1))))
    for part in paper.parts:
        assert {len(row.cells) for row in part.rows} == {len(part.columns)}


def test_what_does_not_fit_on_a_page_goes_on_on_the_next() -> None:
    assert pages(typeset(told(), LAYOUT)) == 1
    assert pages(typeset(told(entries=100), LAYOUT)) == 3


@pytest.mark.parametrize(
    "name",
    [
        "Łódź, Çeşme, Ōtsu",
        "Αθήνα, Київ, ירושלים",
        "فاطمة الزهراء",
        "王小明 房间 三",
        "สมชาย ใจดี",
        "प्रिया शर्मा",
        "\N{HOUSE BUILDING}\N{VARIATION SELECTOR-16} flat \U000e0041",
        "#panic() $x$ [*a*] `b` \\ <c> @d // e /* f",
        "\x00\x01\u200b\u202e\ufeff\ufffe",
        "a" * 2000,
        "",
    ],
)
def test_a_name_is_a_name_and_never_markup(name: str) -> None:
    assert typeset(told(name=name), LAYOUT).startswith(b"%PDF-")


@settings(max_examples=30, deadline=None)
@given(name=st.text(max_size=60))
def test_no_name_stops_a_statement_from_being_made(name: str) -> None:
    assert typeset(told(name=name), LAYOUT).startswith(b"%PDF-")


def test_the_same_statement_makes_the_same_document() -> None:
    assert typeset(told(), LAYOUT) == typeset(told(), LAYOUT)


async def test_the_child_makes_what_is_made_here() -> None:
    found = statement(entry(1_000_000))
    assert pages(await as_pdf(found, Typesetter())) == 1


async def test_a_child_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetter, "CHILD", "meter_bridge.engine.statement.no_such_child")
    with pytest.raises(TypesettingError, match="no_such_child"):
        await as_pdf(statement(), Typesetter())


async def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetter, "TIMEOUT_S", 0)
    with pytest.raises(TypesettingError, match="longer than"):
        await as_pdf(statement(), Typesetter())


async def test_nobody_who_stops_waiting_leaves_a_child_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def note(*arguments: str, **options: object) -> asyncio.subprocess.Process:
        children.append(await start(*arguments, **options))  # type: ignore[arg-type]
        return children[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    making = asyncio.create_task(as_pdf(statement(), Typesetter()))
    while not children:  # noqa: ASYNC110 - the child is started by another task of this loop
        await asyncio.sleep(0)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert children[0].returncode is not None
