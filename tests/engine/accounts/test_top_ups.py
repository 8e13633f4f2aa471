"""A top-up counts once, is acknowledged only from disk, and never promises what was not stored."""

import asyncio
from pathlib import Path

from msgspec.structs import replace
import pytest

from meter_bridge.core.money import MAX_AMOUNT, parse_amount
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, TopUpResult
from meter_bridge.protocol.requests import Correction, OpenDebt, Refund
from meter_bridge.protocol.statements import Detail
from meter_bridge.protocol.vocabulary import SupplyState
from tests.engine.harness import (
    BLOCKS,
    HOUR,
    LANDLORD,
    SITE,
    House,
    apply,
    house,
    operate,
    read_only,
    refusing,
    zar,
)

pytestmark = pytest.mark.both_databases


async def book(
    flat: House, amount: str = "10.00", key: str = "one", method: str = "cash", reference: str | None = None
) -> tuple[TopUpResult, bool]:
    """Book a top-up for the first account as an API client does."""
    return await flat.app.accounts.top_up(
        LANDLORD, "flat-1", amount=amount, method=method, reference=reference, key=key
    )


async def refused(flat: House, amount: str = "10.00", **given: str) -> RequestRefused:
    """Return why a top-up is refused."""
    with pytest.raises(RequestRefused) as refusal:
        await book(flat, amount, **given)
    return refusal.value


def booked(flat: House) -> int:
    """Return how many top-ups the journal holds, the first one of the house left out."""
    ((count,),) = flat.rows("SELECT count(*) FROM journal_entry WHERE kind = 'top_up'")
    assert isinstance(count, int)
    return count - 1


async def test_a_top_up_adds_to_the_balance_and_shows_where_it_went(flat: House) -> None:
    result, replayed = await book(flat, "12.34", reference="receipt 7")
    assert not replayed
    assert result.balance == result.available == zar("112.34")
    assert result.top_up.split == {"balance": zar("12.34")}
    assert flat.app.accounts.view(LANDLORD, "flat-1").last_top_up == result.top_up
    assert flat.problems() == []


async def test_what_was_used_is_posted_before_a_top_up(flat: House) -> None:
    await flat.read(10_000)
    await flat.read(10_100, after=60_000)
    result, _ = await book(flat)
    assert result.balance == result.available == zar("109.80")


@pytest.mark.invariant(4)
async def test_the_same_key_and_content_again_give_the_first_answer(flat: House) -> None:
    first, _ = await book(flat)
    await flat.read(10_000)
    await flat.read(11_000, after=HOUR)
    again, replayed = await book(flat)
    assert replayed
    assert again == first
    assert booked(flat) == 1


@pytest.mark.invariant(4)
@pytest.mark.parametrize(
    "other",
    [{"amount": "10.01"}, {"method": "card"}, {"reference": "receipt 8"}],
    ids=["amount", "method", "reference"],
)
async def test_the_same_key_with_other_content_is_refused(flat: House, other: dict[str, str]) -> None:
    await book(flat)
    assert (await refused(flat, **other)).code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert booked(flat) == 1
    assert flat.available == zar("110")


@pytest.mark.invariant(4)
async def test_a_key_keeps_its_answer_whatever_limit_was_set_since(flat: House) -> None:
    first, _ = await book(flat, "50.00")
    await apply(flat, SITE.replace("low credit: [5.00]", "maximum top-up: 20.00"))
    again, replayed = await book(flat, "50.00")
    assert (again, replayed) == (first, True)
    assert (await refused(flat, "50.00", key="two")).code is ErrorCode.AMOUNT_OUT_OF_RANGE


@pytest.mark.invariant(4)
async def test_the_same_key_ten_times_at_once_books_once(flat: House) -> None:
    answers = await asyncio.gather(*(book(flat) for _ in range(10)))
    assert len({answer.top_up.id for answer, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1
    assert booked(flat) == 1
    assert flat.available == zar("110")


@pytest.mark.invariant(4)
async def test_the_same_key_with_other_content_at_once_is_refused(flat: House) -> None:
    one, other = await asyncio.gather(book(flat), book(flat, "99.00"), return_exceptions=True)
    assert not isinstance(one, BaseException)
    assert isinstance(other, RequestRefused)
    assert other.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert flat.available == zar("110")


async def test_different_keys_at_once_book_each(flat: House) -> None:
    await asyncio.gather(*(book(flat, key=f"key {n}") for n in range(10)))
    assert booked(flat) == 10
    assert flat.available == zar("200")
    assert flat.problems() == []


async def test_a_client_that_goes_away_does_not_undo_its_top_up(flat: House) -> None:
    asking = asyncio.create_task(book(flat))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    result, replayed = await book(flat)
    assert replayed
    assert result.balance == zar("110")
    assert booked(flat) == 1


@pytest.mark.parametrize("amount", ["0", "0.00", "-5.00", "999999999999.00"])
async def test_an_amount_must_be_positive_and_bounded(flat: House, amount: str) -> None:
    assert (await refused(flat, amount)).code is ErrorCode.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize("amount", ["", "ten", "1e3", "1,000.00", " 1", "0.001", "NaN", "1" * 30])
async def test_an_amount_must_be_a_plain_decimal_of_the_currency(flat: House, amount: str) -> None:
    assert (await refused(flat, amount)).code is ErrorCode.BAD_REQUEST
    assert booked(flat) == 0


@pytest.mark.parametrize("amount,fits", [("9.99", False), ("10.00", True), ("50.00", True), ("50.01", False)])
async def test_the_limits_of_the_unit_hold(flat: House, amount: str, *, fits: bool) -> None:
    await apply(
        flat, SITE.replace("low credit: [5.00]", "minimum top-up: 10.00\n        maximum top-up: 50.00")
    )
    if fits:
        await book(flat, amount)
    else:
        assert (await refused(flat, amount)).code is ErrorCode.AMOUNT_OUT_OF_RANGE


RUPIAH = SITE.replace("currency: ZAR", "currency: IDR")
TRILLION = "1000000000000.00"


async def test_a_trillion_rupiah_are_booked_and_no_balance_grows_beyond(tmp_path: Path) -> None:
    async with house(tmp_path, RUPIAH, credit=None) as flat:
        result, _ = await book(flat, TRILLION)
        assert result.balance == MAX_AMOUNT == parse_amount(TRILLION, "IDR")
        for amount in ("0.01", TRILLION):
            assert (await refused(flat, amount, key="more")).code is ErrorCode.AMOUNT_OUT_OF_RANGE
        assert (await refused(flat, "1000000000000.01", key="more")).code is ErrorCode.BAD_REQUEST
        assert flat.problems() == []


async def test_sums_of_many_large_amounts_are_exact(tmp_path: Path) -> None:
    """Twenty of the largest amounts and a cent do not fit into 64 bits."""
    async with house(tmp_path, RUPIAH, credit=None) as flat:
        await flat.read(0)
        for number in range(20):
            await book(flat, "999999999999.00", key=f"top-up {number}")
            await operate(flat, Refund(amount="999999999998.99", reason="too much"))
        statement = await flat.app.ledger.statement(
            LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY
        )
        moved = {each.kind: each.amount for each in statement.sums}
        assert moved["top_up"] == 20 * parse_amount("999999999999.00", "IDR") > 2**63
        assert moved["refund"] == -20 * parse_amount("999999999998.99", "IDR")
        assert [each.closing for each in statement.holdings] == [parse_amount("0.20", "IDR")]
        page = await flat.app.ledger.history(LANDLORD, after=0, upto=None, account_id=None, from_account=None)
        assert page.seq == 40
        assert flat.problems() == []


async def test_debts_together_are_bounded_as_one_is(tmp_path: Path) -> None:
    async with house(tmp_path, RUPIAH, credit=None) as flat:
        debt = OpenDebt(debt="one", description="A house", amount=TRILLION, percent="10", reason="agreed")
        await operate(flat, debt)
        with pytest.raises(RequestRefused) as refusal:
            await operate(flat, replace(debt, debt="two", amount="0.01"))
        assert refusal.value.code is ErrorCode.AMOUNT_OUT_OF_RANGE


async def test_who_owes_much_may_pay_all_of_it(tmp_path: Path) -> None:
    async with house(tmp_path, RUPIAH, credit=None) as flat:
        await operate(flat, Correction(amount=f"-{TRILLION}", reason="a broken transformer"))
        result, _ = await book(flat, TRILLION)
        assert result.balance == 0


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 201])
async def test_a_reference_that_cannot_be_kept_is_refused(flat: House, text: str) -> None:
    assert (await refused(flat, reference=text)).code is ErrorCode.BAD_REQUEST
    assert flat.engine.session.storage_error is None


@pytest.mark.invariant(8)
async def test_a_top_up_that_is_not_stored_is_not_acknowledged_and_leaves_nothing_behind(flat: House) -> None:
    with refusing(flat, "INSERT", "operation"):
        assert (await refused(flat)).code is ErrorCode.STORAGE_UNAVAILABLE
        assert (await refused(flat, key="two")).code is ErrorCode.STORAGE_UNAVAILABLE
    assert flat.app.status.health().status == "down"
    assert await flat.engine.try_recover()
    assert flat.available == zar("100")
    assert booked(flat) == 0
    result, replayed = await book(flat)
    assert not replayed
    assert result.balance == zar("110")
    assert flat.problems() == []


@pytest.mark.invariant(13)
async def test_an_account_that_cannot_be_written_still_answers_what_was_booked_before(flat: House) -> None:
    first, _ = await book(flat)
    with read_only(flat):
        await refused(flat, key="two")
        assert await book(flat) == (first, True)


async def test_a_payment_restores_supply_and_says_so(flat: House) -> None:
    await flat.read(0, power_w=2_000)
    await flat.read(60_000, after=8 * HOUR)
    assert flat.state() is SupplyState.DISCONNECTED
    result, _ = await book(flat, "50.00")
    assert result.supply.state.value == "connected"
    assert flat.state() is SupplyState.CONNECTED


async def test_a_top_up_during_an_apply_waits_for_it(flat: House) -> None:
    renamed = SITE.replace("Flat 1", "First flat")
    applying = asyncio.create_task(apply(flat, renamed))
    await flat.apply_begun()
    result, _ = await book(flat)
    await applying
    assert result.balance == flat.available == zar("110")
    assert flat.account.name == "First flat"
    assert flat.problems() == []


async def test_a_top_up_for_a_unit_that_an_apply_removes_is_refused_not_lost(flat: House) -> None:
    applying = asyncio.create_task(apply(flat, SITE.replace("flat-1", "flat-2")))
    await flat.apply_begun()
    await refused(flat)
    await applying
    assert booked(flat) == 0
    assert flat.problems() == []


@pytest.mark.invariant(4)
async def test_a_key_names_its_top_up_also_where_a_standing_charge_was_due(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as made:
        made.time.forward(13 * HOUR)  # past midnight, and the clock's work not yet done
        result, _ = await book(made)
        page = await made.app.ledger.page(LANDLORD, "flat-1", before=None, limit=10)
        assert [entry.kind for entry in page.entries] == ["charge", "top_up", "top_up"]
        assert [entry.key for entry in page.entries] == [None, "one", "first"]
        assert page.entries[1].id == result.top_up.id
        assert made.problems() == []
