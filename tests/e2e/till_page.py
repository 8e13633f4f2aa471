"""A payment provider of the tests: a page with a button, which reports the payment to the bridge."""

import asyncio
import json
import time
from typing import Final

from aiohttp import ClientSession, web

from meter_bridge.payments.providers.signature import HEADER, sign
from scripts.lib.demo.process import LOOPBACK

SECRET: Final = "the secret of a test provider"
PAGE: Final = """<!doctype html><title>Test provider</title>
<meta name="viewport" content="width=device-width">
<h1>Test provider</h1><p>Pay {amount} {currency}</p>
<form method="post"><button id="pay">Pay now</button></form>
<form method="post" action="/refuse?{query}"><button id="refuse">Refuse</button></form>"""


class TillPage:
    """A provider with a payment page."""

    def __init__(self, port: int, bridge: str) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self.reported_at: float | None = None
        self.paid: list[str] = []
        self._port = port
        self._bridge = bridge
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/pay", self._page)
        app.router.add_post("/pay", self._pay)
        app.router.add_post("/refuse", self._refuse)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        text = PAGE.format(**request.query, query=request.query_string.replace('"', ""))
        return web.Response(text=text, content_type="text/html")

    async def _pay(self, request: web.Request) -> web.Response:
        """Report the payment to the bridge and send the customer back, as a provider does."""
        order = request.query["order"]
        payment = {"payment": f"till-{order}", "amount": request.query["amount"], "currency": "ZAR"}
        await self.report("succeeded", order, **payment)
        self.paid.append(order)
        raise web.HTTPSeeOther(f"{self._bridge}/my/paid#{order}")

    async def _refuse(self, request: web.Request) -> web.Response:
        order = request.query["order"]
        await self.report("failed", order)
        raise web.HTTPSeeOther(f"{self._bridge}/my/cancelled#{order}")

    async def report(self, kind: str, order: str, *, provider: str = "till", **more: str) -> int:
        """Send a signed message; return the status of the bridge's response."""
        body = json.dumps({"id": f"{kind}-{order}", "type": kind, "order": order, **more}).encode()
        headers = {HEADER: sign(SECRET, body, int(time.time()))}
        self.reported_at = asyncio.get_running_loop().time()
        async with (
            ClientSession() as session,
            session.post(self._address(provider), data=body, headers=headers) as answer,
        ):
            return answer.status

    def _address(self, provider: str) -> str:
        return f"{self._bridge}/api/v1/payment-events/{provider}"
