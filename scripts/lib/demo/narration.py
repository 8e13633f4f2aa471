"""The demo's output: where to look, and what happens."""

import asyncio
from decimal import Decimal
import os
import time
from typing import Final

from meter_bridge.protocol.messages import AccountView
from scripts.lib.demo import cast
from scripts.lib.demo.bridge import BridgeApi
from scripts.lib.demo.homeassistant import PASSWORD, USER
from scripts.lib.demo.process import LOOPBACK
from scripts.lib.demo.stage import Stage

EVERY_S: Final = 1.0

type Known = dict[str, tuple[str, ...]]


def show_where(stage: Stage) -> None:
    """Print the addresses, how to sign in, and how to stop."""
    ports = stage.ports
    rows = (
        ("Home Assistant", stage.home.url, f"user {USER}, password {PASSWORD} (for this demo only)"),
        ("", f"{stage.home.url}/prepaid-demo/home", "the household's dashboard"),
        ("Dashboard", stage.dashboard.url, "the landlord's, without sign-in"),
        ("", f"{stage.dashboard.url}/unit?unit={cast.HOUSEHOLD}", "Fern Cottage, the household"),
        ("Bridge", f"{stage.bridge.url}/api/v1/info", "its API; also /health and /metrics"),
        ("MQTT broker", f"mqtt://{LOOPBACK}:{ports.broker}", "part of the bridge; the meters publish here"),
        ("Logs", os.path.relpath(stage.folder / "logs"), ""),
    )
    print()
    for name, where, what in rows:
        print(f"  {name:<16}{where:<46}{what}".rstrip())
    print(
        "\n  Watch Fern Cottage: its balance falls, a warning comes, the supply is cut, a top-up restores it."
        "\n  Top up yourself: Home Assistant, Developer tools, Actions, 'Prepaid Meter: Top up'; or"
        f"\n  .venvs/bridge/bin/meter-bridge --data {os.path.relpath(stage.bridge.data)} top-up house 20.00"
        "\n  Stop the demo with Ctrl+C.\n",
        flush=True,
    )


async def narrate(api: BridgeApi) -> None:
    """Print every change of a supply, every alert and every top-up until cancelled."""
    known: Known = {account.id: _facts(account) for account in await api.accounts()}
    while True:
        await asyncio.sleep(EVERY_S)
        for account in await api.accounts():
            facts = _facts(account)
            for fact in facts:
                if fact not in known.get(account.id, ()):
                    print(f"  {time.strftime('%H:%M:%S')}  {account.name}: {fact}", flush=True)
            known[account.id] = facts


def _facts(account: AccountView) -> tuple[str, ...]:
    facts = [f"supply {account.supply.state.value}, {account.supply.reason.value.replace('_', ' ')}"]
    facts += [alert.message for alert in account.alerts]
    if account.last_top_up is not None:
        amount = Decimal(account.last_top_up.amount).scaleb(-account.amount_digits)
        facts.append(f"topped up with {account.currency} {amount:.2f} at {account.last_top_up.at}")
    return tuple(facts)
