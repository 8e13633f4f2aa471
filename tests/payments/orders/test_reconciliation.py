"""A provider's statement against the journal: what either lacks is told, and no line is passed over."""

from collections.abc import AsyncIterator
from pathlib import Path

from hypothesis import given, strategies as st
import pytest
import pytest_asyncio

from meter_bridge.errors import RequestRefused
from meter_bridge.payments.orders.statement_file import plain_number, read_statement
from meter_bridge.protocol.payments import Reconciliation
from meter_bridge.protocol.requests import PaymentDecision, ReconcileQuery
from tests.engine.harness import LANDLORD, zar
from tests.payments.till import Till, till

pytestmark = pytest.mark.both_databases

HEAD = "Receipt No.,Completion Time,Details,Paid In,Currency\n"


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Till]:
    async with till(tmp_path) as opened:
        for number in range(1, 4):
            await opened.pay(await opened.order(key=f"o{number}"), f"QK{number}")
        yield opened


async def held(shop: Till, text: str, **query: str) -> Reconciliation:
    wanted = ReconcileQuery(**query)
    return await shop.house.app.payments.reconcile("till", text.encode(), wanted)


def said(found: Reconciliation) -> list[tuple[str, str, str]]:
    return sorted((each.payment, each.kind, each.reason) for each in found.differences)


def line(payment: str, amount: str = "50.00", day: str = "2026-11-01") -> str:
    return f'{payment},{day} 12:00:00,room 1,"{amount}",ZAR\n'


async def test_what_agrees_is_counted(shop: Till) -> None:
    found = await held(shop, HEAD + line("QK1") + line("QK2") + line("QK3"))
    assert (found.matched, found.matched_amount, found.differences) == (3, zar("150.00"), ())
    assert found.columns == {
        "payment": "Receipt No.",
        "amount": "Paid In",
        "currency": "Currency",
        "date": "Completion Time",
    }
    assert (found.first_day, found.last_day) == ("2026-11-01", "2026-11-01")


async def test_what_either_side_lacks_is_told(shop: Till) -> None:
    found = await held(shop, HEAD + line("QK1") + line("QK9") + line("QK2", "49.00"))
    assert said(found) == [
        ("QK2", "different", "amount"),
        ("QK3", "not_stated", "missing"),
        ("QK9", "not_booked", "never_told"),
    ]
    three = next(each for each in found.differences if each.payment == "QK3")
    assert (three.booked, three.account_id, three.day) == (zar("50.00"), "flat-1", "2026-11-01")


async def test_what_waits_and_what_was_dismissed_is_told_apart(shop: Till) -> None:
    order = await shop.order(key="o4")
    await shop.pay(order, "QK4", amount="40.00")
    await shop.pay(order, "QK5", amount="41.00")
    asked = PaymentDecision("till", "QK5", "dismiss", "returned")
    await shop.house.app.payments.review.decide(LANDLORD, asked)
    text = HEAD + "".join(line(f"QK{n}") for n in (1, 2, 3)) + line("QK4", "40.00") + line("QK5", "41.00")
    assert said(await held(shop, text)) == [
        ("QK4", "not_booked", "waiting"),
        ("QK5", "not_booked", "dismissed"),
    ]


async def test_refunds_agree_under_their_own_id_or_added_to_their_payment(shop: Till) -> None:
    await shop.tell("refunded", payment="QK1", reversal="R1", amount="20.00", currency="ZAR")
    others = line("QK2") + line("QK3")
    for text in (
        line("QK1") + line("R1", "-20.00"),
        line("QK1", "30.00"),
        line("QK1") + line("QK1", "(20.00)"),
    ):
        assert said(await held(shop, HEAD + text + others)) == []


async def test_a_period_leaves_out_what_was_booked_at_other_times(shop: Till) -> None:
    text = HEAD + line("QK1", day="2026-10-01")
    assert said(await held(shop, text)) == []
    wanted = {"first": "2026-11-01", "last": "2026-11-30"}
    assert [each[0] for each in said(await held(shop, text, **wanted))] == ["QK2", "QK3"]


async def test_a_line_that_cannot_be_read_is_named(shop: Till) -> None:
    found = await held(shop, HEAD + line("QK1") + line("QK2", "many") + line("", "50.00") + ",,,,\n")
    assert [each.line for each in found.unreadable] == [3, 4]


@pytest.mark.parametrize("text", ["", "a\n1\n", "name,sum\nx,1\n", "\x00\x01,\n"])
def test_a_file_without_payments_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_statement(text.encode(), {}, "ZAR")
    assert refused.value.remedy


def test_columns_can_be_named_and_a_wrong_name_is_refused() -> None:
    text = "Nr;Betrag;Beleg\n1;50,00;QK1\n"
    found = read_statement(text.encode("cp1252"), {"payment": "Beleg", "amount": "Betrag"}, "EUR")
    assert [(each.payment, each.amount) for each in found.lines] == [("QK1", 50_000_000)]
    with pytest.raises(RequestRefused, match="no column 'Belegnr'"):
        read_statement(text.encode(), {"payment": "Belegnr"}, "EUR")


@pytest.mark.parametrize(
    "text,places,plain",
    [
        ("50.00", 2, "50.00"),
        ("1,234.56", 2, "1234.56"),
        ("1.234,56", 2, "1234.56"),
        ("1,234", 2, "1234"),
        ("1,234", 3, "1.234"),
        ("1.234.567", 2, "1234567"),
        ("KSh 1 500", 2, "1500"),
        ("(20.00)", 2, "-20.00"),
        ("20,5-", 2, "-20.5"),
        ("−7", 0, "-7"),
        ("5.", 2, "5"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, places: int, plain: str) -> None:
    assert plain_number(text, places) == plain


@given(st.integers(0, 10**9), st.sampled_from(["{:,.2f}", "{:.2f}"]))
def test_what_is_written_with_two_places_is_read_back(cents: int, form: str) -> None:
    text = form.format(cents / 100)
    assert plain_number(text, 2) == f"{cents // 100}.{cents % 100:02d}"
    assert plain_number(text.replace(",", " ").replace(".", ","), 2) == f"{cents // 100}.{cents % 100:02d}"
