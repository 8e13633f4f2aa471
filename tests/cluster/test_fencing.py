"""A shard's former owner, frozen past its lease, commits nothing, whatever it believes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import ClientError, ClientSession
import pytest
from sqlalchemy import URL, select, text

from meter_bridge.cluster.registry import PREFIX
from meter_bridge.cluster.worker import SHARD_ENVIRONMENT, Worker
from meter_bridge.config.settings import Settings
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import Role
from meter_bridge.runtime.bridge import running
from meter_bridge.storage import tables
from meter_bridge.storage.database import open_reader, open_writer
from meter_bridge.storage.lease import LeasedOwnership, Leases
from meter_bridge.storage.shards import WHOLE, Shard
from tests.engine.harness import LANDLORD, VirtualTime
from tests.engine.test_shards import TWO, Street, street
from tests.storage.conftest import server_database

__all__ = ("server_database",)
pytestmark = [pytest.mark.postgresql, pytest.mark.invariant(8)]
SECOND = Shard(1, 2)


@pytest.fixture
async def shared(tmp_path: Path, server_database: URL) -> tuple[Street, str]:
    """Return a divided installation on the server, and a landlord's token."""
    found = Street(server_database, tmp_path, VirtualTime(wall_ms()))
    async with found.owner(WHOLE) as owner:
        await owner.apply(street(TWO))
        every = frozenset({"*"})
        token = await owner.app.tokens.create(
            LANDLORD, name="tests", role=Role.LANDLORD, sites=every, accounts=frozenset(), days=1
        )
    found.divide(2)
    return found, token


def take_over(url: URL) -> None:
    """Let another worker own the second shard, as after the time that a lease lasts."""
    with open_writer(url).begin() as connection:
        connection.execute(
            text(
                "UPDATE lease SET holder = 'other', token = token + 1, expires_at = :late WHERE name = :name"
            ),
            {"late": 1 << 60, "name": SECOND.lease},
        )


async def test_a_bridge_books_nothing_for_a_shard_that_another_took_over(shared: tuple[Street, str]) -> None:
    found, _ = shared
    assert isinstance(found.location, URL)
    leases = Leases(found.location)
    grant = leases.take(SECOND.lease, "former")
    assert grant is not None
    ownership = LeasedOwnership(found.location, leases, grant)
    settings, outside = (
        Settings(data=found.data / "former"),
        replace(SHARD_ENVIRONMENT, clocks=found.time.clocks()),
    )
    async with running(settings, None, outside, ownership, SECOND) as former:
        await former.app.accounts.top_up(
            LANDLORD, "s1", amount="1.00", method="cash", reference=None, key="one"
        )
        before = found.seqs("s1")
        take_over(found.location)
        with pytest.raises(RequestRefused):
            await former.app.accounts.top_up(
                LANDLORD, "s1", amount="1.00", method="cash", reference=None, key="two"
            )
        assert found.seqs("s1") == before
        async with found.owner(SECOND) as owner:
            await owner.app.accounts.top_up(
                LANDLORD, "s1", amount="1.00", method="cash", reference=None, key="two"
            )
    assert len(found.seqs("s1")) == len(before) + 1
    await ownership.end()
    leases.close()


@asynccontextmanager
async def working(found: Street) -> AsyncIterator[str]:
    """Run a worker without a broker; return its address once it serves both shards."""
    assert isinstance(found.location, URL)
    settings, stop = Settings(data=found.data / "worker", listen="127.0.0.1:0"), asyncio.Event()
    settings.data.mkdir()
    worker = Worker(settings, found.location, parse_broker_url("mqtt://127.0.0.1:1"), 2)
    task = asyncio.create_task(worker.run(stop))
    reader, lease = open_reader(found.location), tables.lease
    try:
        address = None
        async with asyncio.timeout(60):
            while address is None and not task.done():
                await asyncio.sleep(0.05)
                with reader.connect() as connection:
                    query = select(lease.c.address).where(lease.c.name.like(f"{PREFIX}%"))
                    address = connection.execute(query).scalar()
        assert address is not None
        yield address
    finally:
        reader.dispose()
        stop.set()
        await task


async def top_up(address: str, token: str, account: str, key: str) -> int:
    """Top an account up; return the status."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    path = f"{address}/api/v1/accounts/{account}/top-ups"
    async with (
        ClientSession() as session,
        session.post(path, json={"amount": "1.00", "method": "cash"}, headers=headers) as answer,
    ):
        return answer.status


async def booked(address: str, token: str, account: str) -> None:
    """Top an account up as soon as its shard is served."""
    async with asyncio.timeout(60):
        while True:
            try:
                if await top_up(address, token, account, "one") in {200, 201}:
                    return
            except ClientError:
                pass
            await asyncio.sleep(0.05)


async def test_a_worker_is_held_to_the_lease_of_each_shard_and_not_to_its_own(
    shared: tuple[Street, str],
) -> None:
    found, token = shared
    assert isinstance(found.location, URL)
    async with working(found) as address:
        for account in ("n1", "s1"):
            await booked(address, token, account)
        before = found.seqs("s1")
        take_over(found.location)
        assert await top_up(address, token, "s1", "two") == 503
        assert await top_up(address, token, "n1", "two") == 201
    assert found.seqs("s1") == before
