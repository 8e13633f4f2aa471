"""Invariant 15: a tenant's token never reads or changes another's account."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
import json
from typing import Final
from urllib.parse import quote

from hypothesis import given, settings, strategies as st
import msgspec
import pytest
import pytest_asyncio

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.authentication import visible_part
from meter_bridge.protocol.messages import Event, EventKind, Update
from tests.api.factories import ACTORS, NOW, SITES, account, alert
from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, filled, serving

pytestmark = pytest.mark.invariant(15)

FOREIGN: Final = sorted(set(SITES) - {"flat-1"})
WEBSOCKET: Final = "/api/v1/ws"
ROUTES: Final = [(each.method, each.path) for each in ENDPOINTS if each.path != WEBSOCKET]
BODIES: Final = (
    None,
    {"action": "confirm"},
    {"action": "off", "reason": "mine"},
    {"amount": "10.00", "method": "cash"},
    {"decision": "accept", "reason": "mine"},
    {"name": "mine", "role": "landlord", "sites": ["*"]},
)
IDS: Final = st.sampled_from(
    [*FOREIGN, "flat-2-meter", "low-2", "flat-1%2F..%2Fflat-2", "flat-1/../flat-2", "flat%2D2", "FLAT-2", "*"]
) | st.text(min_size=1, max_size=8)


@pytest_asyncio.fixture
async def careless() -> AsyncGenerator[Served]:
    """Serve an engine that forgets to check who may see what: the API itself must hold the rule."""
    async with serving(StandIn(careless=True)) as served:
        yield served


def names_no_other_account(text: str) -> bool:
    return not any(each in text for each in FOREIGN)


@pytest.mark.parametrize("account_id", [*FOREIGN, "no-such-flat"])
@pytest.mark.parametrize("method,path", [each for each in ROUTES if "/accounts/{id}" in each[1]])
async def test_a_foreign_account_answers_like_one_that_does_not_exist(
    careless: Served, method: str, path: str, account_id: str
) -> None:
    for body in ({"action": "confirm"}, {"amount": "10.00", "method": "cash"}):
        response = await careless.ask(method, filled(path, account_id), "tenant", json=body)
        # 400 and 403 speak of the request and the role alone, whatever the account.
        assert response.status in {400, 403, 404}
    assert careless.port.touched == []


async def test_another_site_answers_a_landlord_like_one_that_does_not_exist(careless: Served) -> None:
    for path in ("", "/ledger"):
        assert (await careless.ask("GET", f"/api/v1/accounts/shop-1{path}", "landlord")).status == 404
    body = {"amount": "10.00", "method": "cash"}
    key = {"Idempotency-Key": "k"}
    path = "/api/v1/accounts/shop-1/top-ups"
    assert (await careless.ask("POST", path, "landlord", json=body, headers=key)).status == 404
    assert careless.port.touched == []


@given(route=st.sampled_from(ROUTES), identifier=IDS, body=st.sampled_from(BODIES))
@settings(max_examples=150)
def test_no_request_of_a_tenant_shows_or_changes_another_account(
    route: tuple[str, str], identifier: str, body: dict[str, object] | None
) -> None:
    asyncio.run(_ask_as_tenant(route, identifier, body))


async def _ask_as_tenant(route: tuple[str, str], identifier: str, body: dict[str, object] | None) -> None:
    method, path = route
    async with serving(StandIn(careless=True)) as served:
        response = await served.ask(
            method,
            filled(path, quote(identifier, safe="%/")),
            "tenant",
            json=body,
            headers={"Idempotency-Key": "k"},
        )
        if response.ok:
            assert names_no_other_account(await response.text())
        assert {where for _, _, where in served.port.touched} <= {"flat-1"}
        assert served.port.made == {}


def messages() -> Iterable[Event | Update]:
    for account_id in (*SITES, None):
        yield Event(
            seq=1,
            at=NOW,
            kind=EventKind.DEBT_CHANGED,
            account_id=account_id,
            meter_id=None,
            data={"of": account_id},
        )
    yield Event(seq=2, at=NOW, kind=EventKind.ALERT_OPENED, account_id=None, meter_id="flat-2-meter", data={})
    yield Update(
        type="update",
        accounts=tuple(account(each) for each in SITES),
        removed=tuple(SITES),
        alerts=(alert("a", "flat-2"), alert("b", None, "flat-2-meter"), alert("c", None)),
    )


def test_nothing_of_another_account_passes_over_a_tenants_websocket() -> None:
    passed = [visible_part(ACTORS["tenant"], each) for each in messages()]
    text = "".join(msgspec.json.encode(each).decode() for each in passed if each is not None)
    assert names_no_other_account(text)
    assert "flat-1" in text


async def test_the_snapshot_of_a_tenant_holds_the_own_account_alone(careless: Served) -> None:
    async with careless.session.ws_connect(
        careless.url / "api/v1/ws", headers=careless.headers("tenant")
    ) as socket:
        await socket.receive_json()
        await socket.send_json({"type": "subscribe", "schema_version": 1})
        snapshot = await socket.receive_json()
        assert [each["id"] for each in snapshot["accounts"]] == ["flat-1"]
        assert snapshot["unassigned_meters"] == []
        assert names_no_other_account(json.dumps(snapshot))
