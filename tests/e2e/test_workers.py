"""Several bridges share the sites of one installation: one dies or stalls, and the others take over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
import json
import os
from pathlib import Path
import signal
import time

import aiohttp
import pytest
from sqlalchemy import text

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.payments.providers.signature import HEADER, sign
from meter_bridge.protocol.messages import AccountView
from meter_bridge.runtime.bridge import client_id_of
from meter_bridge.storage.database import open_reader
from meter_bridge.storage.location import written
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.mosquitto import PASSWORDS, Mosquitto
from scripts.lib.demo.process import OwnedProcess, free_port
from scripts.lib.demo.street import Fitting, Street
from scripts.lib.demo.waiting import until
from tests import postgresql_server
from tests.payments.till import SECRET, write_file

pytestmark = [pytest.mark.postgresql, pytest.mark.crash]

START_WH = 50_000
SOON_S = 90.0
TOLD, TOLD_EVERY_S = 25, 3.0
"""Payments of an account through the provider, fewer than may be ordered in an hour, and their interval."""
SITES = ("north", "south", "west")
SITE = """\
  {name}:
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults: {{tariff: {name}-flat, rating: 60 A}}
    tariffs:
      {name}-flat: {{versions: [{{from: 2026-01-01, prices: 3.00}}]}}
    units:
      {name}: {{opening credit: 100.00, meters: [tasmota:{name}/1]}}
"""


def site_file(*names: str) -> str:
    """Return a site file of sites with one unit each, of the same name."""
    return "name: Three houses\nsites:\n" + "".join(SITE.format(name=name) for name in names)


@dataclass
class Workers:
    """The bridges of one installation, and their meters."""

    processes: list[BridgeProcess]
    apis: list[BridgeApi]
    street: Street
    server: postgresql_server.Server
    folder: Path
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SITES})

    def owners(self) -> dict[str, str]:
        """Return which worker owns which shard now."""
        reader = open_reader(self.server.url("shared"))
        query = text(
            "SELECT s.name, w.address FROM lease s JOIN lease w ON w.name = s.holder"
            " WHERE least(s.expires_at, w.expires_at) > extract(epoch FROM clock_timestamp()) * 1000"
        )
        with reader.connect() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        reader.dispose()
        return found

    async def shared_by(self, *which: int) -> float:
        """Wait until these workers own all shards, each at least one; return how long that took."""
        started, urls = time.monotonic(), {self.processes[n].url for n in which}

        async def look() -> bool:
            found = await asyncio.to_thread(self.owners)
            return len(found) == len(SITES) and set(found.values()) == urls

        await until(f"workers {which} own all", look, SOON_S)
        return time.monotonic() - started

    async def account(self, which: int, account_id: str) -> AccountView | None:
        """Return an account from one of the workers, or None while it cannot answer."""
        try:
            async with asyncio.timeout(5):
                return await self.apis[which].account(account_id)
        except aiohttp.ClientError, OSError:
            return None

    async def charged(self, which: int) -> None:
        """Wait until a worker shows for every account exactly the rise of its register since the start."""
        for name in SITES:
            await until(f"{name} is charged", lambda name=name: self._charged(which, name), SOON_S)  # type: ignore[misc]

    async def _charged(self, which: int, name: str) -> bool:
        view = await self.account(which, name)
        meter = None if view is None else view.meters[0]
        if meter is None or meter.register_wh is None or meter.energy_wh is None:
            return False
        began = self.began.setdefault(name, meter.register_wh - meter.energy_wh)
        register = self.street.meter(name).physics.register_wh
        return (meter.register_wh, meter.energy_wh) == (register, register - began)

    began: dict[str, int] = field(default_factory=dict)

    async def pay(self, name: str, enough: asyncio.Event) -> None:
        """Pay one rand after another to whichever worker answers, repeating each until it is acknowledged.

        Some payments are reported by a provider, to each worker in turn.
        """
        keys, next_at, by_provider = self.acknowledged[name], 0.0, 0
        while not enough.is_set():
            key = f"payment-{len(keys)}"
            if time.monotonic() < next_at or by_provider >= TOLD:
                await until(f"{key} of {name}", lambda key=key: self._pay(name, key), SOON_S)  # type: ignore[misc]
            else:
                by_provider, next_at = by_provider + 1, time.monotonic() + TOLD_EVERY_S
                key = await self._report_payment(name, f"{name}-{by_provider}")
            keys.append(key)

    async def _report_payment(self, name: str, payment: str) -> str:
        """Order, and let the provider report the payment twice to each worker; return the booking's key."""
        asked, headers = {"provider": "till", "amount": "1.00"}, {"Idempotency-Key": payment}

        async def order() -> str | None:
            for api in self.apis:
                with suppress(aiohttp.ClientError, OSError):
                    async with asyncio.timeout(5):
                        answer = await api.post(f"/api/v1/accounts/{name}/payments", asked, headers)
                        return str(json.loads(answer)["id"])
            return None

        event = {"id": payment, "type": "succeeded", "payment": payment, "amount": "1.00", "currency": "ZAR"}
        body = json.dumps(event | {"order": await until(f"order of {payment}", order, SOON_S)}).encode()

        async def acknowledged() -> bool:
            answers = await asyncio.gather(
                *(send_webhook(process.url, body) for process in self.processes * 2)
            )
            return any(answers)

        await until(f"{payment} is acknowledged", acknowledged, SOON_S)
        return f"till:{payment}"

    async def _pay(self, name: str, key: str) -> bool | None:
        for api in self.apis:
            try:
                async with asyncio.timeout(2):
                    await api.top_up(name, "1.00", key)
            except aiohttp.ClientError, OSError:
                continue
            return True
        return None

    async def paid_since(self, before: dict[str, int]) -> bool:
        """Return whether a payment for every account has been acknowledged since."""
        return all(len(self.acknowledged[name]) > count for name, count in before.items())

    async def books_agree(self, which: int) -> None:
        """Check that every acknowledged payment is booked once, and that money and energy match."""
        api = self.apis[which]
        for name in SITES:
            entries = await answered(lambda name=name: api.ledger(name))  # type: ignore[misc]
            booked = sorted(str(entry.key) for entry in entries if entry.kind == "top_up")
            assert booked == sorted(self.acknowledged[name])
            view = await answered(lambda name=name: api.account(name))  # type: ignore[misc]
            used = Decimal(view.meters[0].energy_wh or 0) * 3 / 1000
            paid = 100 + len(self.acknowledged[name])
            assert Decimal(view.available).scaleb(-view.amount_digits) == paid - used


async def send_webhook(url: str, body: bytes) -> bool:
    """Send a provider's message to a worker; return whether it was acknowledged."""
    header = {HEADER: sign(SECRET, body, int(time.time()))}
    try:
        async with (
            asyncio.timeout(10),
            aiohttp.ClientSession() as session,
            session.post(url + "/api/v1/payment-events/till", data=body, headers=header) as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientError, OSError:
        return False


async def answered[T](ask: Callable[[], Awaitable[T]]) -> T:
    """Repeat a request until it is answered: a shard that was just taken over is not served for a moment."""

    async def once() -> T | None:
        try:
            return await ask()
        except aiohttp.ClientError, OSError:
            return None

    return await until("an answer", once, SOON_S)


@asynccontextmanager
async def workers(mosquitto: Mosquitto, folder: Path, count: int) -> AsyncIterator[Workers]:
    """Run workers on one PostgreSQL and one broker, with a meter for each site."""
    with postgresql_server.running(synchronous_commit="on", fsync="on") as server:
        server.execute("CREATE DATABASE shared")
        environment = {
            "PREPAID_METER_BROKER": mosquitto.url("bridge"),
            "PREPAID_METER_DATABASE": written(server.url("shared")),
        }
        processes = [
            BridgeProcess(folder / f"w{n}", free_port(), folder / f"w{n}.log", environment)
            for n in range(count)
        ]
        for process in processes:
            process.data.mkdir()
            write_file(process.data)
        site = folder / "site.yaml"
        site.write_text(site_file(*SITES), encoding="utf-8")
        await processes[0].run("apply", "--yes", str(site))
        token = await processes[0].token("tests", "landlord")
        await processes[0].run("shards", str(len(SITES)))
        fittings = [Fitting(name, "tasmota", START_WH, 6_000, interval_s=0.3) for name in SITES]
        street = Street(mosquitto.url("meters"), fittings, server_ports={}, password="")
        await street.start()
        apis = [BridgeApi(process.url, token) for process in processes]
        cluster = Workers(processes, apis, street, server, folder)
        try:
            for process in processes:
                await process.start()
            yield cluster
        finally:
            for api in apis:
                await api.close()
            for process in processes:
                await process.stop()
            await street.stop()


@asynccontextmanager
async def paying_everywhere(cluster: Workers) -> AsyncIterator[None]:
    """Pay for every account until the end of the block."""
    enough = asyncio.Event()
    tasks = [asyncio.create_task(cluster.pay(name, enough)) for name in SITES]
    try:
        yield
        enough.set()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


@pytest.mark.invariant(5)
@pytest.mark.invariant(8)
async def test_workers_take_over_from_those_that_die_or_stall_and_nothing_is_lost_or_doubled(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with workers(mosquitto, tmp_path, 3) as cluster:
        await cluster.shared_by(0, 1, 2)
        await cluster.charged(0)
        async with paying_everywhere(cluster):
            await cluster.processes[0].kill()
            print(f"taken over {await cluster.shared_by(1, 2):.1f} s after kill -9")  # noqa: T201
            frozen = cluster.processes[1].pid
            assert frozen is not None
            os.kill(frozen, signal.SIGSTOP)
            print(f"taken over {await cluster.shared_by(2):.1f} s after a stall")  # noqa: T201
            await until(
                "the client id is taken over at the broker", await taken_over_at(cluster, mosquitto), SOON_S
            )
            os.kill(frozen, signal.SIGCONT)
            await OwnedProcess.start(cluster.processes[0])
            print(f"redistributed {await cluster.shared_by(0, 1, 2):.1f} s after two came back")  # noqa: T201
            await asyncio.to_thread(cluster.server.stop)
            await asyncio.to_thread(cluster.server.start)
            paid = {name: len(keys) for name, keys in cluster.acknowledged.items()}
            await until("payments continue", lambda: cluster.paid_since(paid), SOON_S)
        api = cluster.apis[1]
        for name in SITES:
            await answered(lambda name=name: api.supply(name, "off", "the end"))  # type: ignore[misc]
        for name in SITES:
            await until(f"{name} is open", open_contact(cluster.street, name), SOON_S)
        print(f"a stale command is undone {await undone(cluster, mosquitto, SITES[0]):.1f} s later")  # noqa: T201
        await cluster.charged(0)
        await cluster.books_agree(2)
        for process in cluster.processes:
            await process.stop()
        assert await cluster.processes[0].problems() == []


async def taken_over_at(cluster: Workers, mosquitto: Mosquitto) -> Callable[[], Awaitable[bool]]:
    """Return a check whether the broker disconnected a shard's client because a new owner connected."""
    info = await answered(lambda: cluster.apis[2].get("/api/v1/info"))
    installation = json.loads(info)["installation_id"]
    ids = [client_id_of(installation, n, PASSWORDS["bridge"]) for n in range(len(SITES))]

    async def look() -> bool:
        lines = mosquitto.log.read_text().splitlines()
        return any(f"Client {each} already connected" in line for line in lines for each in ids)

    return look


async def undone(cluster: Workers, mosquitto: Mosquitto, name: str) -> float:
    """Let a command of a former owner arrive late; return after how long the present owner has undone it."""
    physics = cluster.street.meter(name).physics
    before = physics.register_mwh
    former = asyncio.Event()
    session = BrokerSession(
        parse_broker_url(mosquitto.url("bridge")),
        filters=list,
        on_message=lambda *_: None,
        on_connected=lambda there: former.set() if there else None,
    )
    session.start()
    await former.wait()
    assert session.send(Publish(f"cmnd/{name}/POWER1", b"ON"))

    async def used() -> bool:
        return physics.register_mwh > before

    await until("the stale command closed the contact", used, SOON_S)
    started = time.monotonic()
    await until(f"{name} is open again", open_contact(cluster.street, name), SOON_S)
    await session.stop()
    return time.monotonic() - started


def open_contact(street: Street, name: str) -> Callable[[], Awaitable[bool]]:
    """Return a check whether a meter's contact is open."""

    async def look() -> bool:
        return not street.meter(name).physics.contact_closed

    return look
