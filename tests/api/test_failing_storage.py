"""While storage fails, no answer and no view rests on state that is not on disk.

Every route stands in one of the lists below; a new one without a line fails. Each change is asked for while
the database cannot be written, and asked for again; every view is then as it was before. After recovery it
still is, and the same request is carried out as if it came for the first time.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientSession, UnixConnector
import msgspec
import pytest
import pytest_asyncio
from yarl import URL

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.model import Meter
from meter_bridge.payments.providers.signature import HEADER, sign
from meter_bridge.protocol.messages import ErrorCode, Snapshot
from meter_bridge.protocol.patterns import KEY_HEADER
from meter_bridge.storage.errors import StorageError
from tests.api.real_engine import PROVIDERS
from tests.engine.harness import HOUR, LANDLORD, House, house, losing_answers, read_only

pytestmark = [pytest.mark.invariant(10), pytest.mark.invariant(13)]

SITE: Final = """
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      flat:
        name: One price
        versions:
          - {from: 2026-01-01, prices: [2.00]}
          - {from: 2026-12-01, prices: [2.50]}
    defaults: {tariff: flat, rating: 10 kW, low credit: [500.00]}
    units:
      flat-1:
        name: Flat 1
        customer: N. Dlamini
        meters: ["tasmota:flat-1/1"]
      flat-2: {name: Flat 2, meters: ["tasmota:flat-2/1"]}
      flat-3: {name: Flat 3, meters: ["tasmota:flat-3/1"], emergency credit: {limit: 5.00, threshold: 2.00}}
"""
OTHER_SITE: Final = SITE.replace("name: Flat 3", "name: Flat 3 (attic)")
LIVE: Final = {f"{each.method} {each.path}" for each in ENDPOINTS if each.live}
ELSEWHERE: Final = {
    "POST /api/v1/page/sign-out": "tests/security/test_sign_in_flood.py",
    "POST /api/v1/page/sign-in": "tests/tenant_page",
    "POST /api/v1/payment-events/{provider}": "tests/payments/orders/test_payments.py",
    "POST /api/v1/payments/reconciliation/{provider}": "compares a file with what is on disk",
    "POST /api/v1/accounts/{id}/vouchers": "needs a code, which is shown once: below",
    "POST /api/v1/notices/test": "sends one message; stores nothing",
    "POST /api/v1/accounts/{id}/notifications/confirm": "tests/security/test_address_confirmation.py",
    "POST /api/v1/accounts/{id}/notifications/test": "sends one message; stores nothing",
}
FLAT: Final = "/api/v1/accounts/flat-1"
TILL_SECRET: Final = "6e2f0b7c9a5d4418b1f6"
KEYPADS: Final = """\
keypads:
  flat-1:
    {serial: "000123", key: a29ab82edc5fbbc41ec9530f6dac86b1, starting code: 516959010, unit: 100 Wh}
"""
CHANGES: Final[dict[str, tuple[str, Any]]] = {
    "POST /api/v1/accounts/{id}/policy": (f"{FLAT}/policy", {"low_credit": ["20.00", "5.00"]}),
    "POST /api/v1/accounts/{id}/top-ups": (f"{FLAT}/top-ups", {"amount": "77.00", "method": "cash"}),
    "POST /api/v1/vouchers": (
        "/api/v1/vouchers",
        {"count": 3, "amount": "50.00", "site": "house", "days": 365, "needs_sale": True},
    ),
    "POST /api/v1/vouchers/sell": ("/api/v1/vouchers/sell", {"serials": ["{batch}-0001"], "to": "Flat 1"}),
    "POST /api/v1/vouchers/block": ("/api/v1/vouchers/block", {"batch": "{batch}", "reason": "stolen"}),
    "POST /api/v1/accounts/{id}/payments": (f"{FLAT}/payments", {"provider": "till", "amount": "50.00"}),
    "POST /api/v1/payments/decide": (
        "/api/v1/payments/decide",
        {
            "provider": "till",
            "payment": "stray",
            "decision": "credit",
            "reason": "typed the room wrong",
            "account": "flat-1",
        },
    ),
    "POST /api/v1/accounts/{id}/keypad-tokens": (f"{FLAT}/keypad-tokens", {"kind": "sync"}),
    "POST /api/v1/accounts/{id}/access": (f"{FLAT}/access", None),
    "DELETE /api/v1/accounts/{id}/access": (f"{FLAT}/access", None),
    "PUT /api/v1/accounts/{id}/notifications": (f"{FLAT}/notifications", {"language": "sw"}),
    "POST /api/v1/accounts/{id}/refunds": (f"{FLAT}/refunds", {"amount": "5.00", "reason": "moves away"}),
    "POST /api/v1/accounts/{id}/corrections": (
        f"{FLAT}/corrections",
        {"amount": "-1.50", "reason": "the neighbour's meter was read"},
    ),
    "POST /api/v1/accounts/{id}/repricings": (
        f"{FLAT}/repricings",
        {"day": "2026-11-01", "version": "flat@2026-12-01", "reason": "published late"},
    ),
    "POST /api/v1/accounts/{id}/transfers": (
        f"{FLAT}/transfers",
        {"to": "flat-2", "amount": "5.00", "reason": "moved rooms"},
    ),
    "POST /api/v1/accounts/{id}/reversals": (
        f"{FLAT}/reversals",
        {"entry": "{top_up}", "reason": "cheque bounced"},
    ),
    "POST /api/v1/accounts/{id}/write-offs": (
        f"{FLAT}/write-offs",
        {"reason": "agreed", "debt": "arrears", "amount": "2.00"},
    ),
    "POST /api/v1/accounts/{id}/debts": (
        f"{FLAT}/debts",
        {"debt": "new", "description": "A door", "amount": "35.00", "rate": "3.50", "reason": "agreed"},
    ),
    "POST /api/v1/accounts/{id}/debts/change": (
        f"{FLAT}/debts/change",
        {"debt": "arrears", "percent": "10", "reason": "agreed"},
    ),
    "POST /api/v1/accounts/{id}/debts/close": (
        f"{FLAT}/debts/close",
        {"debt": "arrears", "reason": "forgiven"},
    ),
    "POST /api/v1/accounts/{id}/emergency-credit": ("/api/v1/accounts/flat-3/emergency-credit", {}),
    "POST /api/v1/accounts/{id}/move-out": (
        f"{FLAT}/move-out",
        {"reason": "end of lease", "remainder": "refund", "unread": True},
    ),
    "POST /api/v1/accounts/{id}/move-in": (
        "/api/v1/accounts/flat-2/move-in",
        {"customer": "J. van Wyk", "opening_credit": "20.00"},
    ),
    "POST /api/v1/accounts/{id}/settlements": (
        "/api/v1/accounts/flat-2/settlements",
        {"tenancy": 1, "how": "paid", "amount": "1.00", "reason": "paid by instalments"},
    ),
    "POST /api/v1/accounts/{id}/supply": (f"{FLAT}/supply", {"action": "off", "reason": "inspection"}),
    "POST /api/v1/accounts/{id}/holds": (
        f"{FLAT}/holds",
        {"position": "off", "reason": "work on the wires", "id": "work"},
    ),
    "DELETE /api/v1/accounts/{id}/holds/{hold}": (f"{FLAT}/holds/leak", None),
    "POST /api/v1/meters/{id}/quarantine": (
        "/api/v1/meters/{doubted}/quarantine",
        {"decision": "new_epoch", "reason": "meter replaced"},
    ),
    "POST /api/v1/meters/{id}/readings": ("/api/v1/meters/{meter}/readings", {"register": "101.0"}),
    "POST /api/v1/meters/{id}/replacement": (
        "/api/v1/meters/{meter}/replacement",
        {"closing": "101.0", "opening": "0.0", "reason": "display was dark"},
    ),
    "POST /api/v1/alerts/{id}/acknowledge": ("/api/v1/alerts/{alert}/acknowledge", None),
    "POST /api/v1/clock/confirm": ("/api/v1/clock/confirm", None),
    "POST /api/v1/tokens": ("/api/v1/tokens", {"name": "panel", "role": "tenant", "accounts": ["flat-1"]}),
    "DELETE /api/v1/tokens/{id}": ("/api/v1/tokens/{token}", None),
    "POST /api/v1/site": ("/api/v1/site", OTHER_SITE),
}
"""A request for each change, which the house below carries out; names in braces are what it has."""
VIEWS: Final = (
    "/api/v1/accounts",
    FLAT,
    f"{FLAT}/ledger",
    f"{FLAT}/statement",
    f"{FLAT}/ledger/{{top_up}}",
    "/api/v1/history",
    f"{FLAT}/top-ups/{{top_up}}/receipt",
    "/api/v1/vouchers",
    "/api/v1/vouchers/{batch}",
    f"{FLAT}/payment-options",
    f"{FLAT}/top-up-preview?amount=20.00",
    f"{FLAT}/payments",
    f"{FLAT}/payments/{{payment}}",
    "/api/v1/payments/waiting",
    f"{FLAT}/notifications",
    "/api/v1/notices",
    f"{FLAT}/tenancies",
    "/api/v1/tenancies",
    "/api/v1/debts",
    f"{FLAT}/holds",
    "/api/v1/meters",
    "/api/v1/exposure",
    "/api/v1/alerts?open=true",
    "/api/v1/tokens",
)


def test_every_route_has_its_line() -> None:
    routes = {f"{each.method} {each.path}" for each in ENDPOINTS}
    views = {each for each in routes if each.startswith("GET ")} - LIVE
    assert routes - views == LIVE | ELSEWHERE.keys() | CHANGES.keys()
    assert len(views) == len(VIEWS)


@dataclass
class Client:
    """Asks the API of a house as its operator."""

    house: House
    session: ClientSession
    names: dict[str, str]

    async def ask(
        self, method: str, path: str, body: object = None, key: str = "key"
    ) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a request."""
        filled = self._fill(path)
        headers = {KEY_HEADER: key}
        sent: dict[str, Any] = {"data": body} if isinstance(body, str) else {}
        if isinstance(body, dict):
            sent = {"json": json.loads(self._fill(json.dumps(body)))}
        async with self.session.request(
            method, URL(f"http://bridge{filled}", encoded=True), headers=headers, **sent
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    def _fill(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    async def made(self, path: str, body: object = None, key: str = "key") -> dict[str, Any]:
        """Return the answer of a request that is carried out."""
        status, answer = await self.ask("POST", path, body, key)
        assert status < 300, answer
        return answer

    async def change(self, route: str, key: str = "asked") -> tuple[int, dict[str, Any]]:
        """Ask for a change."""
        path, body = CHANGES[route]
        return await self.ask(route.partition(" ")[0], path, body, key)

    async def views(self) -> dict[str, Any]:
        """Return every view there is, and the stream's snapshot."""
        found = {path: await self.ask("GET", path) for path in VIEWS}
        assert all(status == 200 for status, _ in found.values()), found
        return {
            **{path: _lasting(answer) for path, (_, answer) in found.items()},
            "stream": await self.stream(),
        }

    async def stream(self) -> object:
        """Return the accounts of the snapshot that a new subscriber gets."""
        stream = self.house.app.feed.stream(LANDLORD, since=None)
        assert isinstance(stream, AsyncGenerator)
        snapshot = await anext(stream)
        await stream.aclose()
        assert isinstance(snapshot, Snapshot)
        return msgspec.to_builtins(snapshot.accounts)


def _lasting(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the alert that storage fails, which is what is to be told meanwhile."""
    if "alerts" in answer:
        kept = [alert for alert in answer["alerts"] if alert["kind"] != "storage_failing"]
        return answer | {"alerts": kept}
    return answer


@asynccontextmanager
async def _client(opened: House) -> AsyncIterator[Client]:
    socket = opened.data / "bridge.sock"
    server = ApiServer(opened.app, ListenSettings(socket=socket))
    await server.start()
    try:
        async with ClientSession("http://bridge", connector=UnixConnector(str(socket))) as session:
            yield Client(opened, session, {})
    finally:
        await server.stop()


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Serve a house in which every change of the list can be carried out."""
    (tmp_path / "payments.yaml").write_text(PROVIDERS + KEYPADS)
    (tmp_path / "payments.yaml").chmod(0o600)
    async with house(tmp_path, SITE) as opened, _client(opened) as asking:
        await _furnish(opened, asking)
        yield asking


def _quoted(meter: Meter) -> str:
    return quote(meter.id, safe="")


async def _furnish(opened: House, asking: Client) -> None:
    """Give the house a reading, a doubted register, a hold, a debt, vouchers, a payment and a token."""
    await opened.read(100_000)
    await opened.read(100_500, after=HOUR)
    await opened.read(100_600, after=32 * 24 * HOUR)
    second = opened.engine.session.installation.accounts["flat-2"].meters[0]
    meters = {"meter": _quoted(opened.meter), "doubted": _quoted(second)}
    for wh in (50_000, 10, 20, 30):
        await opened.report(Report(second.plan.energy_address, register_wh=wh), after=60_000)
    assert second.quarantine_id is not None
    asking.names |= meters
    hold = {"position": "off", "reason": "leak under the sink", "id": "leak"}
    await asking.made(f"{FLAT}/holds", hold)
    debt = {
        "debt": "arrears",
        "description": "Arrears",
        "amount": "350.00",
        "rate": "3.50",
        "reason": "agreed",
    }
    await asking.made(f"{FLAT}/debts", debt)
    order = {"count": 2, "amount": "50.00", "site": "house", "days": 365, "needs_sale": True}
    batch = await asking.made("/api/v1/vouchers", order)
    payment = await asking.made(f"{FLAT}/payments", {"provider": "till", "amount": "20.00"}, "payment")
    await _pay_without_an_order(opened)
    token = await asking.made("/api/v1/tokens", {"name": "old", "role": "tenant", "accounts": ["flat-1"]})
    await asking.made(f"{FLAT}/access")
    top_up = await asking.made(f"{FLAT}/top-ups", {"amount": "11.00", "method": "cash"}, "second")
    await asking.made(
        "/api/v1/accounts/flat-2/corrections", {"amount": "-30.00", "reason": "broken window"}, "owes"
    )
    await asking.made(
        "/api/v1/accounts/flat-2/move-out", {"reason": "gone", "remainder": "keep", "unread": True}, "out"
    )
    _, alerts = await asking.ask("GET", "/api/v1/alerts?open=true")
    asking.names |= {
        "batch": batch["batch"]["id"],
        "payment": payment["id"],
        "token": token["id"],
        "top_up": top_up["top_up"]["id"],
        "alert": alerts["alerts"][0]["id"],
    }
    await asking.ask("GET", f"{FLAT}/statement")
    await opened.tick(0)


async def _pay_without_an_order(opened: House) -> None:
    """Let the provider tell of a payment that waits for a person."""
    told = {"id": "e1", "type": "succeeded", "payment": "stray", "amount": "50.00", "currency": "ZAR"}
    body = json.dumps(told).encode()
    header = {HEADER: sign(TILL_SECRET, body, opened.engine.session.clock.now() // 1000)}
    await opened.app.payments.hear("till", header, body)
    await opened.settle()


@pytest.mark.parametrize("route", CHANGES)
async def test_a_change_is_refused_as_often_as_it_is_asked_and_no_view_shows_it(
    client: Client, route: str
) -> None:
    before = await client.views()
    with read_only(client.house):
        for _ in range(3):
            status, refusal = await client.change(route)
            assert (status, refusal["code"]) == (503, ErrorCode.STORAGE_UNAVAILABLE), refusal
            assert await client.views() == before
    assert await client.house.engine.try_recover()
    assert await client.views() == before
    status, answer = await client.change(route)
    assert status < 300, answer
    assert client.house.problems() == []


ONE_OF_EACH_KIND: Final = (
    "POST /api/v1/accounts/{id}/top-ups",
    "POST /api/v1/accounts/{id}/debts",
    "POST /api/v1/accounts/{id}/payments",
    "POST /api/v1/payments/decide",
    "POST /api/v1/meters/{id}/replacement",
)
"""Changes that are looked up by their key; all operations on an account's books are one kind."""


@pytest.mark.invariant(4)
@pytest.mark.parametrize("route", ONE_OF_EACH_KIND)
async def test_a_lost_answer_of_the_database_is_not_called_nothing_and_the_same_request_tells(
    client: Client, route: str
) -> None:
    before = await client.views()
    with losing_answers(client.house):
        status, refusal = await client.change(route)
    assert (status, refusal["code"]) == (503, ErrorCode.STORAGE_UNAVAILABLE)
    assert "may or may not have been booked" in refusal["message"]
    assert "same key" in refusal["remedy"]
    await client.house.settle()
    status, meanwhile = await client.change(route)
    assert await client.house.engine.try_recover()
    assert await client.views() != before
    _, first = await client.change(route)
    after = await client.views()
    assert "code" not in first, first
    # The start of a payment has more to store than its order, which waits until that is possible.
    assert meanwhile == first or (status, route.endswith("/payments")) == (503, True)
    assert (await client.change(route))[1] == first
    assert await client.views() == after
    assert client.house.problems() == []


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", FLAT, None),
        ("POST", f"{FLAT}/holds", {"position": "off", "reason": "another reason", "id": "work"}),
    ],
    ids=["a view", "a refusal"],
)
async def test_what_rests_on_a_hold_under_way_is_not_said(
    client: Client, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object
) -> None:
    """The writer answers later, as a slow disk does, and then fails."""
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(client.house.store, "commit", lambda _: written)
    placing = asyncio.create_task(client.change("POST /api/v1/accounts/{id}/holds"))
    async with asyncio.timeout(10):
        while not client.house.engine.session.pending_transactions:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
    asked = asyncio.create_task(client.ask(method, path, body))
    finished, _ = await asyncio.wait({asked}, timeout=0.3)
    assert not finished
    monkeypatch.undo()
    written.set_exception(StorageError("disk I/O error"))
    for task in (placing, asked):
        status, refusal = await task
        assert (status, refusal["code"]) == (503, ErrorCode.STORAGE_UNAVAILABLE)
