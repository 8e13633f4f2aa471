"""A worker that cannot serve its shards leaves them to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from meter_bridge.cli import main
from meter_bridge.cluster import worker
from meter_bridge.cluster.registry import PREFIX
from meter_bridge.cluster.worker import Worker
from meter_bridge.config.settings import Settings
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.lease import Grant, Leases
from meter_bridge.storage.location import written
from meter_bridge.storage.shards import divide
from tests.storage.conftest import server_database

__all__ = ("server_database",)
pytestmark = pytest.mark.postgresql


@asynccontextmanager
async def broken(*_: object, **__: object) -> AsyncIterator[None]:
    """Stand in for a bridge that cannot start, as with a file of providers that nobody can read."""
    raise StorageError("unreadable")
    yield


async def test_a_worker_that_fails_again_and_again_gives_its_leases_back_and_ends(
    tmp_path: Path, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(server_database).begin() as connection:
        divide(connection, 2)
    monkeypatch.setattr(worker, "running", broken)
    monkeypatch.setattr(worker, "REBALANCE_S", 0.01)
    settings = Settings(data=tmp_path, listen="127.0.0.1:0")
    failing = Worker(settings, server_database, parse_broker_url("mqtt://127.0.0.1:1"), 2)
    with pytest.raises(StorageError, match="could not be served here"):
        async with asyncio.timeout(60):
            await failing.run(asyncio.Event())
    with open_writer(server_database).begin() as connection:
        assert set(connection.execute(text("SELECT expires_at FROM lease")).scalars()) == {0}


async def test_a_worker_that_cannot_take_a_shard_goes_on_trying(
    tmp_path: Path, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(server_database).begin() as connection:
        divide(connection, 2)
    stop, tries, take = asyncio.Event(), list[str](), Leases.take
    loop = asyncio.get_running_loop()

    def refuse(leases: Leases, name: str, holder: str) -> Grant | None:
        if name.startswith(PREFIX):
            return take(leases, name, holder)
        tries.append(name)
        if len(tries) > 2 * worker.MAX_FAILURES:
            loop.call_soon_threadsafe(stop.set)
        raise StorageError("canceling statement due to statement timeout")

    monkeypatch.setattr(Leases, "take", refuse)
    monkeypatch.setattr(worker, "REBALANCE_S", 0.01)
    settings = Settings(data=tmp_path, listen="127.0.0.1:0")
    trying = Worker(settings, server_database, parse_broker_url("mqtt://127.0.0.1:1"), 2)
    async with asyncio.timeout(60):
        await trying.run(stop)
    assert len(tries) > 2 * worker.MAX_FAILURES


@pytest.mark.parametrize("setting", ["PREPAID_METER_KEEP_READINGS_DAYS", "PREPAID_METER_KEEP_EVENTS_DAYS"])
def test_bridges_that_share_sites_delete_nothing_and_say_so(
    tmp_path: Path,
    server_database: URL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    with open_writer(server_database).begin() as connection:
        divide(connection, 2)
    monkeypatch.setenv("PREPAID_METER_DATABASE", written(server_database))
    monkeypatch.setenv(setting, "400")
    bridge = ["run", "--data", str(tmp_path), "--broker", "mqtt://127.0.0.1:1", "--listen", "127.0.0.1:0"]
    assert main(bridge) == 2
    told = capsys.readouterr().err
    assert f"{setting}='400'" in told
    assert "2 shards" in told
    assert "unset it" in told
