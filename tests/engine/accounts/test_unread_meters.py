"""Meters that are silent while customers move: what nobody read is charged to nobody in silence."""

from collections.abc import AsyncIterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from meter_bridge.engine.statement import labels
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.requests import MoveIn, MoveOut
from meter_bridge.protocol.statements import Detail, Statement
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, SITE, House, house, opened, operate, zar

MINUTE = 60_000
UNREAD = MoveOut(reason="end of lease", remainder="refund", unread=True)
IN = MoveIn(customer="B", opening_credit="50.00")


@pytest.fixture
async def silent(tmp_path: Path) -> AsyncIterator[House]:
    """Open a flat that was empty for ten hours, its meter silent, until the next customer moved in."""
    async with house(tmp_path, SITE) as flat:
        await flat.read(0, power_w=500)
        await operate(flat, MoveOut(reason="end of lease", remainder="refund"))
        await flat.tick(10 * HOUR)
        result = await operate(flat, IN)
        assert result.detail["unread"] == {flat.meter.id: "2026-11-01T10:00:10.000Z"}
        yield flat


async def statement(flat: House) -> Statement:
    return await flat.bridge.statement(
        LANDLORD, "flat-1", begin=None, end=None, detail=Detail.DAY, tenancy=flat.account.tenancy.n
    )


async def test_what_a_silent_meter_counted_before_is_estimated_and_charged_to_nobody(silent: House) -> None:
    await silent.read(12_000, after=2 * HOUR)
    made = await statement(silent)
    energy = {labels.TERMINAL.charge_name(line): (line.quantity, line.amount) for line in made.lines}
    before, after = energy["Used before moving in, standard"], energy["Energy, block 1, standard"]
    assert before[0] + after[0] == 12_000
    assert after[0] == pytest.approx(2_000, abs=5), "two of twelve hours"
    assert (before[1], after[1]) == (0, after[0] * zar("2.00") // 1000)
    assert {day.kind for day in made.days if day.estimated_wh} == {"vacant", "consumption"}
    assert made.closing == zar("50.00") - after[1]
    assert silent.problems() == []


@pytest.mark.invariant(15)
async def test_a_customer_s_own_figures_hold_nothing_of_the_time_before(silent: House) -> None:
    await silent.read(11_000, after=HOUR)
    token = await silent.bridge.create_token(
        LANDLORD, name="t", role=Role.TENANT, sites=frozenset(), accounts=frozenset({"flat-1"}), days=None
    )
    actor = silent.bridge.authenticate(token)
    assert actor is not None
    today = silent.bridge.account(actor, "flat-1").energy_today_wh
    page = await silent.bridge.history(actor, after=0, upto=None, account_id="flat-1", from_account=None)
    whole = await silent.bridge.history(LANDLORD, after=0, upto=None, account_id="flat-1", from_account=None)
    (own,), (unit,) = page.accounts, whole.accounts
    assert sum(hour.wh for hour in unit.hours) == pytest.approx(11_000, abs=300)
    assert sum(hour.wh for hour in own.hours) == pytest.approx(1_000, abs=300)
    assert today == pytest.approx(1_000, abs=5)


async def test_a_reading_by_hand_at_the_move_leaves_nothing_to_estimate(silent: House) -> None:
    await silent.bridge.read_register(LANDLORD, silent.meter.id, register="9.0", at=None)
    await silent.read(9_100, after=MINUTE)
    made = await statement(silent)
    assert {line.kind: line.quantity for line in made.lines} == {"vacant": 9_000, "consumption": 100}
    assert silent.problems() == []


async def test_what_is_before_moving_in_climbs_no_block_and_counts_for_no_history(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        await flat.read(0, power_w=500)
        await operate(flat, MoveOut(reason="end of lease", remainder="refund"))
        await flat.tick(3 * HOUR)
        await operate(flat, IN)
        await flat.read(4_000, after=HOUR)
        tariff = flat.bridge.account(LANDLORD, "flat-1").tariff
        assert tariff is not None
        assert tariff.block == 2, "one of four kWh is the customer's"
        async with opened(flat.data, flat.time) as again:
            assert again.bridge.account(LANDLORD, "flat-1").tariff == tariff
            assert again.problems() == []


async def test_a_meter_that_is_silent_is_to_be_read_before_its_customer_moves_out(tmp_path: Path) -> None:
    async with house(tmp_path, SITE) as flat:
        await flat.read(0, power_w=500)
        await flat.tick(HOUR)
        out = MoveOut(reason="end of lease", remainder="refund")
        with pytest.raises(RequestRefused, match="was last read at 2026-11-01T10:00:10") as refused:
            await operate(flat, out)
        assert (refused.value.code, refused.value.field) == (ErrorCode.CONFLICT, "unread")
        assert "meters read flat-1/main KWH" in (refused.value.remedy or "")
        assert flat.account.tenancy.end is None
        await flat.bridge.read_register(LANDLORD, flat.meter.id, register="5.0", at=None)
        result = await operate(flat, out)
        assert result.detail["amount"] == zar("90.00")
        assert flat.problems() == []


async def test_a_customer_may_be_settled_with_by_the_newest_reading(tmp_path: Path) -> None:
    async with house(tmp_path, SITE) as flat:
        await flat.read(0, power_w=500)
        await flat.tick(HOUR)
        assert (await operate(flat, UNREAD)).detail["amount"] == zar("100.00")
        await operate(flat, IN)
        await flat.read(1_000, after=MINUTE)
        assert flat.available > zar("49.95"), "a minute of an hour"
        assert flat.problems() == []


@pytest.mark.invariant(5)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    empty=st.integers(1, 40 * 60),
    then=st.lists(st.tuples(st.integers(1, 600), st.integers(0, 3_000)), min_size=1, max_size=6),
)
async def test_all_that_the_register_counted_is_on_record_whoever_it_is_for(
    tmp_path_factory: pytest.TempPathFactory, empty: int, then: list[tuple[int, int]]
) -> None:
    async with house(tmp_path_factory.mktemp("house"), BLOCKS) as flat:
        await flat.read(0, power_w=500)
        await operate(flat, UNREAD)
        await flat.tick(empty * MINUTE)
        await operate(flat, IN)
        register = 0
        for minutes, wh in then:
            register += min(wh, 100 * minutes)
            await flat.read(register, after=minutes * MINUTE)
        await flat.top_up("5.00")
        noted = flat.rows("SELECT coalesce(sum(amount + tax), 0) FROM segment WHERE kind = 'vacant'")
        ((total,),) = flat.rows("SELECT coalesce(sum(wh), 0) FROM segment")
        assert total == register
        assert noted == [(0,)]
        assert flat.problems() == []
