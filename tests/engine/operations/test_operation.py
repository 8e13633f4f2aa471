"""Operations on the books: each once per key, with its reason, and the books right after it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, LedgerEntry
from meter_bridge.protocol.requests import (
    ChangeDebt,
    CloseDebt,
    Correction,
    OpenDebt,
    OperationRequest,
    Refund,
    Reversal,
    SelectEmergencyCredit,
    Transfer,
    WriteOff,
)
from meter_bridge.protocol.statements import Detail
from meter_bridge.protocol.vocabulary import AlertKind, EmergencyCreditState, SupplyState
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, SITE, House, house, opened, operate, refusing, zar

DAY = 24 * HOUR
LENDS = """low credit: [5.00]
        emergency credit: {limit: 20.00, threshold: 3.00}
"""
TWO = """      flat-2:
        name: Flat 2
        tariff: flat
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
"""


@pytest.fixture
async def lending(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with emergency credit, two flats and 100 rand in the first."""
    async with house(tmp_path, SITE.replace("low credit: [5.00]\n", LENDS) + TWO) as made:
        await made.read(0, power_w=2_000)
        yield made


async def use(flat: House, amount: str, after: int = 12 * HOUR) -> None:
    """Use energy worth an amount at 2.00 per kWh, as one reading."""
    register = flat.meter.register
    assert register is not None
    await flat.read(register.watermark_wh + zar(amount) * 1000 // zar("2"), after=after)


async def refused(flat: House, asked: OperationRequest, key: str = "refused") -> RequestRefused:
    """Return why an operation is refused; nothing was booked then."""
    before = flat.rows("SELECT count(*) FROM journal_entry WHERE kind <> 'charge'")
    with pytest.raises(RequestRefused) as refusal:
        await operate(flat, asked, key=key)
    assert flat.rows("SELECT count(*) FROM journal_entry WHERE kind <> 'charge'") == before
    assert flat.engine.session.storage_error is None
    return refusal.value


async def newest(flat: House, account_id: str = "flat-1") -> LedgerEntry:
    """Return the newest entry of a ledger."""
    page = await flat.app.ledger.page(LANDLORD, account_id, before=None, limit=1)
    return page.entries[0]


async def borrow(flat: House) -> None:
    """Use up the balance, choose emergency credit and use some of it."""
    await use(flat, "98.00")
    await operate(flat, SelectEmergencyCredit())
    await use(flat, "7.00", after=HOUR)
    await flat.tick(15 * 60_000)


async def test_emergency_credit_bears_what_the_balance_cannot_and_is_repaid_first(lending: House) -> None:
    await borrow(lending)
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert view.emergency_credit is not None
    assert view.emergency_credit.state is EmergencyCreditState.IN_USE
    assert (view.available, view.emergency_credit.left, view.headroom) == (0, zar("15"), zar("15"))
    assert AlertKind.EMERGENCY_CREDIT_IN_USE in lending.alert_kinds()
    assert lending.state() is SupplyState.CONNECTED
    result = await lending.top_up("12.00")
    assert result.top_up.split == {"emergency_credit": zar("5"), "balance": zar("7")}
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert view.emergency_credit is not None
    assert view.emergency_credit.state is EmergencyCreditState.UNAVAILABLE
    assert lending.problems() == []


async def test_emergency_credit_that_is_used_up_cuts_and_a_top_up_restores(lending: House) -> None:
    await borrow(lending)
    await use(lending, "15.00")
    assert lending.state() is SupplyState.DISCONNECTED
    assert AlertKind.EMERGENCY_CREDIT_EXHAUSTED in lending.alert_kinds()
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert view.amount_to_restore == zar("0.01")
    await lending.top_up("0.01")
    assert lending.state() is SupplyState.CONNECTED
    assert lending.problems() == []


async def test_choosing_emergency_credit_restores_a_supply_that_was_cut(lending: House) -> None:
    await use(lending, "100.00")
    assert lending.state() is SupplyState.DISCONNECTED
    result = await operate(lending, SelectEmergencyCredit())
    assert lending.state() is SupplyState.CONNECTED
    assert result.supply.state.value == "connected"


async def test_emergency_credit_is_chosen_only_while_it_may_be(lending: House) -> None:
    refusal = await refused(lending, SelectEmergencyCredit())
    assert refusal.code is ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE
    assert refusal.value == "unavailable"
    await use(lending, "99.00")
    await operate(lending, SelectEmergencyCredit(), key="chosen")
    again, replayed = await lending.app.accounts.operate(
        LANDLORD, "flat-1", SelectEmergencyCredit(), key="chosen"
    )
    assert replayed
    assert again.operation == "emergency_credit"
    assert (await refused(lending, SelectEmergencyCredit())).value == "selected"


async def test_what_was_used_before_the_choice_is_never_lent(tmp_path: Path) -> None:
    rules = SITE.replace("low credit: [5.00]\n", LENDS + "        never cut: yes\n")
    async with house(tmp_path, rules) as made:
        await made.read(0, power_w=2_000)
        await use(made, "99.00")
        await use(made, "2.00", after=HOUR // 6)
        await operate(made, SelectEmergencyCredit())
        assert (made.account.balance, made.account.emergency_used) == (-zar("1"), 0)
        await use(made, "3.00", after=HOUR)
        await made.top_up("0.50")
        assert made.account.emergency_used == zar("3")
        assert made.account.balance == -zar("0.50")
        assert made.problems() == []


async def test_what_is_borrowed_survives_a_restart(lending: House) -> None:
    await borrow(lending)
    await operate(lending, OpenDebt(debt="old", description="Old", amount="9", reason="r", rate="1"))
    before = lending.app.accounts.view(LANDLORD, "flat-1")
    lending.engine.session.flush(everything=True)
    await lending.settle()
    async with opened(lending.data, lending.time) as again:
        after = again.app.accounts.view(LANDLORD, "flat-1")
        assert after.emergency_credit == before.emergency_credit
        assert (after.available, after.debts) == (before.available, before.debts)
        assert again.problems() == []


async def test_a_run_of_small_readings_meets_the_end_of_emergency_credit_exactly(lending: House) -> None:
    await use(lending, "98.00")
    await operate(lending, SelectEmergencyCredit())
    while lending.state() is SupplyState.CONNECTED:
        headroom = lending.app.accounts.view(LANDLORD, "flat-1").headroom
        assert headroom is not None
        assert headroom > 0
        await use(lending, "0.02", after=10_000)
    assert lending.app.accounts.view(LANDLORD, "flat-1").headroom == 0
    assert lending.problems() == []


async def test_a_refund_gives_back_at_most_the_balance(flat: House) -> None:
    await flat.read(0)
    await flat.read(5_000, after=HOUR)
    refusal = await refused(flat, Refund(amount="90.01", reason="moves"))
    assert refusal.code is ErrorCode.AMOUNT_OUT_OF_RANGE
    assert "from ZAR 0.01 to ZAR 90.00" in refusal.message
    result = await operate(flat, Refund(amount="90.00", reason="moves", reference="eft 7"))
    assert (result.balance, flat.available) == (0, 0)
    entry = await newest(flat)
    assert (entry.kind, entry.amount, entry.description) == ("refund", -zar("90"), "Refund")
    assert flat.rows("SELECT actor, detail FROM journal_entry WHERE kind = 'refund'") == [
        ("landlord", f'{{"amount":{zar("90")},"reason":"moves","reference":"eft 7"}}')
    ]
    assert flat.state() is SupplyState.DISCONNECTED
    assert flat.problems() == []


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "1e3"])
async def test_a_refund_is_positive_money(flat: House, amount: str) -> None:
    assert (await refused(flat, Refund(amount=amount, reason="x"))).field == "amount"


@pytest.mark.parametrize("amount", ["7.50", "-7.50"])
async def test_a_correction_goes_either_way_and_shows_its_reason(flat: House, amount: str) -> None:
    result = await operate(flat, Correction(amount=amount, reason="meter was read wrong"))
    assert result.balance == zar("100") + zar(amount)
    assert (await newest(flat)).description == "Correction: meter was read wrong"
    assert flat.problems() == []


async def test_a_correction_of_nothing_is_refused(flat: House) -> None:
    assert (await refused(flat, Correction(amount="0.00", reason="x"))).field == "amount"


async def test_a_correction_repays_emergency_credit_before_the_balance_grows(lending: House) -> None:
    await borrow(lending)
    await operate(lending, Correction(amount="6.00", reason="goodwill"))
    assert lending.account.emergency_used == 0
    assert lending.account.balance == zar("1")


@pytest.mark.invariant(1)
async def test_a_transfer_moves_credit_in_one_transaction(lending: House) -> None:
    result = await operate(lending, Transfer(to="flat-2", amount="30.00", reason="moved rooms"))
    assert result.balance == zar("70")
    other = lending.app.accounts.view(LANDLORD, "flat-2")
    assert other.balance == zar("30")
    assert other.supply.state.value == "connected"
    entry = await newest(lending, "flat-2")
    assert (entry.kind, entry.amount, entry.refers_to) == ("transfer", zar("30"), result.id)
    assert "flat-1" not in str(entry)
    assert lending.problems() == []


async def test_a_transfer_that_is_not_stored_moves_nothing(lending: House) -> None:
    with refusing(lending, "INSERT", "operation"), pytest.raises(RequestRefused) as refusal:
        await operate(lending, Transfer(to="flat-2", amount="30.00", reason="x"))
    assert refusal.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await lending.engine.try_recover()
    assert lending.app.accounts.view(LANDLORD, "flat-1").balance == zar("100")
    assert lending.app.accounts.view(LANDLORD, "flat-2").balance == 0
    assert lending.problems() == []


@pytest.mark.parametrize(
    "to, code", [("flat-9", ErrorCode.NOT_FOUND), ("flat-1", ErrorCode.BAD_REQUEST)], ids=["none", "itself"]
)
async def test_a_transfer_needs_another_account(lending: House, to: str, code: ErrorCode) -> None:
    refusal = await refused(lending, Transfer(to=to, amount="1.00", reason="x"))
    assert (refusal.code, refusal.field, refusal.value) == (code, "to", to)


async def test_a_top_up_is_taken_back_as_its_split_gave_it(lending: House) -> None:
    await operate(
        lending, OpenDebt(debt="old", description="Old", amount="50", reason="r", percent="10", cap="5")
    )
    await borrow(lending)
    topped = await lending.top_up("30.00")
    assert topped.top_up.split == {
        "payment_debt": zar("3"),
        "emergency_credit": zar("5"),
        "balance": zar("22"),
    }
    result = await operate(lending, Reversal(entry=topped.top_up.id, reason="cheque bounced"))
    view = lending.app.accounts.view(LANDLORD, "flat-1")
    assert (view.balance, view.debts[0].owed) == (0, zar("50"))
    assert view.emergency_credit is not None
    assert view.emergency_credit.left == zar("15")
    assert view.last_top_up is None
    assert (await newest(lending)).refers_to == topped.top_up.id
    assert lending.account.debts["old"].recovered == 0
    refusal = await refused(lending, Reversal(entry=topped.top_up.id, reason="again"))
    assert refusal.code is ErrorCode.ALREADY_REVERSED
    assert result.id is not None
    assert result.id in refusal.message
    assert lending.problems() == []


async def test_a_top_up_that_was_used_leaves_the_balance_owing(lending: House) -> None:
    await use(lending, "60.00")
    first = (await lending.app.ledger.page(LANDLORD, "flat-1", before=None, limit=10)).entries[-1]
    await operate(lending, Reversal(entry=first.id, reason="cheque bounced"))
    assert lending.account.balance == -zar("60")
    assert lending.state() is SupplyState.DISCONNECTED
    assert lending.problems() == []


@pytest.mark.invariant(4)
async def test_two_reversals_at_once_take_back_once(lending: House) -> None:
    topped = await lending.top_up("30.00")
    asked = [Reversal(entry=topped.top_up.id, reason=f"reason {n}") for n in range(5)]
    answers = await asyncio.gather(
        *(lending.app.accounts.operate(LANDLORD, "flat-1", each, key=each.reason) for each in asked),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert lending.account.balance == zar("100")
    assert lending.problems() == []


async def test_a_charge_is_given_back_as_money(lending: House) -> None:
    await use(lending, "40.00")
    await lending.tick(15 * 60_000)
    page = await lending.app.ledger.page(LANDLORD, "flat-1", before=None, limit=50)
    charges = [entry for entry in page.entries if entry.kind == "charge"]
    await operate(lending, Reversal(entry=charges[0].id, reason="meter of the neighbour"))
    assert lending.account.balance == zar("60") - charges[0].amount
    assert lending.problems() == []


@pytest.mark.parametrize("entry", ["entry-999", "nonsense"])
async def test_an_entry_that_is_not_there_is_not_taken_back(lending: House, entry: str) -> None:
    refusal = await refused(lending, Reversal(entry=entry, reason="x"))
    assert (refusal.code, refusal.field, refusal.value) == (ErrorCode.NOT_FOUND, "entry", entry)


@pytest.mark.invariant(15)
async def test_an_entry_of_another_account_is_not_taken_back(lending: House) -> None:
    result = await operate(lending, Transfer(to="flat-2", amount="30.00", reason="x"))
    theirs = (await newest(lending, "flat-2")).id
    assert (await refused(lending, Reversal(entry=theirs, reason="x"))).code is ErrorCode.NOT_FOUND
    assert result.id is not None
    refusal = await refused(lending, Reversal(entry=result.id, reason="x"))
    assert refusal.code is ErrorCode.CONFLICT


async def test_time_based_debt_is_recovered_at_local_midnight_down_to_nothing(flat: House) -> None:
    await operate(
        flat,
        OpenDebt(debt="old", description="Old bill", amount="5.00", reason="r", rate="2.00", every="day"),
    )
    assert flat.app.accounts.view(LANDLORD, "flat-1").debts[0].next_recovery == "2026-11-01T22:00:00.000Z"
    owed = []
    for _ in range(4):
        await flat.tick(DAY)
        owed.append(flat.app.accounts.view(LANDLORD, "flat-1").debts[0].owed)
    assert owed == [zar(each) for each in ("3", "1", "0", "0")]
    assert flat.available == zar("95")
    assert flat.problems() == []


async def test_a_debt_that_came_due_while_the_bridge_was_down_is_recovered_for_each_day(flat: House) -> None:
    await operate(
        flat, OpenDebt(debt="old", description="Old bill", amount="50", reason="r", rate="2.00", every="day")
    )
    flat.time.synchronised = True
    await flat.tick(5 * DAY)
    assert flat.app.accounts.view(LANDLORD, "flat-1").debts[0].owed == zar("40")


async def test_debt_and_standing_charge_accumulate_or_pause_while_supply_is_off(tmp_path: Path) -> None:
    rules = "        debt while disconnected: accumulate\n"
    rules += "        standing charge while disconnected: accumulate\n"
    async with house(tmp_path, BLOCKS + rules) as made:
        await operate(
            made, OpenDebt(debt="old", description="Old", amount="9", reason="r", rate="2", every="day")
        )
        await made.hold_off("inspection")
        await made.tick(DAY)
        view = made.app.accounts.view(LANDLORD, "flat-1")
        assert (view.balance, view.arrears, view.debts[0].owed) == (zar("100"), zar("3.15"), zar("7"))
        topped = await made.top_up("10.00")
        assert topped.top_up.split == {"arrears": zar("3.15"), "balance": zar("6.85")}
        assert made.problems() == []


async def test_a_paused_standing_charge_is_waived_and_a_paused_debt_waits(tmp_path: Path) -> None:
    rules = "        debt while disconnected: pause\n        standing charge while disconnected: pause\n"
    async with house(tmp_path, BLOCKS + rules) as made:
        await operate(
            made, OpenDebt(debt="old", description="Old", amount="9", reason="r", rate="2", every="day")
        )
        await made.hold_off("inspection")
        await made.tick(2 * DAY)
        view = made.app.accounts.view(LANDLORD, "flat-1")
        assert (view.balance, view.arrears, view.debts[0].owed) == (zar("100"), 0, zar("9"))
        assert made.problems() == []


async def test_other_terms_hold_from_the_change_on(flat: House) -> None:
    await operate(flat, OpenDebt(debt="old", description="Old", amount="50", reason="r", rate="2", cap=None))
    await operate(
        flat, ChangeDebt(debt="old", reason="agreed", rate="0", percent="50", cap="5.00", cap_every="month")
    )
    view = flat.app.accounts.view(LANDLORD, "flat-1").debts[0]
    assert (view.rate, view.percent_ppm, view.cap, view.cap_every) == (0, 500_000, zar("5"), "month")
    assert (await flat.top_up("8.00")).top_up.split == {"payment_debt": zar("4"), "balance": zar("4")}
    assert (await flat.top_up("8.00")).top_up.split == {"payment_debt": zar("1"), "balance": zar("7")}
    await operate(flat, ChangeDebt(debt="old", reason="agreed", cap="none"))
    assert (await flat.top_up("8.00")).top_up.split == {"payment_debt": zar("4"), "balance": zar("4")}


@pytest.mark.parametrize(
    "terms, field",
    [
        ({}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"percent": "101"}, "percent"),
        ({"rate": "1", "cap": "5"}, "cap"),
        ({"percent": "1", "cap": "-5"}, "cap"),
        ({"rate": "1", "amount": "0"}, "amount"),
        ({"rate": "0.001"}, "rate"),
    ],
)
async def test_terms_that_would_never_recover_a_debt_are_refused(
    flat: House, terms: dict[str, str], field: str
) -> None:
    asked = {"debt": "old", "description": "Old", "amount": "50", "reason": "r"} | terms
    assert (await refused(flat, msgspec.convert(asked, OpenDebt))).field == field


async def test_a_debt_is_written_off_in_part_or_closed_with_its_rest(flat: House) -> None:
    await operate(flat, OpenDebt(debt="old", description="Old", amount="50", reason="r", rate="2"))
    refusal = await refused(flat, OpenDebt(debt="old", description="Old", amount="1", reason="r", rate="2"))
    assert refusal.code is ErrorCode.CONFLICT
    await operate(flat, WriteOff(reason="settled", debt="old", amount="20.00"))
    assert (await refused(flat, WriteOff(reason="x", debt="old", amount="30.01"))).field == "amount"
    await operate(flat, CloseDebt(debt="old", reason="forgiven"))
    assert flat.app.accounts.view(LANDLORD, "flat-1").debts == ()
    assert (await refused(flat, CloseDebt(debt="old", reason="again"))).code is ErrorCode.NOT_FOUND
    assert (await refused(flat, WriteOff(reason="no arrears"))).code is ErrorCode.AMOUNT_OUT_OF_RANGE
    assert flat.problems() == []


@pytest.mark.invariant(4)
async def test_an_operation_counts_once_per_key_and_never_with_other_content(flat: House) -> None:
    asked = Refund(amount="10.00", reason="moves")
    first = await operate(flat, asked, key="one")
    again, replayed = await flat.app.accounts.operate(LANDLORD, "flat-1", asked, key="one")
    assert replayed
    assert again == first
    other = await refused(flat, Refund(amount="10.00", reason="other"), key="one")
    assert other.code is ErrorCode.IDEMPOTENCY_CONFLICT
    await operate(flat, Correction(amount="1.00", reason="another operation, another key"), key="one")
    assert flat.available == zar("91")


async def test_a_statement_adds_up_where_emergency_credit_bore_charges(lending: House) -> None:
    await borrow(lending)
    await lending.top_up("12.00")
    statement = await lending.app.ledger.statement(
        LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY
    )
    assert statement.charges == zar("105")
    assert statement.credits == zar("112")


async def test_every_operation_is_told_with_who_did_it(flat: House) -> None:
    await operate(flat, Refund(amount="10.00", reason="moves"))
    ((kind, data),) = flat.rows("SELECT kind, data FROM event WHERE kind = 'ledger_entry'")
    assert kind == "ledger_entry"
    assert '"by":"landlord"' in str(data)
    assert '"reason":"moves"' in str(data)
