"""Every amount is explained down to the readings that it came from."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from meter_bridge.core.register.register import Decision
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.statements import EntryExplanation
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, house, zar

MINUTE = 60_000


async def explained(flat: House) -> list[EntryExplanation]:
    """Return the explanation of every entry, oldest first."""
    page = await flat.app.ledger.page(LANDLORD, "flat-1", before=None, limit=500)
    return [
        await flat.app.ledger.explain_entry(LANDLORD, "flat-1", entry.id) for entry in reversed(page.entries)
    ]


async def charges(flat: House) -> list[EntryExplanation]:
    return [each for each in await explained(flat) if each.entry.kind == "charge"]


async def test_a_charge_names_its_readings_and_what_the_register_showed(flat: House) -> None:
    await flat.read(10_000, after=0)
    await flat.read(10_100, after=10 * MINUTE)
    await flat.read(10_200, after=10 * MINUTE)
    await flat.read(10_300, after=15 * MINUTE)
    first, second = await charges(flat)
    assert [(each.register_from_wh, each.register_to_wh) for each in first.segments] == [(10_000, 10_150)]
    assert [(each.register_from_wh, each.register_to_wh) for each in second.segments] == [(10_150, 10_266)]
    assert first.readings[0].before is None
    assert (first.readings[0].after.wh, first.readings[0].after.epoch) == (10_200, 0)
    assert second.readings[0].before == first.readings[0].after
    assert second.readings[0].after.wh == 10_300
    assert second.readings[0].after.at == "2026-11-01T10:35:00.000Z"
    assert second.entry.amount == -zar("0.232")
    assert sum(each.amount + each.tax for each in second.segments) == -second.entry.amount


async def test_a_gap_is_spread_between_the_two_readings_around_it(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        await flat.read(10_000, after=0)
        await flat.read(16_000, after=6 * HOUR)
        (charge,) = await charges(flat)
    assert (charge.segments[0].register_from_wh, charge.segments[-1].register_to_wh) == (10_000, 16_000)
    for before, after in zip(charge.segments, charge.segments[1:], strict=False):
        assert before.register_to_wh == after.register_from_wh
    assert {(each.block, each.band) for each in charge.segments} >= {(1, "off-peak"), (3, "peak")}
    assert charge.readings[0].after.wh == 16_000
    assert all(each.estimated for each in charge.segments)


async def test_a_new_counter_is_told_and_no_register_is_made_up(flat: House) -> None:
    await flat.read(10_000, after=0, witness="a")
    await flat.read(10_040, after=MINUTE, witness="a")
    await flat.read(30, after=MINUTE, witness="b")
    await flat.read(60, after=15 * MINUTE, witness="b")
    old, new = await charges(flat)
    assert [(each.register_from_wh, each.register_to_wh) for each in old.segments] == [(10_000, 10_040)]
    assert old.readings[0].after.epoch == 0
    assert new.segments[0].register_from_wh == 0
    assert new.readings[0].before == old.readings[0].after
    assert new.readings[0].after.epoch == 1
    assert flat.problems() == []


async def test_what_a_person_decided_not_to_charge_is_in_no_segment(flat: House) -> None:
    await flat.read(10_000, after=0)
    await flat.read(10_005, after=MINUTE)
    for _ in range(3):
        await flat.read(90_000, after=5_000)
    await flat.app.meters.decide_quarantine(LANDLORD, flat.meter.id, Decision.DISCARD, reason="it jumped")
    await flat.settle()
    await flat.read(90_003, after=MINUTE)
    await flat.read(90_003, after=15 * MINUTE)
    found = await charges(flat)
    registers = [(each.register_from_wh, each.register_to_wh) for one in found for each in one.segments]
    assert registers == [(10_000, 10_005), (90_000, 90_003)]
    assert flat.problems() == []


async def test_a_standing_charge_has_no_meter_and_a_top_up_no_segment(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS) as flat:
        await flat.tick(24 * HOUR)
        top_up, standing = await explained(flat)
    assert top_up.entry.split == {"balance": zar("100.00")}
    assert (top_up.segments, top_up.readings) == ((), ())
    assert [(each.kind, each.meter_id, each.register_to_wh) for each in standing.segments] == [
        ("standing", None, None)
    ]
    assert standing.readings == ()


@pytest.mark.invariant(5)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 30 * HOUR]), st.integers(0, 100), st.booleans()
        ),
        min_size=1,
        max_size=15,
    )
)
async def test_the_segments_of_a_counter_join_from_its_first_reading_to_its_last(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    async with house(tmp_path_factory.mktemp("house"), BLOCKS) as flat:
        register = 10_000
        await flat.read(register, after=0)
        for after, wh, pays in steps:
            register += wh
            await flat.read(register, after=after)
            if pays:
                await flat.top_up("5.00")
        await flat.top_up("5.00")
        segments = [each for one in await charges(flat) for each in one.segments if each.meter_id]
        at = 10_000
        for each in segments:
            assert each.register_from_wh == at
            assert each.register_to_wh == at + each.wh
            at += each.wh
        assert at == register


async def test_an_entry_of_another_account_is_not_there(flat: House) -> None:
    for wrong in ("entry-999", "", "entry-1' OR 1"):
        with pytest.raises(RequestRefused) as refused:
            await flat.app.ledger.explain_entry(LANDLORD, "flat-1", wrong)
        assert (refused.value.code, refused.value.field) == (ErrorCode.NOT_FOUND, "entry_id")
