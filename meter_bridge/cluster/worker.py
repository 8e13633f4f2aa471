"""A worker: one of several bridges on a database, which owns some of its shards and answers for all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
import gc
import logging
import secrets
from typing import Final

from sqlalchemy import URL, Engine, select

from meter_bridge import VERSION
from meter_bridge.api.http.listener import SOCKET_NAME
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.cluster.directory import ShardDirectory, ShardTimes
from meter_bridge.cluster.exporting import ClusterExport
from meter_bridge.cluster.payment_routing import PaymentRouting
from meter_bridge.cluster.peer_client import PeerClient
from meter_bridge.cluster.rebalancing import next_rebalancing
from meter_bridge.cluster.registry import PREFIX, ClusterView, Member, read_cluster, register_worker
from meter_bridge.cluster.router import Router, RouterServer
from meter_bridge.config.settings import Settings
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.engine.access.secret_key import load_key
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.jobs import Job
from meter_bridge.engine.sites.service import FOLLOW_INTERVAL_S
from meter_bridge.engine.state.periodic import JobError, run_periodically
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.protocol.messages import MIN_SCHEMA_VERSION, SCHEMA_VERSION, ServerInfo
from meter_bridge.runtime.application import Application
from meter_bridge.runtime.bridge import (
    Environment,
    running,
    until_any,
    without_garbage_collection,
)
from meter_bridge.storage import postgresql, tables
from meter_bridge.storage.database import reading
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.lease import LeasedOwnership, Leases, process_name
from meter_bridge.storage.segment_archive import EXPORT_NAME
from meter_bridge.storage.shards import Shard

REBALANCE_S: Final = 1.0
EXPORT_AFTER_S: Final = 30.0
"""From a worker's start to its first export: shards are taken first."""
LOOPBACK_HOST: Final = "127.0.0.1"
MAX_FAILURES: Final = 5
"""Times in a row that a worker fails to serve a shard before it leaves all to others and ends."""
_LOGGER: Final = logging.getLogger(__name__)


def _shard_jobs(app: Application) -> tuple[Job, ...]:
    return (
        ("following", FOLLOW_INTERVAL_S, app.sites.follow),
        ("tokens", FOLLOW_INTERVAL_S, app.tokens.refresh),
    )


SHARD_ENVIRONMENT: Final = Environment(make_exporter=lambda _database, _folder: None, more_jobs=_shard_jobs)
"""A shard's bridge takes up what other bridges change; the worker exports for all shards."""


@dataclass(slots=True)
class OwnedShard:
    """A shard that this worker owns, or is about to."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Worker:
    """Owns shards by lease, as many as the other workers leave it."""

    def __init__(self, settings: Settings, url: URL, broker: MqttSettings, count: int) -> None:
        """Keep what every shard needs; nothing is owned yet."""
        self._settings = settings
        self._url = url
        self._broker = broker
        self._count = count
        self._name = PREFIX + secrets.token_hex(8)
        self._shared_secret = secrets.token_hex(32)
        self._owned_shards: dict[int, OwnedShard] = {}
        self._failures = 0
        self._export_failure: Exception | None = None
        """Why the last export failed."""
        self._cluster_view = ClusterView({}, dict.fromkeys(range(count)))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a worker whose own lease is lost begins anew.

        Raises ``StorageError`` where it cannot serve its shards, so that the others take them.
        """
        with reading(self._url) as reader:
            async with self._serve_api(reader) as peers, self._export_in_background(reader):
                while not (stop.is_set() or self._must_yield):
                    await self._own_shards(reader, peers, stop)
        if self._must_yield:
            msg = f"shards could not be served here {self._failures} times in a row; the log tells why"
            raise StorageError(msg)

    @property
    def _must_yield(self) -> bool:
        """Return whether others had better serve what falls to this worker."""
        return self._failures >= MAX_FAILURES

    @asynccontextmanager
    async def _serve_api(self, reader: Engine) -> AsyncIterator[PeerClient]:
        """Serve the API of all shards."""
        peers = PeerClient(Member(self._name, "", self._shared_secret))
        key = await asyncio.to_thread(load_key, self._settings.data)
        file = await asyncio.to_thread(load_providers, self._settings.data)
        times, paying = ShardTimes(reader, self._count), PaymentRouting(reader, file.providers)
        front = Router(peers, ShardDirectory(reader), times, lambda: self._cluster_view, key, paying)
        info = await asyncio.to_thread(_info, reader)
        server = RouterServer(front, info, self._listen_settings())
        await server.start()
        peers.me = Member(self._name, self._settings.worker_address or str(server.url), self._shared_secret)
        try:
            yield peers
        finally:
            await server.stop()
            await peers.close()

    @asynccontextmanager
    async def _export_in_background(self, reader: Engine) -> AsyncIterator[None]:
        """Export what all shards post, whoever owns them, for the dashboard on this machine."""
        folder = self._settings.data / EXPORT_NAME
        exporting = ClusterExport(reader, Exporter(self._url, folder), folder, self._count)
        job = asyncio.create_task(
            run_periodically(
                "export",
                float(self._settings.export_every_s),
                exporting.export,
                first=EXPORT_AFTER_S,
                note=self._note_export,
            )
        )
        try:
            yield
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    def _note_export(self, _name: str, failure: Exception | None) -> None:
        self._export_failure = failure

    def _shard_jobs(self, shard: int, app: Application) -> tuple[Job, ...]:
        """Return a shard's jobs besides those of every bridge."""

        async def tell_export() -> None:
            """Raise ``JobError`` while the worker's export fails, in the first of its shards."""
            if self._export_failure is not None and shard == min(self._owned_shards, default=shard):
                raise JobError(str(self._export_failure) or type(self._export_failure).__name__)

        return (*_shard_jobs(app), ("export", EXPORT_AFTER_S, tell_export))

    def _listen_settings(self) -> ListenSettings:
        """Return where the API of all shards is served."""
        settings = self._settings
        host, port = settings.address
        return ListenSettings(
            host=host,
            port=port,
            tls_certificate=settings.tls_certificate,
            tls_key=settings.tls_key,
            socket=settings.data / SOCKET_NAME,
            announce=settings.announce,
        )

    async def _own_shards(self, reader: Engine, peers: PeerClient, stop: asyncio.Event) -> None:
        """Own what falls to this worker, as long as its own lease lasts."""
        leases = Leases(self._url)
        try:
            async with self._acquire_lease(leases, self._name, process_name()) as presence:
                if presence is None:
                    await _pause(stop)
                    return
                await asyncio.to_thread(self._register, presence, peers.me.address)
                try:
                    while not (stop.is_set() or presence.lost.is_set() or self._must_yield):
                        await self._rebalance(reader, peers)
                        await _pause(stop)
                finally:
                    await self._release_all()
        except StorageError as error:
            _LOGGER.warning("This worker waits: %s", error)
            await _pause(stop)
        finally:
            leases.close()

    def _register(self, presence: LeasedOwnership, address: str) -> None:
        """Tell the others where this worker is reached."""
        writer = postgresql.open_writer(self._url)
        register_worker(writer, presence.grant, address, self._shared_secret)
        writer.dispose()

    @asynccontextmanager
    async def _acquire_lease(
        self, leases: Leases, name: str, holder: str
    ) -> AsyncIterator[LeasedOwnership | None]:
        """Own a lease, None where another holds it or it cannot be taken now."""
        try:
            grant = await asyncio.to_thread(leases.take, name, holder)
        except StorageError as error:
            _LOGGER.warning("This worker cannot take the lease %s yet: %s", name, error)
            grant = None
        if grant is None:
            yield None
            return
        ownership = LeasedOwnership(self._url, leases, grant)
        try:
            yield ownership
        finally:
            await ownership.end()

    async def _rebalance(self, reader: Engine, peers: PeerClient) -> None:
        """Look who lives, then take or give away what that makes right."""
        try:
            self._cluster_view = await asyncio.to_thread(read_cluster, reader, self._count)
        except Exception as error:  # noqa: BLE001 - whatever the database's driver raises, the next look tells
            _LOGGER.warning("This worker cannot see the others: %s", type(error).__name__)
            return
        for shard in [
            n for n, held in self._owned_shards.items() if held.task is not None and held.task.done()
        ]:
            del self._owned_shards[shard]
        owners = {**self._cluster_view.owners, **dict.fromkeys(self._owned_shards, self._name)}
        move = next_rebalancing(self._name, list(self._cluster_view.members), owners)
        for shard in move.acquire:
            held = self._owned_shards[shard] = OwnedShard()
            held.task = asyncio.create_task(self._hold(Shard(shard, self._count), held, peers))
        if move.release is not None:
            self._owned_shards[move.release].release.set()

    async def _hold(self, shard: Shard, held: OwnedShard, peers: PeerClient) -> None:
        """Own a shard until it is given away or lost; an error of one shard ends no other."""
        leases = Leases(self._url)
        try:
            async with self._acquire_lease(leases, shard.lease, self._name) as ownership:
                if ownership is not None:
                    await self._serve(shard, ownership, held, peers)
        except Exception:
            self._failures += 1
            _LOGGER.exception("Shard %d stopped with an error; another bridge can take it", shard.n)
            await asyncio.sleep(REBALANCE_S)
        finally:
            leases.close()
            # What was frozen when the shard was read may be collected now.
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    async def _serve(
        self, shard: Shard, ownership: LeasedOwnership, held: OwnedShard, peers: PeerClient
    ) -> None:
        """Run a shard's bridge, and its API for this machine alone."""
        environment = replace(SHARD_ENVIRONMENT, more_jobs=partial(self._shard_jobs, shard.n))
        shard_run = running(self._settings, self._broker, environment, ownership, shard)
        async with without_garbage_collection(shard_run) as parts:
            server = ApiServer(
                parts.app, ListenSettings(host=LOOPBACK_HOST, port=0), shared_secret=self._shared_secret
            )
            await server.start()
            peers.local_addresses[shard.n] = str(server.url)
            self._failures = 0
            _LOGGER.info("Shard %d of %d is served here", shard.n, shard.count)
            try:
                await until_any(held.release, ownership.lost)
                if ownership.lost.is_set():
                    parts.engine.session.fail("another worker may own the shard")
            finally:
                del peers.local_addresses[shard.n]
                await server.stop()
                _LOGGER.info("Shard %d is not served here any more", shard.n)

    async def _release_all(self) -> None:
        """Give every shard away and wait until all is stored."""
        tasks = []
        for held in self._owned_shards.values():
            held.release.set()
            if held.task is not None:
                tasks.append(held.task)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._owned_shards.clear()


async def _pause(stop: asyncio.Event) -> None:
    """Wait for a moment, or until told to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), REBALANCE_S)


def _info(reader: Engine) -> ServerInfo:
    """Return who answers."""
    with reader.connect() as connection:
        query = select(tables.installation.c.id, tables.installation.c.name)
        installation_id, name = connection.execute(query).one()
    return ServerInfo(
        schema_version=SCHEMA_VERSION,
        min_schema_version=MIN_SCHEMA_VERSION,
        version=VERSION,
        installation_id=installation_id,
        name=name,
    )
