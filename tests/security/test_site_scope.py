"""Staff of one site learn and change nothing of another: every route, every role, against the real engine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
import json
from pathlib import Path
from secrets import token_hex
import tempfile
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientSession, UnixConnector
import msgspec
import pytest
import pytest_asyncio
from yarl import URL

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.endpoint import Endpoint
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.runtime.bridge import offline
from tests.api.real_engine import PROVIDERS
from tests.storage.template import settings_of

SITE: Final = """\
  {id}:
    name: {name}
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs: {{{id}-plan: {{name: Plan, versions: [{{from: 2026-01-01, prices: 2.00}}]}}}}
    units:
      {unit}:
        name: {unit_name}
        customer: {customer}
        tariff: {id}-plan
        rating: 60 A
        low credit: [20.00]
        meters: [tasmota:{meter}/1]
"""
SITE_FILE: Final = "name: Both\nsites:\n" + "".join(
    SITE.format(**each)
    for each in (
        {"id": "rose", "name": "Rose Street", "unit": "room-1", "unit_name": "Room 1", "customer": "Rosa",
         "meter": "rosemeter"},
        {"id": "oak", "name": "Oak Lane", "unit": "shop-7", "unit_name": "Shop 7", "customer": "Quercus",
         "meter": "acorn"},
    )
)  # fmt: skip
SECRETS: Final = ("oak", "Oak Lane", "shop-7", "Shop 7", "Quercus", "acorn")
"""What names the other site, its accounts, customers and meters."""
STAFF: Final = ("landlord", "caretaker")
FOLLOWED: Final = "/api/v1/ws"
ASKED: Final = [each for each in ENDPOINTS if not each.access.public and each.path != FOLLOWED]


@dataclass(slots=True)
class House:
    """Two served sites, with something of each kind at the other one."""

    url: str
    session: ClientSession
    tokens: dict[str, str]
    session_of_engine: Session
    ids: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, name: str = "owner", body: object = None) -> tuple[int, str]:
        """Send a request with a token."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}", "Idempotency-Key": token_hex(8)}
        data = None if body is None else msgspec.json.encode(body)
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=headers) as response:
            return response.status, await response.text()

    async def made(self, path: str, body: object = None) -> dict[str, Any]:
        """Return what the owner made at the other site."""
        status, text = await self.ask("POST", path, body=body)
        assert status in {200, 201}, text
        found: dict[str, Any] = json.loads(text)
        return found

    async def go_dark(self, site: str, name: str) -> None:
        """Let a building go dark, which is an alert of no account."""
        session = self.session_of_engine
        facts: AlertFacts = {"case": "site", "name": name, "meters": 2, "since_ms": 0}
        tx = Transaction(session.clock.now())
        set_alert(session.installation, None, tx, AlertKey(AlertKind.POWER_OUTAGE, detail=site), facts)
        await session.commit(tx)

    async def prepare(self) -> None:
        """Let the other site have money, a debt, a hold, vouchers, a payment, alerts, and access."""
        await self.go_dark("rose", "Rose Street")
        await self.go_dark("oak", "Oak Lane")
        account = "/api/v1/accounts/shop-7"
        booked = await self.made(f"{account}/top-ups", {"amount": "5.00", "method": "cash"})
        debt = {"debt": "old", "description": "Arrears of Quercus", "amount": "9.00", "rate": "0.50"}
        await self.made(f"{account}/debts", debt | {"reason": "x"})
        await self.made(f"{account}/holds", {"id": "leak", "reason": "leak", "position": "off"})
        batch = await self.made("/api/v1/vouchers", {"count": 2, "amount": "10.00", "site": "oak", "days": 9})
        paying = await self.made(f"{account}/payments", {"amount": "50.00", "provider": "till"})
        await self.made(f"{account}/access")
        _, alerts = await self.ask("GET", "/api/v1/alerts")
        (alert,) = [each["id"] for each in json.loads(alerts)["alerts"] if each["account_id"] == "shop-7"][:1]
        self.ids = {
            "account": "shop-7",
            "entry_id": booked["top_up"]["id"],
            "hold": "leak",
            "batch": batch["batch"]["id"],
            "serial": batch["vouchers"][0]["serial"],
            "payment": paying["id"],
            "alert": alert,
        }

    async def seen_by_owner(self) -> list[str]:
        """Return what the owner sees of the other site, but for what time alone changes."""
        parts = ("", "/ledger", "/payments", "/holds", "/tenancies", "/notifications")
        told = [await self.ask("GET", f"/api/v1/accounts/shop-7{part}") for part in parts]
        told.append(await self.ask("GET", f"/api/v1/vouchers/{self.ids['batch']}"))
        assert [status for status, _ in told] == [200] * len(told)
        return [text for _, text in told]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """Serve both sites."""
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        folder = Path(name)
        (folder / "payments.yaml").write_text(PROVIDERS)
        (folder / "payments.yaml").chmod(0o600)
        with settings_of(folder) as settings:
            async with offline(settings) as app, ClientSession() as session:
                socket = folder / "bridge.sock"
                server = ApiServer(app, ListenSettings(host="127.0.0.1", port=0, socket=socket))
                await server.start()
                made = House(str(server.url), session, await tokens(socket), app.tokens.engine)
                await made.prepare()
                yield made
                await server.stop()


async def tokens(socket: Path) -> dict[str, str]:
    """Apply the site file, and make tokens of staff of all sites and of one."""
    made = {}
    async with ClientSession("http://bridge", connector=UnixConnector(str(socket))) as operator:
        async with operator.post("/api/v1/site", data=SITE_FILE) as done:
            assert done.status == 200, await done.text()
        for name, role, sites in (
            ("owner", "landlord", ["*"]),
            ("landlord", "landlord", ["rose"]),
            ("caretaker", "caretaker", ["rose"]),
        ):
            body = {"name": name, "role": role, "sites": sites}
            async with operator.post("/api/v1/tokens", json=body) as done:
                made[name] = (await done.json())["token"]
    return made


def aimed(endpoint: Endpoint, ids: dict[str, str]) -> str:
    """Return the route's path with ids in it."""
    path = endpoint.path
    whole = {
        "id": ids["meter" if "/meters/" in path else "alert" if "/alerts/" in path else "account"],
        "provider": "till",
    }
    for name, value in (ids | whole).items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def own(house: House) -> dict[str, str]:
    return house.ids | {"account": "room-1", "meter": "room-1/main", "alert": "alert-0"}


def others(house: House) -> dict[str, str]:
    return house.ids | {"meter": "shop-7/main"}


def missing() -> dict[str, str]:
    return dict.fromkeys(("entry_id", "hold", "batch", "serial", "payment"), "ffffffffffff") | {
        "account": "no-such",
        "meter": "no-such/main",
        "alert": "alert-99999",
    }


def told_of_others(text: str) -> list[str]:
    return [each for each in SECRETS if f'"{each}' in text or f"{each}" in text.split()] + [
        each for each in SECRETS if each != "oak" and each in text
    ]


def body_of(endpoint: Endpoint, ids: dict[str, str]) -> object:
    """Return the example of a body, aimed at what belongs to the other site where it names anything."""
    if endpoint.body is None:
        return None
    body = msgspec.to_builtins(endpoint.example)
    named = {
        "to": ids["account"],
        "entry": ids["entry_id"],
        "payment": ids["payment"],
        "provider": "till",
        "serials": [ids["serial"]],
        "batch": ids["batch"],
        "site": "oak" if ids["account"] == "shop-7" else "no-such",
        "account": ids["account"],
    }
    return body | {name: value for name, value in named.items() if name in body}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STAFF)
@pytest.mark.parametrize("endpoint", [each for each in ASKED if each.method == "GET"], ids=lambda e: e.name)
async def test_what_staff_of_a_site_read_names_nothing_of_another(
    house: House, endpoint: Endpoint, name: str
) -> None:
    _, text = await house.ask("GET", aimed(endpoint, own(house)), name)
    if not endpoint.path.endswith("openapi.json"):
        assert told_of_others(text) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STAFF)
@pytest.mark.parametrize("endpoint", ASKED, ids=lambda each: each.name)
async def test_what_is_of_another_site_answers_like_what_does_not_exist(
    house: House, endpoint: Endpoint, name: str
) -> None:
    before = await house.seen_by_owner()
    for ids in (others(house), own(house)):
        if ids["account"] == "room-1" and "{id}" not in endpoint.path:
            continue
        aim = {**ids, "account": "shop-7"}
        status, text = await house.ask(endpoint.method, aimed(endpoint, ids), name, body_of(endpoint, aim))
        if "{" in endpoint.path and ids["account"] == "shop-7" and "{provider}" not in endpoint.path:
            assert status in {403, 404}, text
        if endpoint.body is not None and {"to", "serials", "payment", "site"} & set(
            msgspec.to_builtins(endpoint.example)
        ):
            nobody = await house.ask(
                endpoint.method, aimed(endpoint, ids), name, body_of(endpoint, missing())
            )
            assert status == nobody[0], (text, nobody)
    assert await house.seen_by_owner() == before


WHOLE: Final = {
    "GET /metrics",
    "POST /api/v1/notices/test",
    "POST /api/v1/clock/confirm",
    "GET /api/v1/tokens",
    "POST /api/v1/tokens",
    "DELETE /api/v1/tokens/{id}",
    "POST /api/v1/site",
    "POST /api/v1/payments/reconciliation/{provider}",
}
"""Concern the whole installation."""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STAFF)
@pytest.mark.parametrize("route", sorted(WHOLE))
async def test_what_concerns_the_whole_installation_is_not_for_staff_of_one_site(
    house: House, route: str, name: str
) -> None:
    (endpoint,) = (each for each in ENDPOINTS if f"{each.method} {each.path}" == route)
    status, _ = await house.ask(
        endpoint.method, aimed(endpoint, own(house)), name, body_of(endpoint, own(house))
    )
    assert status == 403


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STAFF)
async def test_the_websocket_tells_staff_of_a_site_nothing_of_another(house: House, name: str) -> None:
    headers = {"Authorization": f"Bearer {house.tokens[name]}"}
    async with house.session.ws_connect(f"{house.url}{FOLLOWED}", headers=headers) as socket:
        heard = [await socket.receive_str(timeout=30)]
        await socket.send_json({"type": "subscribe", "schema_version": 1, "since": 0})
        for account in ("shop-7", "room-1"):
            path, body = f"/api/v1/accounts/{account}/top-ups", {"amount": "11.00", "method": "cash"}
            await house.made(path, body)
        while '"kind":"top_up"' not in heard[-1] or "room-1" not in heard[-1]:
            heard.append(await socket.receive_str(timeout=30))
    assert told_of_others("".join(heard[1:])) == []
    assert "Rose Street" in "".join(heard[1:])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STAFF)
async def test_a_dark_building_is_told_to_staff_of_its_site(house: House, name: str) -> None:
    _, told = await house.ask("GET", "/api/v1/alerts", name)
    assert "Rose Street" in told
    _, all_told = await house.ask("GET", "/api/v1/alerts")
    (of_oak,) = [each["id"] for each in json.loads(all_told)["alerts"] if "Oak Lane" in each["message"]]
    status, _ = await house.ask("POST", f"/api/v1/alerts/{of_oak}/acknowledge", name)
    assert status == 404
