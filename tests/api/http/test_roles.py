"""Every route, every role: who may call what, and that nothing is served without a declaration."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
import pytest

from meter_bridge.api.app import ENDPOINTS, build_app
from meter_bridge.api.http.endpoint import Endpoint, UndeclaredRouteError, check_declared, register
from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, filled

ROLES: Final = ("owner", "landlord", "caretaker", "tenant", "device", "nobody")
EVERYBODY: Final = {"owner", "landlord", "caretaker", "tenant", "device"}
PEOPLE: Final = {"owner", "landlord", "caretaker", "tenant"}
STAFF: Final = {"owner", "landlord", "caretaker"}
LANDLORDS: Final = {"owner", "landlord"}
OWNER: Final = {"owner"}

ALLOWED: Final = {
    "GET /metrics": OWNER,
    "GET /api/v1/me": EVERYBODY,
    "GET /api/v1/accounts": PEOPLE,
    "GET /api/v1/accounts/{id}": PEOPLE,
    "GET /api/v1/accounts/{id}/ledger": LANDLORDS | {"tenant"},
    "GET /api/v1/accounts/{id}/ledger/{entry_id}": LANDLORDS | {"tenant"},
    "GET /api/v1/accounts/{id}/statement": PEOPLE,
    "POST /api/v1/accounts/{id}/policy": LANDLORDS,
    "GET /api/v1/history": PEOPLE,
    "POST /api/v1/accounts/{id}/top-ups": LANDLORDS,
    "GET /api/v1/accounts/{id}/top-ups/{entry_id}/receipt": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/vouchers": LANDLORDS | {"tenant"},
    "GET /api/v1/vouchers": LANDLORDS,
    "GET /api/v1/vouchers/{batch}": LANDLORDS,
    "POST /api/v1/vouchers": LANDLORDS,
    "POST /api/v1/vouchers/sell": LANDLORDS,
    "POST /api/v1/vouchers/block": LANDLORDS,
    "GET /api/v1/accounts/{id}/payment-options": LANDLORDS | {"tenant"},
    "GET /api/v1/accounts/{id}/top-up-preview": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/payments": LANDLORDS | {"tenant"},
    "GET /api/v1/accounts/{id}/payments": LANDLORDS | {"tenant"},
    "GET /api/v1/accounts/{id}/payments/{payment}": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/access": LANDLORDS,
    "DELETE /api/v1/accounts/{id}/access": LANDLORDS,
    "GET /api/v1/accounts/{id}/notifications": LANDLORDS | {"tenant"},
    "PUT /api/v1/accounts/{id}/notifications": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/notifications/confirm": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/notifications/test": LANDLORDS | {"tenant"},
    "GET /api/v1/notices": STAFF,
    "POST /api/v1/notices/test": OWNER,
    "GET /api/v1/payments/waiting": LANDLORDS,
    "POST /api/v1/accounts/{id}/keypad-tokens": LANDLORDS | {"tenant"},
    "POST /api/v1/payments/decide": LANDLORDS,
    "POST /api/v1/payments/reconciliation/{provider}": OWNER,
    "POST /api/v1/accounts/{id}/refunds": LANDLORDS,
    "POST /api/v1/accounts/{id}/corrections": LANDLORDS,
    "POST /api/v1/accounts/{id}/repricings": LANDLORDS,
    "POST /api/v1/accounts/{id}/transfers": LANDLORDS,
    "POST /api/v1/accounts/{id}/reversals": LANDLORDS,
    "POST /api/v1/accounts/{id}/write-offs": LANDLORDS,
    "POST /api/v1/accounts/{id}/debts": LANDLORDS,
    "POST /api/v1/accounts/{id}/debts/change": LANDLORDS,
    "POST /api/v1/accounts/{id}/debts/close": LANDLORDS,
    "POST /api/v1/accounts/{id}/emergency-credit": LANDLORDS | {"tenant"},
    "POST /api/v1/accounts/{id}/move-out": LANDLORDS,
    "POST /api/v1/accounts/{id}/move-in": LANDLORDS,
    "GET /api/v1/accounts/{id}/tenancies": LANDLORDS,
    "GET /api/v1/tenancies": LANDLORDS,
    "GET /api/v1/debts": LANDLORDS,
    "POST /api/v1/accounts/{id}/settlements": LANDLORDS,
    "POST /api/v1/accounts/{id}/supply": PEOPLE,
    "GET /api/v1/accounts/{id}/holds": PEOPLE,
    "POST /api/v1/accounts/{id}/holds": STAFF,
    "DELETE /api/v1/accounts/{id}/holds/{hold}": STAFF,
    "GET /api/v1/meters": STAFF,
    "GET /api/v1/exposure": STAFF,
    "POST /api/v1/meters/{id}/quarantine": STAFF,
    "POST /api/v1/meters/{id}/readings": STAFF | {"device"},
    "POST /api/v1/meters/{id}/replacement": STAFF,
    "GET /api/v1/alerts": PEOPLE,
    "POST /api/v1/alerts/{id}/acknowledge": STAFF,
    "POST /api/v1/clock/confirm": OWNER,
    "GET /api/v1/tokens": OWNER,
    "POST /api/v1/tokens": OWNER,
    "DELETE /api/v1/tokens/{id}": OWNER,
    "POST /api/v1/site": OWNER,
    "GET /api/v1/ws": PEOPLE,
    "GET /api/v1/openapi.json": EVERYBODY,
}
"""Written out a second time, so that a slip in a declaration is seen."""
PUBLIC: Final = {"GET /health", "GET /api/v1/info"}
SIGNED: Final = {"POST /api/v1/payment-events/{provider}"}
"""Want no token, because whoever sends it signs it."""
PAGE: Final = {
    "GET /",
    "GET /my/",
    "GET /my/{file}",
    "POST /api/v1/page/sign-in",
    "POST /api/v1/page/sign-out",
}
"""The tenant's page, before anybody is known."""
OPENS_WEBSOCKET: Final = "GET /api/v1/ws"


def route_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def test_every_route_is_in_the_table() -> None:
    assert {route_of(each) for each in ENDPOINTS} == set(ALLOWED) | PUBLIC | SIGNED | PAGE


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("route", [each for each in ALLOWED if each != OPENS_WEBSOCKET])
async def test_a_route_serves_the_roles_of_the_table_and_no_other(api: Served, route: str, name: str) -> None:
    method, path = route.split(" ")
    response = await api.ask(method, filled(path, "flat-1"), name)
    if name in ALLOWED[route]:
        # Without a body some are refused later; what counts is that the role was not the reason.
        assert response.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        assert response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        assert response.status == HTTPStatus.FORBIDDEN
        assert (await response.json())["code"] == "not_allowed"
        assert api.port.calls == []


@pytest.mark.parametrize("name", ROLES)
async def test_the_websocket_opens_for_the_roles_of_the_table_and_no_other(api: Served, name: str) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    async with api.session.get(api.url / "api/v1/ws", headers=api.headers(name) | upgrade) as response:
        allowed = name in ALLOWED[OPENS_WEBSOCKET]
        assert response.status == (HTTPStatus.SWITCHING_PROTOCOLS if allowed else HTTPStatus.FORBIDDEN)


@pytest.mark.parametrize("route", list(ALLOWED))
async def test_without_a_token_nothing_but_health_and_info_is_served(api: Served, route: str) -> None:
    method, path = route.split(" ")
    response = await api.ask(method, filled(path, "flat-1"), None)
    assert response.status == HTTPStatus.UNAUTHORIZED
    assert (await response.json())["code"] == "not_authenticated"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert api.port.calls == []


@pytest.mark.parametrize("route", sorted(PUBLIC))
async def test_health_and_info_want_no_token(api: Served, route: str) -> None:
    assert (await api.ask("GET", route.split(" ")[1], None)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    "action,allowed",
    [
        ("off", STAFF),
        ("on", LANDLORDS),
        ("auto", STAFF),
        ("confirm", LANDLORDS | {"tenant"}),
    ],
)
@pytest.mark.parametrize("name", sorted(PEOPLE))
async def test_each_role_may_ask_its_own_actions_of_a_supply(
    api: Served, name: str, action: str, allowed: set[str]
) -> None:
    body = {"action": action, "reason": "inspection"}
    response = await api.ask("POST", "/api/v1/accounts/flat-1/supply", name, json=body)
    assert response.status == (HTTPStatus.OK if name in allowed else HTTPStatus.FORBIDDEN)
    assert len(api.port.touched) == (name in allowed)


def test_a_handler_without_a_declaration_cannot_be_registered() -> None:
    async def bare(_request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(UndeclaredRouteError, match="declares no rights"):
        register(web.Application(), (bare,))  # type: ignore[arg-type]


async def test_an_application_with_an_undeclared_route_does_not_start() -> None:
    async def bare(_request: web.Request) -> web.Response:
        return web.Response()

    app = build_app(StandIn().application())
    await check_declared(app)
    app.router.add_get("/api/v1/backdoor", bare)
    with pytest.raises(UndeclaredRouteError, match="backdoor"):
        await web.AppRunner(app).setup()
