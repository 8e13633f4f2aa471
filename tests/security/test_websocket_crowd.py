"""No token and no account holds the WebSockets of everybody else."""

from contextlib import AsyncExitStack
from dataclasses import replace

from aiohttp import web
import pytest

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.api.http.authentication import LOCAL_OPERATOR
from meter_bridge.api.http.listener import (
    MAX_SOCKETS,
    MAX_SOCKETS_PER_ACCOUNT,
    MAX_SOCKETS_PER_TOKEN,
    OpenSockets,
)
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import Role

LANDLORD = Actor("Home Assistant", Role.LANDLORD, sites=frozenset({EVERYTHING}), token_id="a")
TENANT = Actor("Anna", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="b")


class Crowd:
    """Opens WebSockets until no more are let in."""

    def __init__(self) -> None:
        self.sockets = OpenSockets()
        self.stack = AsyncExitStack()

    def open(self, actor: Actor) -> None:
        self.stack.enter_context(self.sockets.admit(web.WebSocketResponse(), actor))

    def fill(self, *actors: Actor) -> int:
        """Return how many WebSockets the actors get in turn."""
        for number in range(MAX_SOCKETS + 1):
            try:
                self.open(actors[number % len(actors)])
            except RequestRefused:
                return number
        raise AssertionError("there is no end")


async def test_one_token_does_not_hold_the_websockets_of_all() -> None:
    crowd = Crowd()
    assert crowd.fill(LANDLORD) == MAX_SOCKETS_PER_TOKEN
    crowd.open(replace(LANDLORD, token_id="other"))
    crowd.open(TENANT)
    await crowd.stack.aclose()
    assert crowd.fill(LANDLORD) == MAX_SOCKETS_PER_TOKEN


async def test_several_tokens_and_sessions_of_one_account_share_its_limit() -> None:
    crowd = Crowd()
    tokens = [replace(TENANT, token_id=f"page-{number}") for number in range(100)]
    assert crowd.fill(*tokens) == MAX_SOCKETS_PER_ACCOUNT
    crowd.open(replace(TENANT, accounts=frozenset({"flat-2"}), token_id="c"))


async def test_an_account_is_not_held_by_a_token_of_many() -> None:
    crowd = Crowd()
    both = replace(TENANT, accounts=frozenset({"flat-1", "flat-2"}), token_id="both")
    crowd.fill(both)
    with pytest.raises(RequestRefused, match="of this account"):
        crowd.open(TENANT)
    crowd.open(LANDLORD)


async def test_the_local_operator_is_counted_among_all_alone() -> None:
    crowd = Crowd()
    assert crowd.fill(LOCAL_OPERATOR) == MAX_SOCKETS


def test_sixteen_landlords_and_a_house_of_tenants_find_room() -> None:
    assert MAX_SOCKETS_PER_ACCOUNT < MAX_SOCKETS_PER_TOKEN <= MAX_SOCKETS // 8
