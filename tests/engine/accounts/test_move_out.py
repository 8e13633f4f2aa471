"""Customers who move: a final settlement, and a ledger of the own for each (invariant 15)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Event, Role, Snapshot
from meter_bridge.protocol.requests import (
    MoveIn,
    MoveOut,
    OpenDebt,
    Reversal,
    SelectEmergencyCredit,
    Transfer,
)
from meter_bridge.protocol.statements import Detail
from meter_bridge.protocol.vocabulary import AlertKind, SupplyReason
from tests.engine.harness import (
    BLOCKS,
    HOUR,
    LANDLORD,
    SITE,
    House,
    apply,
    house,
    opened,
    operate,
    refusing,
    zar,
)
from tests.engine.ledger.test_midnight import TO_DECEMBER, TO_MIDNIGHT

RULES = SITE.replace(
    "low credit: [5.00]\n",
    "customer: A. Nkosi\n        emergency credit: {limit: 20.00, threshold: 3.00}\n",
)
TWO = """      flat-2:
        name: Flat 2
        tariff: flat
        meters: [{address: "tasmota:flat-2/1", rating: 10 kW}]
"""
OUT = MoveOut(reason="end of lease", remainder="refund")


@pytest.fixture
async def let(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with two flats and a customer in the first, who has 100 rand."""
    async with house(tmp_path, RULES + TWO) as made:
        await made.read(0, power_w=2_000)
        yield made


async def use(flat: House, amount: str, after: int = 12 * HOUR) -> None:
    """Use energy worth an amount at 2.00 per kWh, as one reading."""
    register = flat.meter.register
    assert register is not None
    await flat.read(register.watermark_wh + zar(amount) * 1000 // zar("2"), after=after)


async def tenant(flat: House, *accounts: str) -> Actor:
    """Return who speaks with a new tenant's token."""
    token = await flat.app.tokens.create(
        LANDLORD, name="tenant", role=Role.TENANT, sites=frozenset(), accounts=frozenset(accounts), days=None
    )
    actor = flat.app.tokens.authenticate(token)
    assert actor is not None
    return actor


async def kinds(flat: House, actor: Actor) -> list[str]:
    """Return the kinds of the entries that an actor sees, oldest first."""
    page = await flat.app.ledger.page(actor, "flat-1", before=None, limit=100)
    return [entry.kind for entry in reversed(page.entries)]


async def events(flat: House, actor: Actor) -> list[Event]:
    """Return all past events that an actor is told."""
    found: list[Event] = []
    stream = flat.app.feed.stream(actor, since=0)
    first = await anext(stream)
    assert isinstance(first, Snapshot)
    while True:
        try:
            message = await asyncio.wait_for(anext(stream), 0.5)
        except TimeoutError:
            return found
        assert isinstance(message, Event)
        found.append(message)


async def test_a_final_settlement_sets_everything_off_and_pays_the_rest_out(let: House) -> None:
    await operate(let, OpenDebt(debt="old", description="Old", amount="15", reason="r", rate="1"))
    await use(let, "4.00", after=HOUR)
    result = await operate(let, OUT)
    assert (result.balance, result.debts, result.arrears) == (0, (), 0)
    assert result.detail["amount"] == zar("81")
    assert result.detail["balance"] == zar("96")
    assert result.detail["debts"] == {"old": zar("15")}
    assert result.detail["remainder"] == "refund"
    assert let.rows("SELECT bucket FROM balance WHERE bucket LIKE 'tenancy:%'") == []
    assert let.problems() == []


async def test_what_is_owed_stays_on_record_apart_from_the_next_customer(let: House) -> None:
    await use(let, "99.00")
    await operate(let, SelectEmergencyCredit())
    await use(let, "6.00")
    result = await operate(let, OUT)
    assert (result.detail["remainder"], result.detail["amount"]) == ("owed", -zar("5"))
    assert let.rows("SELECT amount FROM balance WHERE bucket = 'tenancy:1'") == [(-zar("5"),)]
    await operate(let, MoveIn(customer="B. Dlamini", opening_credit="20.00"))
    view = let.app.accounts.view(LANDLORD, "flat-1")
    assert (view.balance, view.customer, view.last_top_up) == (zar("20"), "B. Dlamini", None)
    assert view.emergency_credit is not None
    assert view.emergency_credit.left == zar("20")
    assert let.problems() == []


async def test_credit_that_remains_moves_along_or_is_kept(let: House) -> None:
    await operate(let, MoveOut(reason="moved rooms", remainder="transfer", to="flat-2"))
    assert let.app.accounts.view(LANDLORD, "flat-2").balance == zar("100")
    await operate(let, MoveIn(customer="B", opening_credit="7"))
    await operate(let, MoveOut(reason="gone"))
    assert let.rows("SELECT bucket, amount FROM balance WHERE bucket LIKE 'tenancy:%'") == [
        ("tenancy:2", zar("7"))
    ]
    assert let.problems() == []


@pytest.mark.parametrize(
    "asked, field",
    [
        (MoveOut(reason="r", remainder="transfer"), "to"),
        (MoveOut(reason="r", remainder="transfer", to="flat-9"), "to"),
        (MoveOut(reason="r", remainder="transfer", to="flat-1"), "to"),
        (MoveOut(reason="r", remainder="refund", to="flat-2"), "to"),
    ],
)
async def test_a_move_that_contradicts_itself_is_refused(let: House, asked: MoveOut, field: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await operate(let, asked)
    assert refusal.value.field == field
    assert let.available == zar("100")


async def test_customers_move_one_after_the_other(let: House) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await operate(let, MoveIn(customer="B"))
    assert refusal.value.code is ErrorCode.CONFLICT
    await operate(let, OUT)
    with pytest.raises(RequestRefused) as refusal:
        await operate(let, OUT, key="again")
    assert refusal.value.code is ErrorCode.CONFLICT
    await operate(let, MoveIn(customer="B"))
    found = await let.app.ledger.tenancies(LANDLORD, "flat-1")
    assert [(each.n, each.customer, each.end is None) for each in found] == [
        (2, "B", True),
        (1, "A. Nkosi", False),
    ]


@pytest.mark.invariant(15)
async def test_a_new_customer_sees_nothing_of_the_one_before(let: House) -> None:
    await use(let, "40.00")
    await let.top_up("3.00")
    await use(let, "70.00")
    before = await events(let, LANDLORD)
    await operate(let, OUT)
    await let.tick(24 * HOUR)
    await use(let, "0")
    await operate(let, MoveIn(customer="B. Dlamini", opening_credit="20.00"))
    actor = await tenant(let, "flat-1")
    await use(let, "2.00", after=HOUR)
    assert await kinds(let, actor) == ["opening", "charge"]
    told = await events(let, actor)
    assert {event.seq for event in told}.isdisjoint({event.seq for event in before})
    assert "Nkosi" not in str(told)
    alerts = await let.app.alerts.views(actor, only_open=False, limit=100)
    opened_at = {alert.opened_at for alert in alerts}
    ends = (await let.app.ledger.tenancies(LANDLORD, "flat-1"))[0].start
    assert all(at >= ends for at in opened_at)
    view = let.app.accounts.view(actor, "flat-1")
    assert view.last_top_up is None
    assert view.cost_today == zar("2")
    assert view.cost_period == zar("2")
    statement = await let.app.ledger.statement(actor, "flat-1", begin=None, end=None, detail=Detail.DAY)
    assert statement.not_yet_posted is None
    assert (statement.charges, statement.credits) == (zar("2"), zar("20"))
    whole = await let.app.ledger.statement(LANDLORD, "flat-1", begin=None, end=None, detail=Detail.LINE)
    assert whole.charges > statement.charges
    with pytest.raises(RequestRefused, match="before the customer moved in"):
        await let.app.ledger.statement(actor, "flat-1", begin="2026-10", end="2026-10", detail=Detail.LINE)


@pytest.mark.invariant(15)
async def test_a_token_of_who_moved_out_sees_nothing_any_more(let: House) -> None:
    token = await let.app.tokens.create(
        LANDLORD,
        name="tenant",
        role=Role.TENANT,
        sites=frozenset(),
        accounts=frozenset({"flat-1"}),
        days=None,
    )
    both = await tenant(let, "flat-1", "flat-2")
    actor = let.app.tokens.authenticate(token)
    assert actor is not None
    stream = let.app.feed.stream(actor, since=None)
    assert isinstance(await anext(stream), Snapshot)
    await operate(let, OUT)
    assert let.app.tokens.authenticate(token) is None
    with pytest.raises(RequestRefused, match="revoked"):
        await asyncio.wait_for(anext(stream), 60)
    with pytest.raises(RequestRefused):
        let.app.accounts.view(both, "flat-1")
    assert [token.accounts for token in let.app.tokens.views(LANDLORD) if token.revoked_at is None] == [
        frozenset({"flat-2"})
    ]


@pytest.mark.invariant(15)
async def test_a_token_made_while_nobody_lives_there_sees_the_next_tenancy_alone(let: House) -> None:
    await operate(let, OUT)
    actor = await tenant(let, "flat-1")
    with pytest.raises(RequestRefused):
        let.app.accounts.view(actor, "flat-1")
    assert await events(let, actor) == []
    await operate(let, MoveIn(customer="B", opening_credit="5"))
    assert await kinds(let, actor) == ["opening"]


async def test_what_an_empty_unit_uses_is_not_the_next_customers(let: House) -> None:
    await operate(let, OUT)
    await use(let, "3.00")
    await operate(let, MoveIn(customer="B", opening_credit="5"))
    assert let.available == zar("5")
    assert let.problems() == []


async def test_an_entry_of_a_former_customer_is_not_taken_back(let: House) -> None:
    topped = await let.top_up("10.00")
    await operate(let, OUT)
    await operate(let, MoveIn(customer="B"))
    with pytest.raises(RequestRefused, match="customer who moved out"):
        await operate(let, Reversal(entry=topped.top_up.id, reason="bounced"))


async def test_move_out_survive_a_restart_and_an_apply(let: House) -> None:
    await let.top_up("10.00")
    await operate(let, OUT)
    await operate(let, MoveIn(customer="B. Dlamini", opening_credit="5"))
    await apply(let, (RULES + TWO).replace("name: Flat 1", "name: First flat"))
    assert let.account.customer == "B. Dlamini"
    async with opened(let.data, let.time) as again:
        assert again.account.tenancy == let.account.tenancy
        assert again.account.customer == "B. Dlamini"
        assert again.account.last_top_up is None
        await apply(again, (RULES + TWO).replace("A. Nkosi", "B. Dlamini-Zulu"))
        assert again.account.customer == "B. Dlamini-Zulu", "another spelling in the site file is a rename"
        found = await again.app.ledger.tenancies(LANDLORD, "flat-1")
        assert [each.customer for each in found] == ["B. Dlamini-Zulu", "A. Nkosi"]
        assert again.problems() == []


async def test_a_move_that_is_not_stored_moves_nobody(let: House) -> None:
    actor = await tenant(let, "flat-1")
    with refusing(let, "INSERT", "operation"), pytest.raises(RequestRefused):
        await operate(let, OUT)
    assert await let.engine.try_recover()
    assert let.account.customer == "A. Nkosi"
    assert let.app.accounts.view(actor, "flat-1").balance == zar("100")
    assert let.problems() == []


async def test_a_new_customer_begins_on_the_first_block(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        await flat.read(0, power_w=2_000)
        await flat.read(5_000, after=HOUR)
        tariff = flat.app.accounts.view(LANDLORD, "flat-1").tariff
        assert tariff is not None
        assert tariff.block == 3
        await operate(flat, OUT)
        await operate(flat, MoveIn(customer="B", opening_credit="50.00"))
        await flat.read(5_500, after=HOUR)
        view = flat.app.accounts.view(LANDLORD, "flat-1")
        assert view.tariff is not None
        assert (view.tariff.block, view.cost_period) == (1, zar("1.10") * 115 // 100)
        flat.engine.session.flush(everything=True)
        await flat.settle()
        flat.engine.session.reload()
        assert flat.app.accounts.view(LANDLORD, "flat-1").tariff == view.tariff
        assert flat.problems() == []


@pytest.mark.invariant(15)
async def test_a_key_of_the_customer_before_tells_nothing(let: House) -> None:
    await use(let, "99.00")
    before = await tenant(let, "flat-1")
    await let.app.accounts.operate(before, "flat-1", SelectEmergencyCredit(), key="1")
    await operate(let, OUT)
    await let.tick()
    await operate(let, MoveIn(customer="B", opening_credit="1.00"))
    after = await tenant(let, "flat-1")
    with pytest.raises(RequestRefused, match="another customer") as refusal:
        await let.app.accounts.operate(after, "flat-1", SelectEmergencyCredit(), key="1")
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert not (await let.app.accounts.operate(after, "flat-1", SelectEmergencyCredit(), key="2"))[1]


async def test_emergency_credit_is_lent_to_nobody_in_an_empty_unit(let: House) -> None:
    await use(let, "99.00")
    await operate(let, MoveOut(reason="end of lease", remainder="keep"))
    with pytest.raises(RequestRefused, match="nobody lives in Flat 1") as refusal:
        await operate(let, SelectEmergencyCredit())
    assert refusal.value.code is ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE
    assert not let.account.emergency_selected
    await let.tick()
    assert AlertKind.EMERGENCY_CREDIT_AVAILABLE not in let.alert_kinds()
    view = let.app.accounts.view(LANDLORD, "flat-1").emergency_credit
    assert view is not None
    assert view.state == "unavailable"


async def test_an_empty_unit_is_not_out_of_credit_and_the_next_customer_is_warned(tmp_path: Path) -> None:
    money = {AlertKind.SUPPLY_CUT, AlertKind.LOW_CREDIT}
    async with house(tmp_path, SITE, credit="100.00") as flat:
        await flat.read(0)
        await operate(flat, OUT)
        await flat.tick()
        assert (flat.account.reason, flat.account.balance) == (SupplyReason.CREDIT_EXHAUSTED, 0)
        assert money.isdisjoint(flat.alert_kinds())
        await operate(flat, MoveIn(customer="B"))
        await flat.tick()
        assert money <= set(flat.alert_kinds())


async def test_credit_for_an_empty_unit_is_the_next_customers(let: House) -> None:
    flat = let.engine.session.installation.accounts["flat-2"]
    await let.app.accounts.operate(LANDLORD, "flat-2", OUT, key="out")
    await operate(let, Transfer(to="flat-2", amount="50.00", reason="moves rooms"))
    await let.app.accounts.operate(LANDLORD, "flat-2", MoveIn(customer="A. Nkosi"), key="in")
    assert flat.balance == zar("50.00")
    assert let.problems() == []


RENT = RULES.replace(
    "prices: [2.00]\n",
    """prices: [2.00]
            standing charge: {rent: 60.00 per month, network: 7.00 per week}
            taxes: [{name: VAT, percent: 10}]
            pro rata first period: yes
            pro rata last period: yes
""",
)


async def days(flat: House, count: int) -> None:
    """Let days go by, with the bridge at work and the meter heard at their end."""
    for _ in range(count):
        await flat.tick(24 * HOUR)
    assert flat.meter.register is not None
    await flat.read(flat.meter.register.watermark_wh, after=0)


@pytest.mark.both_databases
async def test_what_was_paid_in_advance_is_given_back_when_a_customer_moves_out(tmp_path: Path) -> None:
    async with house(tmp_path, RENT, credit="200.00") as flat:
        await flat.read(0, power_w=0)
        await days(flat, 5)
        paid = zar("200.00") - flat.account.balance
        assert paid == (zar("60.00") * 29 // 30 + zar("7.00")) * 11 // 10, "from the day after moving in"
        result = await operate(flat, OUT)
        fair = (zar("60.00") * 5 // 30 + zar("5.00")) * 11 // 10
        assert result.detail["amount"] == zar("200.00") - fair, (
            "2 to 6 November, and the week from the 2nd on"
        )
        page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=2)
        assert page.entries[1].description == "Standing charge given back in part"
        assert page.entries[1].amount == paid - fair
        again = await flat.app.ledger.statement(
            LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY, tenancy=1
        )
        assert again.charges == fair
        assert flat.problems() == []


async def test_a_charge_that_was_taken_back_is_not_given_back_twice(tmp_path: Path) -> None:
    async with house(tmp_path, RENT, credit="200.00") as flat:
        await flat.read(0, power_w=0)
        await days(flat, 5)
        page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=1)
        await operate(flat, Reversal(entry=page.entries[0].id, reason="waived"))
        assert (await operate(flat, OUT)).detail["amount"] == zar("200.00")
        assert flat.problems() == []


async def test_the_next_customer_pays_for_the_own_days_and_nobody_for_the_vacancy(tmp_path: Path) -> None:
    async with house(tmp_path, RENT, credit="200.00") as flat:
        await flat.read(0, power_w=0)
        await days(flat, 5)
        await operate(flat, OUT)
        await days(flat, 4)
        await flat.read(1_000, after=0)
        await operate(flat, MoveIn(customer="B", opening_credit="100.00"))
        await days(flat, 1)
        share = zar("60.00") * 20 // 30 + zar("7.00") * 5 // 7
        assert flat.account.balance == zar("100.00") - share * 11 // 10
        assert flat.problems() == []


async def test_a_reversal_while_a_customer_moves_out_gives_back_once(tmp_path: Path) -> None:
    async with house(tmp_path, RENT, credit="200.00") as flat:
        await flat.read(0, power_w=0)
        await days(flat, 5)
        page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=1)
        reversal = Reversal(entry=page.entries[0].id, reason="waived")
        taken_back, moved = await asyncio.gather(operate(flat, reversal), operate(flat, OUT))
        assert (taken_back.operation, moved.detail["amount"]) == ("reversal", zar("200.00"))
        assert flat.problems() == []


SECOND = 1_000
DAILY = RENT.replace("network: 7.00 per week", "network: 7.00 per day").replace(
    "            taxes", "            minimum charge: 90.00 per month\n            taxes"
)


async def moved_out(data: Path, *, clock_first: bool) -> tuple[object, int]:
    """Move a customer out a second after the end of a month; return what was paid out and what it cost."""
    async with house(data, DAILY, credit="500.00") as flat:
        await flat.read(0, after=0, power_w=0)
        await flat.tick(TO_DECEMBER - SECOND)
        await flat.read(1_000, after=0)
        flat.time.forward(2 * SECOND)
        if clock_first:
            await flat.tick(0)
        result = await operate(flat, OUT)
        assert flat.problems() == []
        stated = await flat.app.ledger.statement(
            LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY, tenancy=1
        )
        return result.detail["amount"], stated.charges


@pytest.mark.invariant(15)
async def test_who_moves_out_just_after_midnight_pays_what_is_due_whenever_the_clock_comes(
    tmp_path: Path,
) -> None:
    """Else the day, and what the month made up, are left to the empty unit."""
    before = await moved_out(tmp_path / "before", clock_first=True)
    after = await moved_out(tmp_path / "after", clock_first=False)
    assert before == after


@pytest.mark.invariant(15)
async def test_who_moves_in_just_after_midnight_pays_nothing_of_the_day_before(tmp_path: Path) -> None:
    async with house(tmp_path, DAILY, credit="500.00") as flat:
        await flat.read(0, after=0, power_w=0)
        await operate(flat, OUT)
        await flat.tick(TO_MIDNIGHT - SECOND)
        await flat.read(0, after=0)
        flat.time.forward(2 * SECOND)
        await operate(flat, MoveIn(customer="B", opening_credit="100.00"))
        await flat.tick()
        assert flat.account.balance == zar("100.00")
        assert flat.problems() == []


@pytest.mark.invariant(15)
async def test_nobody_moves_while_charges_wait_for_a_clock_that_is_believed(tmp_path: Path) -> None:
    async with house(tmp_path, DAILY, credit="500.00") as flat:
        await flat.read(0, after=0, power_w=0)
        await flat.tick(TO_MIDNIGHT - SECOND)
        await flat.read(0, after=0)
        flat.time.wall += 3 * 24 * HOUR
        flat.engine.check_clock()
        flat.time.forward(2 * SECOND)
        entries = flat.rows("SELECT count(*) FROM journal_entry")
        with pytest.raises(RequestRefused, match="does not believe its clock") as refusal:
            await operate(flat, OUT)
        assert refusal.value.remedy
        assert flat.rows("SELECT count(*) FROM journal_entry") == entries
        flat.time.wall -= 3 * 24 * HOUR
        await flat.app.status.confirm_clock(LANDLORD)
        await operate(flat, OUT)
        assert flat.problems() == []


@pytest.mark.invariant(15)
async def test_what_a_tenant_asked_before_moving_out_is_not_booked_on_who_comes_next(let: House) -> None:
    """As a voucher that was typed in while the landlord moved its owner out."""
    actor = await tenant(let, "flat-1")
    let.engine.session.accepting.clear()
    moved = asyncio.create_task(operate(let, OUT))
    await queued(let, 1)
    paid = asyncio.create_task(
        let.app.accounts.top_up(actor, "flat-1", amount="50.00", method="voucher", reference=None, key="late")
    )
    await queued(let, 2)
    let.engine.session.accepting.set()
    await moved
    with pytest.raises(RequestRefused, match="has moved out meanwhile"):
        await paid
    assert let.account.balance == 0


async def queued(flat: House, count: int) -> None:
    """Wait until operations wait for a site file to be applied."""
    while len(flat.engine.session.accepting._waiters) < count:  # noqa: ASYNC110 - no event tells who waits
        await asyncio.sleep(0)
