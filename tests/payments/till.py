"""A local provider as the tests play it: signed messages, sent to the bridge as its webhook would be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path

from meter_bridge.actor import Actor
from meter_bridge.payments.providers.signature import HEADER, sign
from meter_bridge.payments.settings_file import FILE_NAME
from meter_bridge.protocol.messages import Role
from meter_bridge.protocol.payments import PaymentView
from meter_bridge.protocol.requests import PaymentOrder
from tests.engine.harness import SITE, House, house

SECRET = "a secret of the till"
TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="t1")
FILE = f"""
page: https://pay.example.org
providers:
  till:
    kind: webhook
    name: Mobile money
    secrets: ["{SECRET}", "the one before it"]
    link: "https://till.example.org/?o={{order}}&a={{amount}}&c={{currency}}&r={{reference}}"
    instructions: "Pay {{amount}} to till 4711, reference {{reference}}"
    currencies: [ZAR]
"""


def write_file(data: Path, text: str = FILE) -> None:
    """Write the file of providers, its owner's alone."""
    path = data / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)


@dataclass
class Till:
    """A house with a provider."""

    house: House
    events: int = 0

    async def order(
        self, amount: str = "50.00", key: str = "o", actor: Actor = TENANT, account: str = "flat-1"
    ) -> PaymentView:
        """Set out to pay."""
        asked = PaymentOrder(provider="till", amount=amount)
        view, _ = await self.house.app.payments.start_payment(actor, account, asked, key=key)
        return view

    async def tell(self, kind: str, *, event: str | None = None, secret: str = SECRET, **more: object) -> int:
        """Send a signed message; return how many of its events were new."""
        self.events += 1
        said = {"id": event or f"e{self.events}", "type": kind, **more}
        body = json.dumps({name: each for name, each in said.items() if each is not None}).encode()
        header = {HEADER: sign(secret, body, self.house.engine.session.clock.now() // 1000)}
        heard = await self.house.app.payments.hear("till", header, body)
        await self.house.settle()
        return heard.events

    async def pay(self, order: PaymentView, payment: str = "p1", /, **more: object) -> int:
        """Tell that an order was paid as it says."""
        said: dict[str, object] = {"amount": "50.00", "currency": "ZAR", "order": order.id}
        return await self.tell("succeeded", payment=payment, **(said | more))  # type: ignore[arg-type]

    async def state(self, order: PaymentView) -> str:
        """Return the state of an order as its customer sees it."""
        return (await self.house.app.payments.payment(TENANT, "flat-1", order.id)).state.value

    def entries(self) -> list[tuple[object, ...]]:
        """Return kind and description of what was booked besides the opening top-up."""
        query = "SELECT kind, description FROM journal_entry WHERE kind != 'charge' ORDER BY seq"
        return self.house.rows(query)[1:]


@asynccontextmanager
async def till(data: Path, site: str = SITE, credit: str | None = "100.00") -> AsyncIterator[Till]:
    """Open a house with a provider."""
    write_file(data)
    async with house(data, site, credit) as opened:
        yield Till(opened)
