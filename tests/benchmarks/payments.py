"""Payments beside metering: 200 a minute, each ordered, reported by a webhook and queried."""

import asyncio
from dataclasses import dataclass, field
import json
from pathlib import Path
from statistics import quantiles
import sys
import tempfile
import time
from typing import Final

from aiohttp import ClientSession, UnixConnector

from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.payments.providers.signature import HEADER, sign
from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, mosquitto

METERS: Final = 500
READINGS_PER_S: Final = 200
PER_MINUTE: Final = 200
MINUTES: Final = 2
SECRET: Final = "a secret of the benchmark"
FILE: Final = f"""
page: https://pay.example.org
providers:
  till: {{kind: webhook, name: Till, secrets: ["{SECRET}"], instructions: "Pay {{amount}}"}}
"""
API: Final = "http://bridge/api/v1"


@dataclass
class Times:
    """The duration of each request in milliseconds, and what went wrong."""

    took: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0

    async def ask(
        self,
        session: ClientSession,
        what: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> dict[str, object]:
        """Send a request and record its duration."""
        started = time.monotonic()
        async with session.request(method, f"{API}/{path}", data=body, headers=headers) as answer:
            found: dict[str, object] = await answer.json()
            self.took.setdefault(what, []).append((time.monotonic() - started) * 1000)
            self.failed += not answer.ok
            return found


async def pay(session: ClientSession, times: Times, number: int) -> None:
    """Pay once, like a customer, a provider and the customer's page."""
    account = f"u{number % METERS}"
    await times.ask(session, "page", "GET", f"accounts/{account}")
    await times.ask(session, "preview", "GET", f"accounts/{account}/top-up-preview?amount=50.00")
    order = json.dumps({"provider": "till", "amount": "50.00"}).encode()
    key = {"Idempotency-Key": f"k{number}"}
    made = await times.ask(session, "order", "POST", f"accounts/{account}/payments", order, key)
    event = {"id": f"e{number}", "type": "succeeded", "order": made["id"], "payment": f"p{number}"}
    body = json.dumps(event | {"amount": "50.00", "currency": "ZAR"}).encode()
    header = {HEADER: sign(SECRET, body, int(time.time()))}
    await times.ask(session, "webhook", "POST", "payment-events/till", body, header)
    await times.ask(session, "webhook again", "POST", "payment-events/till", body, header)
    path = f"accounts/{account}/payments/{made['id']}"
    view = await times.ask(session, "look", "GET", path)
    times.failed += view["state"] != "paid"


async def main() -> None:
    """Pay at the rate; print the percentiles and whether every payment is booked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        await asyncio.to_thread(asyncio.run, install(data, METERS))
        file = data / "payments.yaml"
        file.write_text(FILE)
        file.chmod(0o600)
        broker, port = await mosquitto(folder)
        process = await bridge(folder, data, port)
        rounds = READINGS_PER_S * (MINUTES * 60 + 10) // METERS
        arguments = [str(argument) for argument in (port, METERS, rounds, 0, READINGS_PER_S)]
        load = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.publisher", *arguments)
        )
        times = Times()
        async with ClientSession(connector=UnixConnector(str(data / SOCKET_NAME))) as session:
            booked = await _pay_at_rate(session, times)
        await load.wait()
        await process.stop()
        await broker.stop()
    for what, took in times.took.items():
        cuts = quantiles(took, n=100)
        print(f"  {what:>13}: median {cuts[49]:6.1f} ms, p99 {cuts[98]:6.1f} ms")
    count = PER_MINUTE * MINUTES
    print(
        f"  {count} payments at {PER_MINUTE}/min beside {READINGS_PER_S} readings/s: {booked} booked,"
        f" {times.failed} requests failed (goal: all booked, p99 under 500 ms)",
        flush=True,
    )


async def _pay_at_rate(session: ClientSession, times: Times) -> int:
    """Pay at the rate; return how many payments are in the journal."""
    started = time.monotonic()
    async with asyncio.TaskGroup() as paying:
        for number in range(PER_MINUTE * MINUTES):
            await asyncio.sleep(max(started + number * 60 / PER_MINUTE - time.monotonic(), 0))
            paying.create_task(pay(session, times, number))
    found = 0
    for account in range(METERS):
        async with session.get(f"{API}/accounts/u{account}/ledger?limit=200") as answer:
            entries = (await answer.json())["entries"]
            found += sum(each["kind"] == "top_up" for each in entries)
    return found
