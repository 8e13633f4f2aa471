"""Settling with customers who moved out: what is left with whom, and what they pay later."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.commands.statement import as_text
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.statement.document import printed_statement
from meter_bridge.engine.statement.spreadsheet import statement_csv
from meter_bridge.errors import RequestRefused
from meter_bridge.printing.document import Figure
from meter_bridge.protocol.messages import ErrorCode, Event, OperationResult, OwedView, Role, TenancyView
from meter_bridge.protocol.requests import MoveIn, MoveOut, OpenDebt, Settlement
from meter_bridge.protocol.statements import Detail, Statement
from tests.engine.harness import HOUR, LANDLORD, SITE, House, apply, house, opened, operate, zar

RULES = SITE.replace(
    "low credit: [5.00]\n",
    "customer: A. Nkosi\n        emergency credit: {limit: 20.00, threshold: 3.00}\n",
)
TWO = """      flat-2:
        name: Flat 2
        tariff: flat
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
"""
OUT = MoveOut(reason="end of lease", remainder="keep")


def settled(how: str = "paid", amount: str | None = None, tenancy: int = 1) -> Settlement:
    return Settlement(tenancy=tenancy, how=how, amount=amount, reason="agreed")  # type: ignore[arg-type]


@pytest.fixture
async def owing(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house whose first customer moved out owing 25 rand, and whose second has 40 rand."""
    async with house(tmp_path, RULES + TWO) as made:
        await made.read(0, power_w=2_000)
        await made.read(50_000, after=24 * HOUR)
        debt = OpenDebt(debt="boiler", description="Boiler", amount="25.00", reason="broken", rate="1.00")
        await operate(made, debt)
        await operate(made, OUT)
        await made.read(51_000, after=HOUR)
        await operate(made, MoveIn(customer="B. Dlamini", opening_credit="40.00"))
        yield made


async def tenancies(of: House, actor: Actor = LANDLORD) -> dict[int, TenancyView]:
    return {each.n: each for each in await of.app.ledger.tenancies(actor, of.account.id)}


async def statement(of: House, n: int, actor: Actor = LANDLORD, account: str = "flat-1") -> Statement:
    return await of.app.ledger.statement(actor, account, begin=None, end=None, detail=Detail.DAY, tenancy=n)


async def tenant(of: House) -> Actor:
    token = await of.app.tokens.create(
        LANDLORD, name="t", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"flat-1"}), days=None
    )
    found = of.app.tokens.authenticate(token)
    assert found is not None
    return found


async def test_what_is_left_with_a_former_customer_is_listed(owing: House) -> None:
    found = await tenancies(owing)
    assert (found[1].customer, found[1].outstanding, found[1].closed) == ("A. Nkosi", -zar("25"), False)
    assert (found[2].customer, found[2].outstanding, found[2].end) == ("B. Dlamini", 0, None)
    everywhere = await owing.app.ledger.tenancies(LANDLORD, None)
    assert {(each.account_id, each.n) for each in everywhere} == {("flat-1", 1), ("flat-1", 2), ("flat-2", 1)}
    left = await owing.app.ledger.tenancies(LANDLORD, None, only_outstanding=True)
    assert [(each.account_id, each.n) for each in left] == [("flat-1", 1)]
    elsewhere = Actor("other", Role.LANDLORD, frozenset({"another-site"}))
    assert await owing.app.ledger.tenancies(elsewhere, None) == ()
    assert await owing.app.ledger.debts(elsewhere) == []


async def test_a_former_customers_debt_is_paid_in_parts_and_moves_nothing_of_the_present_one(
    owing: House,
) -> None:
    before = owing.account.balance
    first = await operate(owing, settled(amount="10.00"), key="a")
    again, replayed = await owing.app.accounts.operate(LANDLORD, "flat-1", settled(amount="10.00"), key="a")
    assert (again, replayed) == (first, True)
    assert first.detail["outstanding"] == -zar("15.00")
    assert (await operate(owing, settled())).detail["amount"] == zar("15.00")
    assert (await tenancies(owing))[1].outstanding == 0
    assert owing.account.balance == before == zar("40.00")
    with pytest.raises(RequestRefused, match="nothing is owed") as refused:
        await operate(owing, settled())
    assert (refused.value.code, refused.value.field) == (ErrorCode.AMOUNT_OUT_OF_RANGE, "how")
    assert owing.problems() == []


async def test_the_same_key_with_other_content_is_refused(owing: House) -> None:
    await operate(owing, settled(amount="10.00"), key="a")
    with pytest.raises(RequestRefused) as refused:
        await operate(owing, settled(amount="11.00"), key="a")
    assert refused.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert (await tenancies(owing))[1].outstanding == -zar("15.00")


async def test_two_payments_at_once_never_pay_more_than_is_owed(owing: House) -> None:
    asked = [
        owing.app.accounts.operate(LANDLORD, "flat-1", settled(amount="20.00"), key=f"at-once-{n}")
        for n in range(3)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, tuple) for each in answers) == 1
    assert (await tenancies(owing))[1].outstanding == -zar("5.00")
    assert owing.problems() == []


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "asked,match",
    [
        (settled(amount="25.01"), "from ZAR 0.01 to ZAR 25.00"),
        (settled(amount="-1.00"), "from ZAR 0.01"),
        (settled("paid_out"), "nothing is kept: ZAR 25.00 are owed"),
        (settled(tenancy=2), "still lives in Flat 1"),
        (settled(tenancy=3), "has no tenancy 3"),
        (settled("charged"), "how much"),
    ],
)
async def test_what_cannot_be_settled_is_refused_with_a_remedy(
    owing: House, asked: Settlement, match: str
) -> None:
    with pytest.raises(RequestRefused, match=match) as refused:
        await operate(owing, asked)
    assert refused.value.remedy
    assert (await tenancies(owing))[1].outstanding == -zar("25.00")


async def test_what_was_kept_is_paid_out_once(tmp_path: Path) -> None:
    async with house(tmp_path, RULES) as made:
        await made.read(0, power_w=2_000)
        await operate(made, OUT)
        assert (await tenancies(made))[1].outstanding == zar("100.00")
        assert await made.app.ledger.debts(LANDLORD) == []
        await operate(made, settled("paid_out", "100.00"))
        with pytest.raises(RequestRefused, match="nothing is kept"):
            await operate(made, settled("paid_out", "100.00"))
        await operate(made, settled("charged", "30.00"))
        assert (await tenancies(made))[1].outstanding == -zar("30.00")
        await operate(made, settled("written_off"))
        assert (await tenancies(made))[1].outstanding == 0
        funds = made.rows("SELECT amount FROM balance WHERE bucket = 'funds'")
        assert funds == [(0,)], "100 came in and 100 went out"
        assert made.problems() == []


def as_owed(found: list[OwedView]) -> list[tuple[str, str, int]]:
    return [(each.account_id, each.kind, each.owed) for each in found]


async def test_everything_that_customers_owe_is_listed(owing: House) -> None:
    debt = OpenDebt(debt="key", description="Lost key", amount="9.00", reason="lost", percent="10")
    await operate(owing, debt)
    await owing.read(81_000, after=24 * HOUR)
    found = list(await owing.app.ledger.debts(LANDLORD))
    assert as_owed(found) == [
        ("flat-1", "debt", zar("9.00")),
        ("flat-1", "balance", zar("20.00")),
        ("flat-1", "tenancy", zar("25.00")),
    ]
    assert [(each.former, each.customer) for each in found] == [
        (False, "B. Dlamini"),
        (False, "B. Dlamini"),
        (True, "A. Nkosi"),
    ]
    assert found[0].debt is not None
    assert found[0].debt.percent_ppm == 100_000


async def test_the_statement_of_a_tenancy_holds_that_customer_alone(owing: House) -> None:
    await operate(owing, settled(amount="10.00"))
    first = await statement(owing, 1)
    assert (first.customer, first.tenancy, first.open) == ("A. Nkosi", 1, False)
    assert (first.opening, first.closing) == (0, 0)
    assert [each.kind for each in first.entries] == ["top_up", "debt", "closing"]
    assert first.charges == zar("100.00")
    assert (first.outstanding, [each.amount for each in first.settlements]) == (-zar("15.00"), [zar("10.00")])
    second = await statement(owing, 2)
    assert (second.customer, second.opening, second.closing) == ("B. Dlamini", 0, zar("40.00"))
    assert (second.outstanding, second.settlements, second.charges) == (None, (), 0)
    whole = await owing.app.ledger.statement(LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY)
    assert EntryKind.SETTLEMENT not in {each.kind for each in whole.entries}
    assert whole.charges == zar("102.00"), "the vacancy's use is in neither customer's statement"
    assert printed_statement(first).summary[-1] == Figure("Still owed, ZAR", "15.00", strong=True)
    assert "1 November 2026 – 2 November 2026" in as_text(first)
    for text in (as_text(first), statement_csv(first).decode(), str(printed_statement(first))):
        assert "ZAR 15.00 are still owed by this customer." in text or "Still owed" in text
        assert "Paid by a customer who moved out" in text


async def test_a_statement_of_a_tenancy_and_period_holds_what_lies_in_both(owing: House) -> None:
    part = await owing.app.ledger.statement(
        LANDLORD, "flat-1", begin="2026-11-01", end="2026-11-01", detail=Detail.LINE, tenancy=1
    )
    assert [each.kind for each in part.entries] == ["top_up"]
    await owing.tick(48 * HOUR)
    with pytest.raises(RequestRefused, match="after the customer moved out"):
        await owing.app.ledger.statement(
            LANDLORD, "flat-1", begin="2026-11-03", end=None, detail=Detail.LINE, tenancy=1
        )
    with pytest.raises(RequestRefused, match="no tenancy 7") as refused:
        await statement(owing, 7)
    assert (refused.value.code, refused.value.field) == (ErrorCode.NOT_FOUND, "tenancy")


@pytest.mark.invariant(15)
async def test_a_tenant_hears_nothing_of_what_a_former_customer_settles(owing: House) -> None:
    actor = await tenant(owing)
    done = await operate(owing, settled(amount="10.00"))
    assert done.id is not None
    page = await owing.app.ledger.page(actor, "flat-1", before=None, limit=50)
    assert [each.kind for each in page.entries] == ["opening"]
    with pytest.raises(RequestRefused):
        await owing.app.ledger.explain_entry(actor, "flat-1", done.id)
    with pytest.raises(RequestRefused, match="no tenancy 1"):
        await statement(owing, 1, actor)
    assert (await statement(owing, 2, actor)).closing == zar("40.00")
    assert "settlement" not in str(await told(owing, actor))
    assert "settlement" in str(await told(owing, LANDLORD))
    staff = await owing.app.ledger.page(LANDLORD, "flat-1", before=None, limit=50)
    assert "settlement" in {each.kind for each in staff.entries}


async def told(of: House, actor: Actor) -> list[dict[str, object]]:
    """Return what the events tell that an actor hears, up to one that everybody hears."""
    await of.top_up("1.00")
    found: list[dict[str, object]] = []
    async for message in of.app.feed.stream(actor, since=0):
        if isinstance(message, Event):
            found.append(message.data)
            if message.seq == of.engine.session.installation.sequences.event:
                break
    return found


async def test_a_customer_of_a_closed_unit_can_still_settle(owing: House) -> None:
    await operate(owing, MoveOut(reason="sold", remainder="refund"))
    without = (RULES + TWO).replace(
        (RULES + TWO)[(RULES + TWO).index("      flat-1:") : (RULES + TWO).index("      flat-2:")], ""
    )
    await apply(owing, without)
    assert "flat-1" not in owing.engine.session.installation.accounts
    view = owing.app.accounts.view(LANDLORD, "flat-1")
    assert view.closed_at is not None
    result, _ = await owing.app.accounts.operate(LANDLORD, "flat-1", settled(amount="5.00"), key="late")
    assert isinstance(result, OperationResult)
    assert result.detail["outstanding"] == -zar("20.00")
    found = await owing.app.ledger.tenancies(LANDLORD, None, only_outstanding=True)
    assert [(each.account_id, each.outstanding, each.closed) for each in found] == [
        ("flat-1", -zar("20.00"), True)
    ]
    assert as_owed(list(await owing.app.ledger.debts(LANDLORD))) == [("flat-1", "tenancy", zar("20.00"))]
    assert (await statement(owing, 1)).outstanding == -zar("20.00")
    assert (await owing.app.ledger.page(LANDLORD, "flat-1", before=None, limit=1)).entries
    with pytest.raises(RequestRefused, match="flat-1 is closed") as refused:
        await owing.app.accounts.top_up(
            LANDLORD, "flat-1", amount="1.00", method="cash", reference=None, key="too late"
        )
    assert refused.value.code is ErrorCode.CONFLICT
    elsewhere = Actor("other", Role.LANDLORD, frozenset({"another-site"}))
    with pytest.raises(RequestRefused) as refused:
        owing.app.accounts.view(elsewhere, "flat-1")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert owing.problems() == []
    async with opened(owing.data, owing.time) as again:
        assert (await again.app.accounts.operate(LANDLORD, "flat-1", settled(amount="5.00"), key="late"))[1]
        await apply(again, RULES + TWO)
        assert again.app.accounts.view(LANDLORD, "flat-1").closed_at is None
        assert (await again.app.ledger.tenancies(LANDLORD, "flat-1"))[-1].outstanding == -zar("20.00")
        assert again.problems() == []
