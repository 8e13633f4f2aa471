"""A bridge with a secret in every setting, at its highest log level: none is in any log, response or file."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
import json
import os
from pathlib import Path
from secrets import token_hex
from typing import Final
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web
import pytest_asyncio

from meter_bridge.api.app import ENDPOINTS
from meter_bridge.api.http.authentication import PAGE_HEADER
from scripts.lib.demo.bridge import CLI, BridgeProcess
from scripts.lib.demo.mosquitto import PASSWORDS, Mosquitto
from scripts.lib.demo.process import LOOPBACK, free_port

SITE: Final = """\
name: Secret Street
sites:
  street:
    name: Street
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs: {t: {name: T, versions: [{from: 2026-01-01, prices: 2.00}]}}
    units:
      flat-1: {name: Flat 1, tariff: t, opening credit: 20.00, meters: [
        {address: shelly:plug/0, host: "127.0.0.1:9", password variable: PLUG_PASSWORD}]}
"""
CONFIGURED: Final[Mapping[str, str]] = {
    "till secret": "till-5d1f0e7cbb2a4418",
    "stripe key": "rk_live_51HmZqGKnotARealKey00Zz",
    "stripe webhook secret": "whsec_NotARealSecret7c9a5d4418b1f6",
    "keypad key": "a29ab82edc5fbbc41ec9530f6dac86b1",
    "mail password": "mail-pw-77c0ffee",
    "chat token": "123456789:AAFnotARealChatToken_xyzxyzxyzxyzx",
    "plug password": "plug-pw-90210abc",
    "database password": "db-pw-31415926",
    "wrong broker password": "broker-pw-2718281828",
}
FIXED_DATABASE: Final = f"postgresql://bridge:{CONFIGURED['database password']}@127.0.0.1:9/prepaid"


def files(gossip: str) -> dict[str, str]:
    """Return the two files with secrets; ``gossip`` is a server that repeats everything it receives."""
    host = gossip.removeprefix("http://")
    return {
        "payments.yaml": f"""\
page: {gossip}
providers:
  till:
    kind: webhook
    name: Till
    secrets: ["{CONFIGURED["till secret"]}"]
    instructions: "Pay {{reference}}"
  card:
    kind: stripe
    name: Card
    key: {CONFIGURED["stripe key"]}
    secrets: [{CONFIGURED["stripe webhook secret"]}]
    api: "{gossip}"
keypads:
  flat-1: {{serial: "1", key: {CONFIGURED["keypad key"]}, starting code: 516959010, unit: 100 Wh}}
""",
        "notify.yaml": f"""\
people:
  anna:
    channels:
      - "json://anna:{CONFIGURED["mail password"]}@{host}/x"
      - "tgram://{CONFIGURED["chat token"]}/12345"
""",
    }


async def repeat(request: web.Request) -> web.Response:
    """Refuse the request and repeat its headers and body, like a careless server."""
    response = {"headers": dict(request.headers), "body": await request.text(), "url": str(request.url)}
    return web.json_response({"error": {"message": json.dumps(response), "type": "api_error"}}, status=400)


@dataclass(slots=True)
class Recording:
    """All output so far, and all secrets that were issued meanwhile."""

    bridge: BridgeProcess
    log: Path
    secrets: dict[str, str]
    text: str = ""

    async def ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Send a request and record the response with its headers."""
        async with session.request(method, self.bridge.url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            self.text += f"{answer.status} {dict(answer.headers)} {text}\n"
            return text


@pytest_asyncio.fixture(loop_scope="session")
async def gossip() -> AsyncIterator[str]:
    """Run the server that repeats everything."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", repeat)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port).start()
    yield f"http://{LOOPBACK}:{port}"
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def recording(tmp_path: Path, mosquitto: Mosquitto, gossip: str) -> AsyncIterator[Recording]:
    """Run a bridge whose every setting contains a secret."""
    data, log = tmp_path / "data", tmp_path / "bridge.log"
    data.mkdir(mode=0o700)
    for name, text in files(gossip).items():
        (data / name).write_text(text)
        (data / name).chmod(0o600)
    environment = {
        "PREPAID_METER_BROKER": mosquitto.url("bridge"),
        "PREPAID_METER_LOG_LEVEL": "DEBUG",
        "PLUG_PASSWORD": CONFIGURED["plug password"],
        # Nothing of this leaves the machine.
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    (tmp_path / "site.yaml").write_text(SITE)
    bridge = BridgeProcess(data, free_port(), log, environment)
    await bridge.start()
    await bridge.run("apply", str(tmp_path / "site.yaml"), "--yes")
    yield Recording(bridge, log, dict(CONFIGURED) | {"broker password": PASSWORDS["bridge"]})
    await bridge.stop()


async def use_everything(recording: Recording) -> None:
    """Create, use and misuse every kind of secret."""
    owner = await recording.bridge.token("owner", "landlord")
    tenant = await recording.bridge.token("tenant", "tenant", "flat-1")
    recording.secrets |= {"owner's token": owner, "tenant's token": tenant}
    recording.secrets |= {
        f"{name}'s secret": token.split("_")[2] for name, token in (("o", owner), ("t", tenant))
    }
    async with aiohttp.ClientSession() as session:
        as_owner = {"Authorization": f"Bearer {owner}"}
        await enter(recording, session, as_owner)
        await pay(recording, session, as_owner)
        await misuse(recording, session, owner)
        for role in (owner, tenant):
            for endpoint in ENDPOINTS:
                if endpoint.method == "GET" and endpoint.path != "/api/v1/ws":
                    path = endpoint.path.replace("{id}", "flat-1").replace("{file}", "app.js")
                    await recording.ask(session, "GET", path, headers={"Authorization": f"Bearer {role}"})


async def enter(recording: Recording, session: aiohttp.ClientSession, as_owner: Mapping[str, str]) -> None:
    """Create a code and a link, and sign in with them, correctly and incorrectly."""
    async with session.post(
        f"{recording.bridge.url}/api/v1/accounts/flat-1/access", headers=as_owner
    ) as made:
        access = await made.json()
    recording.secrets |= {"page code": access["code"], "page link": access["secret"]}
    for body in (
        {"number": "flat-1", "code": access["code"]},
        {"number": access["code"], "code": "WRONG"},
        {"link": access["secret"]},
        {"link": access["secret"] + "x"},
    ):
        async with session.post(
            f"{recording.bridge.url}/api/v1/page/sign-in", json=body, headers={PAGE_HEADER: "1"}
        ) as answer:
            recording.text += await answer.text()
            if answer.ok:
                recording.secrets["page session"] = answer.cookies["prepaid_session"].value


async def pay(recording: Recording, session: aiohttp.ClientSession, as_owner: Mapping[str, str]) -> None:
    """Start payments, send signed and unsigned messages, create vouchers, send notices."""
    for provider in ("till", "card"):
        body = {"amount": "20.00", "provider": provider}
        headers = {**as_owner, "Idempotency-Key": provider}
        await recording.ask(session, "POST", "/api/v1/accounts/flat-1/payments", body, headers)
        wrong = {"Prepaid-Signature": f"t=1,v1={CONFIGURED['till secret']}", "Stripe-Signature": "t=1,v1=00"}
        await recording.ask(session, "POST", f"/api/v1/payment-events/{provider}", {"id": "x"}, wrong)
    vouchers = {"amount": "20.00", "count": 1, "site": "street", "currency": "ZAR"}
    async with session.post(
        f"{recording.bridge.url}/api/v1/vouchers", json=vouchers, headers=as_owner
    ) as made:
        text = await made.text()
        assert made.status == 201, text
        code = json.loads(text)["vouchers"][0]["code"]
    recording.secrets |= {"voucher": code, "voucher's digits": code.replace(" ", "")}
    for text in (code, code[:-1] + ("1" if code[-1] != "1" else "2")):
        headers = {**as_owner, "Idempotency-Key": token_hex(8)}
        await recording.ask(session, "POST", "/api/v1/accounts/flat-1/vouchers", {"code": text}, headers)
    await recording.ask(session, "POST", "/api/v1/notices/test", {"person": "anna"}, as_owner)
    await recording.ask(session, "POST", "/api/v1/accounts/flat-1/notifications/test", None, as_owner)


async def misuse(recording: Recording, session: aiohttp.ClientSession, owner: str) -> None:
    """Send a token in every wrong place."""
    as_owner = {"Authorization": f"Bearer {owner}"}
    for method, path, body in (
        ("GET", f"/api/v1/accounts?token={owner}", None),
        ("GET", f"/api/v1/accounts/{owner}", None),
        ("GET", f"/{owner}", None),
        ("POST", "/api/v1/accounts/flat-1/top-ups", {"amount": owner, "method": owner, owner: owner}),
        ("POST", "/api/v1/accounts/flat-1/holds", {"position": owner, "reason": "x"}),
        ("POST", "/api/v1/accounts/flat-1/supply", {"action": owner}),
        ("DELETE", f"/api/v1/tokens/{owner}", None),
    ):
        await recording.ask(session, method, path, body, as_owner)
    await recording.ask(session, "GET", "/api/v1/me", headers={"Authorization": f"Bearer {owner}x"})
    await recording.ask(session, "GET", "/api/v1/me", headers={"Authorization": owner})


async def cause_failures(recording: Recording, mosquitto: Mosquitto) -> None:
    """Make commands fail at the database and the broker."""
    environment = {"PREPAID_METER_DATABASE": FIXED_DATABASE, "PREPAID_METER_LOG_LEVEL": "DEBUG"}
    wrong = CONFIGURED["wrong broker password"]
    for broker in (
        f"mqtt://u:{wrong}@{LOOPBACK}:no-port",
        f"mqtt://{wrong}@{LOOPBACK}/path",
        f"http://:{wrong}@x",
    ):
        recording.text += await failed("run", PREPAID_METER_BROKER=broker, **environment)
    for command in (
        ("run",),
        ("accounts",),
        ("verify",),
        ("backup", "never"),
        ("migrate", FIXED_DATABASE, "x"),
    ):
        recording.text += await failed(*command, **environment)


async def failed(*command: str, **environment: str) -> str:
    """Return the output of a command that fails."""
    ours = {name: each for name, each in os.environ.items() if not name.startswith("PREPAID_")}
    process = await asyncio.create_subprocess_exec(
        *CLI,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=ours | environment,
    )
    output, _ = await process.communicate()
    assert process.returncode, output.decode()
    return output.decode()


async def test_no_secret_is_in_any_log_response_or_file(recording: Recording, mosquitto: Mosquitto) -> None:
    await use_everything(recording)
    await cause_failures(recording, mosquitto)
    await recording.bridge.stop()
    texts = {"log": recording.log.read_text(), "answers": recording.text}
    for path in recording.bridge.data.rglob("*"):
        if path.is_file() and path.name not in ("payments.yaml", "notify.yaml", "secret.key"):
            texts[path.name] = path.read_bytes().decode("latin-1")
    recording.secrets = {name: secret for name, secret in recording.secrets.items() if secret}
    leaks = [
        f"{name} in {place}" for name, secret in recording.secrets.items() for place in places(secret, texts)
    ]
    assert leaks == []


def places(secret: str, texts: Mapping[str, str]) -> list[str]:
    """Return where a secret occurs, as it is or URL-encoded."""
    forms = {secret, quote(secret, safe=""), unquote(secret)}
    return [place for place, text in texts.items() if any(part in text for part in forms)]
