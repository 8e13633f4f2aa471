"""The bridge as a process: it owns the installation, brings a broker along and serves until a signal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import logging
from pathlib import Path
import signal
from typing import Final

from meter_bridge.config.settings import Settings, SettingsError, variable_of
from meter_bridge.devices.broker.url import MqttSettings, parse_broker_url
from meter_bridge.runtime.bridge import running, until_any, without_garbage_collection
from meter_bridge.storage.database import InstallationLock, Ownership, reading
from meter_bridge.storage.errors import LeaseLostError, NotOwnedError, StorageError
from meter_bridge.storage.location import shown
from meter_bridge.storage.owning import owned
from meter_bridge.storage.shards import count_of

_LOGGER: Final = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Run the bridge until a signal stops it."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    """Own the installation and serve it until a signal; a standby waits for it, and again after losing it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    with suppress(NotOwnedError):
        while not stop.is_set():
            count = await _shard_count(settings, stop)
            if count > 1:
                await _run_worker(settings, count, stop)
                continue
            owning = owned(settings.data, settings.location, wait=settings.standby, stop=stop)
            async with owning as ownership, _broker(settings) as broker:
                await _serve(settings, broker, stop, ownership)
            if not (settings.standby or stop.is_set()):
                msg = f"the lease of {shown(settings.location)} was lost; another bridge may own it now"
                raise LeaseLostError(msg)


async def _shard_count(settings: Settings, stop: asyncio.Event) -> int:
    if isinstance(settings.location, Path):
        return 1
    from meter_bridge.storage.lease import prepare_server  # noqa: PLC0415 - its driver is not needed for SQLite

    await prepare_server(settings.location, wait=settings.standby, stop=stop)
    with reading(settings.location) as reader, reader.connect() as connection:
        return count_of(connection)


async def _run_worker(settings: Settings, count: int, stop: asyncio.Event) -> None:
    from meter_bridge.cluster.worker import Worker  # noqa: PLC0415 - a bridge of its own does without

    _check_retention(settings, count)
    if settings.broker is None or isinstance(settings.location, Path):
        msg = f"the sites are divided among {count} shards; name the broker that their bridges share"
        raise StorageError(msg)
    lock = InstallationLock(settings.data)
    await asyncio.to_thread(lock.acquire)
    try:
        async with _broker(settings) as broker:
            await Worker(settings, settings.location, broker, count).run(stop)
    finally:
        lock.release()


def _check_retention(settings: Settings, count: int) -> None:
    """Refuse to delete anything where sites are shared: each bridge has files of its own, which may lag."""
    for name in ("keep_readings_days", "keep_events_days"):
        days: int = getattr(settings, name)
        if days:
            message = f"deletes what is older, but the sites are divided among {count} shards"
            remedy = "unset it: bridges that share the sites keep everything"
            raise SettingsError(variable_of(name), str(days), message, remedy)


@asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[MqttSettings]:
    if settings.broker is not None:
        yield parse_broker_url(
            settings.broker, ca_file=None if settings.broker_ca is None else str(settings.broker_ca)
        )
        return
    from meter_bridge.devices.broker.embedded import EmbeddedBroker  # noqa: PLC0415 - only where it is used

    async with EmbeddedBroker(settings.embedded_port) as embedded:
        _LOGGER.info("Started the built-in MQTT broker: %s (this machine only)", embedded.url)
        yield parse_broker_url(embedded.url)


async def _serve(settings: Settings, broker: MqttSettings, stop: asyncio.Event, ownership: Ownership) -> None:
    # Imported here because a standby that waits does without.
    from meter_bridge.api.http.listener import SOCKET_NAME  # noqa: PLC0415
    from meter_bridge.api.server import ApiServer, ListenSettings, certificate_problem  # noqa: PLC0415

    host, port = settings.address
    problem = certificate_problem(settings.tls_certificate, settings.tls_key)
    listen = ListenSettings(
        # Without its certificate the API is served to this machine's commands alone, and supply as ever.
        host=host if problem is None else None,
        port=port,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
        socket=settings.data / SOCKET_NAME,
        announce=settings.announce,
    )
    problems = () if problem is None else (problem,)
    bridge = running(settings, broker, ownership=ownership, problems=problems)
    async with without_garbage_collection(bridge) as parts:
        server = ApiServer(parts.app, listen)
        await server.start()
        try:
            await until_any(stop, ownership.lost)
            if ownership.lost.is_set():
                parts.engine.session.fail("another bridge may own the installation")
        finally:
            await server.stop()
