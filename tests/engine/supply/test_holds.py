"""Holds: several at once, each with its reason, lifted by nobody but a person."""

from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.supply.decision import MANUAL_HOLD_ID, MAX_HOLDS
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role, SupplyAction
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyReason, SupplyState
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, apply, opened
from tests.engine.supply.test_decision import deplete, site

OFF, ON = HoldPosition.OFF, HoldPosition.ON
CARETAKER = Actor("sam", Role.CARETAKER, frozenset({"*"}))


async def hold(made: House, hold_id: str, position: HoldPosition = OFF, actor: Actor = LANDLORD) -> bool:
    """Place a hold; says whether it stood already."""
    _, known = await made.app.supply.place_hold(
        actor, made.account.id, position, reason=f"because of {hold_id}", hold_id=hold_id
    )
    await made.settle()
    return known


async def lift(made: House, hold_id: str, reason: str | None = None) -> None:
    """Lift a hold."""
    await made.app.supply.lift_hold(LANDLORD, made.account.id, hold_id, reason=reason)
    await made.settle()


async def test_a_supply_is_off_while_any_hold_keeps_it_off(flat: House) -> None:
    await hold(flat, "leak")
    await hold(flat, "wiring", actor=CARETAKER)
    await hold(flat, "visitors", ON)
    await lift(flat, "leak")
    assert (flat.state(), flat.account.reason) == (SupplyState.DISCONNECTED, SupplyReason.LANDLORD_OFF)
    assert flat.account.note == "because of wiring"
    await lift(flat, "wiring")
    assert (flat.state(), flat.account.reason) == (SupplyState.CONNECTED, SupplyReason.LANDLORD_ON)
    await deplete(flat)
    assert flat.state() is SupplyState.CONNECTED
    await lift(flat, "visitors")
    assert flat.account.reason is SupplyReason.CREDIT_EXHAUSTED


async def test_switching_by_hand_places_one_hold_and_lifts_no_other(flat: House) -> None:
    await hold(flat, "leak")
    await flat.supply(SupplyAction.ON, "visitors")
    await flat.hold_off("inspection")
    assert [each.id for each in flat.app.supply.holds(LANDLORD, "flat-1")] == ["leak", MANUAL_HOLD_ID]
    await flat.supply(SupplyAction.AUTO)
    assert flat.state() is SupplyState.DISCONNECTED
    assert [each.id for each in flat.app.supply.holds(LANDLORD, "flat-1")] == ["leak"]


async def test_who_held_and_who_lifted_is_on_record(flat: House) -> None:
    await hold(flat, "leak")
    await hold(flat, "wiring", actor=CARETAKER)
    await lift(flat, "leak", "mended")
    query = "SELECT state, actor, note FROM supply_decision ORDER BY seq DESC LIMIT 3"
    assert flat.rows(query) == [
        ("disconnected", "landlord", "mended"),
        ("disconnected", "sam", "because of wiring"),
        ("disconnected", "landlord", "because of leak"),
    ]
    events = flat.rows("SELECT kind, data FROM event WHERE kind LIKE 'hold%' ORDER BY seq")
    assert [kind for kind, _ in events] == ["hold_placed", "hold_placed", "hold_lifted"]
    assert '"reason":"mended","by":"landlord"' in str(events[-1][1])


async def test_the_same_hold_again_is_placed_once_and_another_under_its_name_refused(flat: House) -> None:
    assert not await hold(flat, "leak")
    assert await hold(flat, "leak")
    with pytest.raises(RequestRefused) as refusal:
        await hold(flat, "leak", ON)
    assert (refusal.value.code, refusal.value.field) == (ErrorCode.CONFLICT, "id")
    assert len(flat.account.holds) == 1


async def test_a_hold_without_a_name_is_given_one(flat: House) -> None:
    first, _ = await flat.app.supply.place_hold(LANDLORD, "flat-1", OFF, reason="leak", hold_id=None)
    second, _ = await flat.app.supply.place_hold(LANDLORD, "flat-1", OFF, reason="leak", hold_id=None)
    assert first.id != second.id
    await lift(flat, first.id)
    assert flat.state() is SupplyState.DISCONNECTED


async def test_an_unknown_hold_is_not_lifted(flat: House) -> None:
    await hold(flat, "leak")
    with pytest.raises(RequestRefused) as refusal:
        await lift(flat, "lek")
    assert refusal.value.code is ErrorCode.NOT_FOUND
    assert "leak" in (refusal.value.remedy or "")


async def test_there_is_an_end_to_holds(flat: House) -> None:
    for number in range(MAX_HOLDS):
        await hold(flat, f"hold-{number}")
    with pytest.raises(RequestRefused, match="as many as there can be"):
        await hold(flat, "one-more")


async def test_who_is_never_cut_cannot_be_held_off(tmp_path: Path) -> None:
    async with opened(tmp_path, VirtualTime()) as made:
        await apply(made, site(never_cut="yes"))
        with pytest.raises(RequestRefused, match="never cut"):
            await hold(made, "leak")
        assert made.state() is SupplyState.CONNECTED


async def test_holds_survive_a_restart_and_any_payment(flat: House) -> None:
    await hold(flat, "leak")
    await hold(flat, "wiring")
    async with opened(flat.data, VirtualTime(flat.time.wall, flat.time.monotonic)) as again:
        await again.top_up("500.00", key="much")
        await again.tick(24 * HOUR)
        assert [each.id for each in again.account.holds] == ["leak", "wiring"]
        assert again.state() is SupplyState.DISCONNECTED
