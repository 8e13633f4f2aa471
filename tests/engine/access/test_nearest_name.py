"""A name that there is not is met with the nearest that the actor may see, and with no other."""

import pytest

from meter_bridge.actor import Actor
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol.messages import Role
from tests.engine.harness import LANDLORD, House

TENANT = Actor("tenant", Role.TENANT, frozenset(), frozenset({"shop"}))


def remedy_for(house: House, actor: Actor, account: str) -> str | None:
    with pytest.raises(RequestRefused) as refused:
        house.app.accounts.view(actor, account)
    return refused.value.remedy


@pytest.mark.parametrize("typed", ["flat1", "Flat 1", "flat_1", "falt-1"])
async def test_a_wrong_account_is_met_with_the_nearest(flat: House, typed: str) -> None:
    assert remedy_for(flat, LANDLORD, typed) == f"did you mean 'flat-1'? {ACCOUNTS}"


async def test_others_than_staff_get_the_same_answer_to_every_name(flat: House) -> None:
    assert {remedy_for(flat, TENANT, name) for name in ("flat-1", "shp", "x")} == {ACCOUNTS}


async def test_a_wrong_meter_is_met_with_the_nearest(flat: House) -> None:
    with pytest.raises(RequestRefused) as refused:
        await flat.app.meters.decide_quarantine(LANDLORD, "flat-1/mian", "accept", reason="r")
    assert str(refused.value.remedy).startswith("did you mean 'flat-1/main'? 'meter-bridge meters'")


async def test_a_wrong_site_and_account_of_a_token_are_met_with_the_nearest(flat: House) -> None:
    wrong: list[tuple[Role, set[str], set[str]]] = [
        (Role.LANDLORD, {"hause"}, set()),
        (Role.TENANT, set(), {"flat1"}),
    ]
    for role, sites, accounts in wrong:
        with pytest.raises(RequestRefused) as refused:
            await flat.app.tokens.create(
                LANDLORD,
                name="x",
                role=role,
                sites=frozenset(sites),
                accounts=frozenset(accounts),
                days=None,
            )
        assert refused.value.remedy in {"did you mean 'house'?", "did you mean 'flat-1'?"}
