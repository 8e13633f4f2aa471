"""Invariant 15 over the real engine: on every route there is, a tenant learns and changes nothing of another.

Every route stands in one of the lists below, with the way in which a tenant could aim at another account
there; a new one without a line fails. Whatever is asked of another account is answered, to the letter, as for
one that does not exist, and afterwards nothing of it has changed.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
import json
from pathlib import Path
from secrets import token_hex
import tempfile
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientSession
import msgspec
import pytest
import pytest_asyncio

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.authentication import PAGE_HEADER
from meter_bridge.api.http.endpoint import Endpoint
from tests.api.real_engine import RealEngine, real_engine

pytestmark = pytest.mark.invariant(15)

OWN: Final = "flat-1"
FOREIGN: Final = ("flat-2", "flat-3", "caretaker")
MISSING: Final = "no-such-flat"
UNKNOWN_ID: Final = "ffffffffffff"
SECRETS: Final = (*FOREIGN, "Flat 2", "Flat 3", "van Wyk", "Naidoo", "Caretaker's room", "receipt of flat-2")
"""What names another account or its customer."""
DISGUISES: Final = (
    "FLAT-2",
    "flat-2%20",
    "flat%2D2",
    "flat-1%2F..%2Fflat-2",
    "flat-1%00flat-2",
    "*",
    "flat-1,flat-2",
)
"""Ids that a careless comparison takes for another's."""

LISTS: Final = {
    "GET /api/v1/me",
    "GET /api/v1/accounts",
    "GET /api/v1/history",
    "GET /api/v1/alerts",
    "GET /api/v1/openapi.json",
}
"""Ask of no account; the answer has to be about the own one alone."""
OF_STAFF: Final = {
    "GET /metrics",
    "GET /api/v1/vouchers",
    "GET /api/v1/vouchers/{batch}",
    "POST /api/v1/vouchers",
    "POST /api/v1/vouchers/sell",
    "POST /api/v1/vouchers/block",
    "GET /api/v1/payments/waiting",
    "POST /api/v1/payments/decide",
    "POST /api/v1/payments/reconciliation/{provider}",
    "GET /api/v1/notices",
    "POST /api/v1/notices/test",
    "GET /api/v1/tenancies",
    "GET /api/v1/debts",
    "GET /api/v1/meters",
    "GET /api/v1/exposure",
    "POST /api/v1/meters/{id}/quarantine",
    "POST /api/v1/meters/{id}/readings",
    "POST /api/v1/meters/{id}/replacement",
    "POST /api/v1/alerts/{id}/acknowledge",
    "POST /api/v1/clock/confirm",
    "GET /api/v1/tokens",
    "POST /api/v1/tokens",
    "DELETE /api/v1/tokens/{id}",
    "POST /api/v1/site",
}
"""Refused to every tenant, whatever it names."""
WITHOUT_TOKEN: Final = {
    "GET /health",
    "GET /api/v1/info",
    "GET /",
    "GET /my/",
    "GET /my/{file}",
    "POST /api/v1/page/sign-in",
    "POST /api/v1/page/sign-out",
    "POST /api/v1/payment-events/{provider}",
}
"""Served to nobody in particular: a token makes no difference there."""
FOLLOWED: Final = {"GET /api/v1/ws"}


def route_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


OF_ACCOUNT: Final = [each for each in ENDPOINTS if "/accounts/{id}" in each.path]
"""Name an account in their path: tried one by one."""


def test_every_route_has_its_line() -> None:
    listed = LISTS | OF_STAFF | WITHOUT_TOKEN | FOLLOWED
    assert {route_of(each) for each in ENDPOINTS} == listed | {route_of(each) for each in OF_ACCOUNT}
    assert {route_of(each) for each in ENDPOINTS if each.access.public} == WITHOUT_TOKEN


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    text: str

    def without(self, identifier: str) -> tuple[int, str]:
        """Return the answer with the id that was asked for taken out."""
        return self.status, self.text.replace(f"'{identifier}'", "…").replace(f'"{identifier}"', "…")


@dataclass(slots=True)
class Street:
    """The served house with something of flat-2's in every place."""

    engine: RealEngine
    session: ClientSession
    cookie: str = ""
    entry: str = ""
    payment: str = ""
    before: list[str] = field(default_factory=list)
    """What the owner saw of the others when all was prepared."""

    async def ask(
        self, method: str, path: str, name: str = "owner", body: object = None, *, as_page: bool = False
    ) -> Answer:
        """Send a request with a token, or as the tenant's page does."""
        headers = {"Idempotency-Key": token_hex(8)}
        headers |= {"Cookie": self.cookie, PAGE_HEADER: "1"} if as_page else self.engine.headers(name)
        # A body is sent as text because Unicode may be in it, and the address as it is because escapes are.
        data = None if body is None else msgspec.json.encode(body)
        url = self.engine.url + path
        async with self.session.request(method, _encoded(url), data=data, headers=headers) as response:
            return Answer(response.status, await response.text())

    async def prepare(self) -> None:
        """Let flat-2 have money, a hold, an alert, a payment under way; and flat-1 a session of the page."""
        account = "/api/v1/accounts/flat-2"
        top_up = {"amount": "100.00", "method": "cash", "reference": "receipt of flat-2"}
        booked = await self.ask("POST", f"{account}/top-ups", body=top_up)
        self.entry = json.loads(booked.text)["top_up"]["id"]
        paying = await self.ask("POST", f"{account}/payments", body={"amount": "50.00", "provider": "till"})
        assert paying.status == 201, paying.text
        self.payment = json.loads(paying.text)["id"]
        assert (await self.ask("POST", f"{account}/access")).status == 201
        made = await self.ask("POST", f"/api/v1/accounts/{OWN}/access")
        self.cookie = await self._signed_in(json.loads(made.text)["code"])
        self.before = await self.seen_by_owner()

    async def _signed_in(self, code: str) -> str:
        body = {"number": OWN, "code": code}
        url = f"{self.engine.url}/api/v1/page/sign-in"
        async with self.session.post(url, json=body, headers={PAGE_HEADER: "1"}) as response:
            assert response.status == 200, await response.text()
            return response.headers["Set-Cookie"].partition(";")[0]

    async def seen_by_owner(self) -> list[str]:
        """Return all that the API tells of the other accounts, but for what time alone changes."""
        told = []
        for account in FOREIGN:
            for part in ("", "/ledger", "/payments", "/notifications", "/holds", "/tenancies"):
                answer = await self.ask("GET", f"/api/v1/accounts/{account}{part}")
                assert answer.status == 200, answer.text
                told.append(answer.text)
        return told


def _encoded(url: str) -> Any:  # noqa: ANN401 - yarl's own type comes with aiohttp
    from yarl import URL  # noqa: PLC0415

    return URL(url, encoded=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street() -> AsyncIterator[Street]:
    """Serve the house."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        async with real_engine(Path(name)) as engine, ClientSession() as session:
            made = Street(engine, session)
            await made.prepare()
            yield made


def path_of(endpoint: Endpoint, account: str, street: Street, *, own: bool = False) -> str:
    """Return the route's path, with what flat-2 has in the places behind the account."""
    inner = {
        "entry_id": UNKNOWN_ID if own else street.entry,
        "payment": UNKNOWN_ID if own else street.payment,
        "hold": "leak",
    }
    path = endpoint.path.replace("{id}", account)
    for name, value in inner.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path
    return path


def body_of(endpoint: Endpoint) -> object:
    return msgspec.to_builtins(endpoint.example) if endpoint.body is not None else None


def tells_of_another(text: str) -> list[str]:
    return [each for each in SECRETS if each in text]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("as_page", [False, True], ids=["token", "session"])
@pytest.mark.parametrize("endpoint", OF_ACCOUNT, ids=lambda each: each.name)
async def test_another_account_answers_to_the_letter_like_one_that_does_not_exist(
    street: Street, endpoint: Endpoint, *, as_page: bool
) -> None:
    for body in (body_of(endpoint), None, {"action": "confirm"}):
        path = path_of(endpoint, MISSING, street)
        missing = await street.ask(endpoint.method, path, "tenant", body, as_page=as_page)
        assert missing.status in {400, 403, 404}
        for account in FOREIGN:
            path = path_of(endpoint, account, street)
            answer = await street.ask(endpoint.method, path, "tenant", body, as_page=as_page)
            assert answer.without(account) == missing.without(MISSING)
        for account in DISGUISES:
            path = path_of(endpoint, account, street)
            answer = await street.ask(endpoint.method, path, "tenant", body, as_page=as_page)
            assert answer.status in {400, 403, 404}
            assert answer.status == missing.status
    assert await street.seen_by_owner() == street.before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("as_page", [False, True], ids=["token", "session"])
@pytest.mark.parametrize(
    "endpoint",
    [each for each in OF_ACCOUNT if each.path.count("{") > 1],
    ids=lambda each: each.name,
)
async def test_what_another_has_is_not_found_in_the_own_account(
    street: Street, endpoint: Endpoint, *, as_page: bool
) -> None:
    body = body_of(endpoint)
    paths = [path_of(endpoint, OWN, street, own=own) for own in (False, True)]
    theirs, unknown = [
        await street.ask(endpoint.method, each, "tenant", body, as_page=as_page) for each in paths
    ]
    assert theirs.status in {403, 404}
    (of,) = {street.entry, street.payment, "leak"} & set(paths[0].split("/"))
    assert theirs.without(of) == unknown.without(UNKNOWN_ID if of != "leak" else of)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("as_page", [False, True], ids=["token", "session"])
@pytest.mark.parametrize("route", sorted(LISTS))
async def test_a_list_holds_the_own_account_alone(street: Street, route: str, *, as_page: bool) -> None:
    method, path = route.split(" ")
    told = await street.ask(method, path, "tenant", as_page=as_page)
    assert told.status == 200
    if not path.endswith("openapi.json"):
        assert tells_of_another(told.text) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["account", "from_account"])
async def test_the_history_of_another_is_like_that_of_nobody(street: Street, name: str) -> None:
    asked = [
        await street.ask("GET", f"/api/v1/history?{name}={each}", "tenant") for each in (MISSING, *FOREIGN)
    ]
    told = [each.without(of) for each, of in zip(asked, (MISSING, *FOREIGN), strict=True)]
    assert len(set(told)) == 1
    assert tells_of_another(told[0][1]) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("as_page", [False, True], ids=["token", "session"])
@pytest.mark.parametrize("route", sorted(OF_STAFF))
async def test_what_is_of_staff_alone_is_refused_whatever_it_names(
    street: Street, route: str, *, as_page: bool
) -> None:
    (endpoint,) = (each for each in ENDPOINTS if route_of(each) == route)
    answers = set()
    for identifier in (MISSING, "flat-1/main", "flat-2/main", OWN, "till", UNKNOWN_ID):
        path = endpoint.path
        for name in ("id", "batch", "provider"):
            path = path.replace(f"{{{name}}}", quote(identifier, safe=""))
        answer = await street.ask(endpoint.method, path, "tenant", body_of(endpoint), as_page=as_page)
        assert answer.status == 403
        answers.add(answer.text)
    assert len(answers) == 1
    assert await street.seen_by_owner() == street.before


@pytest.mark.asyncio(loop_scope="module")
async def test_a_tenant_may_not_aim_money_or_a_hold_of_its_own_at_another(street: Street) -> None:
    for path, body in (
        (f"/api/v1/accounts/{OWN}/transfers", {"to": "flat-2", "amount": "-1.00", "reason": "x"}),
        (f"/api/v1/accounts/{OWN}/supply?account=flat-2", {"action": "confirm"}),
        (f"/api/v1/accounts/{OWN}/payments", {"amount": "50.00", "provider": "till", "account": "flat-2"}),
    ):
        assert (await street.ask("POST", path, "tenant", body)).status in {400, 403, 409}
    assert await street.seen_by_owner() == street.before


@pytest.mark.asyncio(loop_scope="module")
async def test_the_websocket_tells_a_tenant_nothing_of_another_from_the_beginning_on(street: Street) -> None:
    headers = street.engine.headers("tenant")
    async with street.session.ws_connect(f"{street.engine.url}/api/v1/ws", headers=headers) as socket:
        heard = [await socket.receive_str(timeout=30)]
        await socket.send_json({"type": "subscribe", "schema_version": 1, "since": 0})
        heard.append(await socket.receive_str(timeout=30))
        for account in ("flat-2", OWN):
            path, body = f"/api/v1/accounts/{account}/top-ups", {"amount": "11.00", "method": "cash"}
            assert (await street.ask("POST", path, body=body)).status == 201
        while '"kind":"top_up"' not in heard[-1] or OWN not in heard[-1]:
            heard.append(await socket.receive_str(timeout=30))
    assert tells_of_another("".join(heard)) == []
    street.before = await street.seen_by_owner()
