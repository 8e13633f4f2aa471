"""Stripe as the tests play it: ``localstripe`` as a process of its own, before it Checkout, which it lacks.

Payments, refunds and their signed webhooks are localstripe's. The pages of Checkout are added here: a session
is kept, and when its customer pays, localstripe makes the payment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
from pathlib import Path
import socket
import sys
import time
from typing import Any, Final

from aiohttp import ClientError, ClientSession, web
import stripe

KEY: Final = "sk_test_12345678901234567890"
AUTHORITY: Final = {"Authorization": f"Bearer {KEY}"}
SECRET: Final = "whsec_the_secret_of_the_endpoint"
START_S: Final = 30.0


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Checkout:
    """Sessions by their ids, and what is asked of them."""

    stripe_port: int
    port: int
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while questions are left waiting for their answer."""

    def __post_init__(self) -> None:
        """Answer at once."""
        self.answering.set()

    @property
    def url(self) -> str:
        """Return where the API is."""
        return f"http://127.0.0.1:{self.port}"

    async def create(self, request: web.Request) -> web.Response:
        """Make a session, once for each idempotency key."""
        self.asked.append("create")
        if self.down:
            return web.json_response({"error": {"message": "down"}}, status=500)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "Invalid API Key"}}, status=401)
        form = {name: str(value) for name, value in (await request.post()).items()}
        key = request.headers["Idempotency-Key"]
        if key not in self.by_key:
            number = f"cs_test_{len(self.sessions) + 1}"
            self.by_key[key] = number
            self.sessions[number] = {
                "id": number,
                "object": "checkout.session",
                "url": f"{self.url}/pay/{number}",
                "created": int(time.time()),
                "status": "open",
                "payment_status": "unpaid",
                "payment_intent": None,
                "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
                "currency": form["line_items[0][price_data][currency]"],
                "client_reference_id": form["client_reference_id"],
                "metadata": {"prepaid_order": form["metadata[prepaid_order]"]},
                "success_url": form["success_url"],
            }
        return web.json_response(self.sessions[self.by_key[key]])

    async def retrieve(self, request: web.Request) -> web.Response:
        """Return a session."""
        self.asked.append("retrieve")
        await self.answering.wait()
        if self.down:
            return web.json_response({"error": {"message": "down"}}, status=500)
        return web.json_response(self.sessions[request.match_info["id"]])

    async def ask_stripe(self, path: str, **data: str) -> dict[str, Any]:
        """Ask localstripe to do something."""
        url = f"http://127.0.0.1:{self.stripe_port}/v1/{path}"
        async with ClientSession(headers=AUTHORITY) as session, session.post(url, data=data) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.ok, found
            return found

    async def pay(self, number: str, amount: int | None = None) -> dict[str, Any]:
        """Pay a session with a card; localstripe makes the payment and tells of it. Returns the session."""
        session = self.sessions[number]
        card = await self.ask_stripe(
            "payment_methods",
            **{
                "type": "card",
                "card[number]": "4242424242424242",
                "card[exp_month]": "12",
                "card[exp_year]": "2030",
                "card[cvc]": "123",
            },
        )
        intent = await self.ask_stripe(
            "payment_intents",
            **{
                "amount": str(amount or session["amount_total"]),
                "currency": session["currency"],
                "payment_method": card["id"],
                "confirm": "true",
                "metadata[prepaid_order]": session["metadata"]["prepaid_order"],
            },
        )
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent["id"]}
        return session

    async def listen(self, url: str) -> None:
        """Let localstripe tell of everything at an address."""
        hook = f"http://127.0.0.1:{self.stripe_port}/_config/webhooks/bridge"
        data = {"url": url, "secret": SECRET}
        async with ClientSession() as session, session.post(hook, data=data) as answer:
            assert answer.ok


def event(kind: str, thing: dict[str, Any], number: str = "evt_1") -> bytes:
    """Return an event as Stripe writes it."""
    told = {
        "id": number,
        "object": "event",
        "type": kind,
        "created": 1_793_527_200,
        "data": {"object": thing},
    }
    return json.dumps(told, indent=2).encode()


def signed(body: bytes, at_s: int, secret: str = SECRET) -> dict[str, str]:
    """Return the header with which Stripe's own library signs a body."""
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at_s)
    return {"Stripe-Signature": header}


@asynccontextmanager
async def checkout(folder: Path) -> AsyncIterator[Checkout]:
    """Run localstripe, and Checkout before it."""
    found = Checkout(free_port(), free_port())
    log = await asyncio.to_thread((folder / "localstripe.log").open, "wb")
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "localstripe",
            "--from-scratch",
            "--port",
            str(found.stripe_port),
        ),
        stdout=log,
        stderr=log,
        env={"TMPDIR": str(folder)},
    )
    app = web.Application()
    app.router.add_post("/v1/checkout/sessions", found.create)
    app.router.add_get("/v1/checkout/sessions/{id}", found.retrieve)
    runner = web.AppRunner(app)
    try:
        await _answers(f"http://127.0.0.1:{found.stripe_port}/js.stripe.com/v3/")
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", found.port).start()
        yield found
    finally:
        await runner.cleanup()
        process.kill()
        await process.wait()
        log.close()


async def _answers(url: str) -> None:
    """Wait until something answers."""
    deadline = time.monotonic() + START_S
    async with ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except ClientError:
                assert time.monotonic() < deadline, "localstripe did not start"
                await asyncio.sleep(0.05)
