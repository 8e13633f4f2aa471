"""Serve the application: over TCP, and to the local operator over a Unix socket."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
import logging
from pathlib import Path
import socket
import ssl
from typing import Final

from aiohttp import web

from meter_bridge.api.app import build_app
from meter_bridge.api.http.connection import LOGGER, NO_LOG, AccessLogger, Connection
from meter_bridge.api.http.listener import ConnectionLimit, bind, is_loopback, listen
from meter_bridge.protocol.messages import ServerInfo
from meter_bridge.runtime.application import Application

_LOGGER: Final = logging.getLogger(__name__)
SHUTDOWN_TIMEOUT_S: Final = 5.0
KEEP_ALIVE_TIMEOUT_S: Final = 75.0
HANDSHAKE_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """Where the API is served."""

    host: str | None = None
    """Address for TCP; None for none."""
    port: int = 8126
    """0 takes any free one."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    socket: Path | None = None
    """Unix socket for the local operator; None for none."""
    announce: bool = False
    """Announce the API on the local network also where it only listens on loopback."""
    origins: Collection[str] = ()
    """Origins of web pages that may open a WebSocket."""

    @property
    def is_local(self) -> bool:
        """Return whether only this machine can reach the API."""
        return self.host is None or is_loopback(self.host)


class ApiServer:
    """The API of one engine, from ``start`` to ``stop``."""

    def __init__(
        self, application: Application | None, listen: ListenSettings, *, shared_secret: str = ""
    ) -> None:
        """Remember what to serve and where; ``shared_secret`` proves a worker that forwards."""
        self._application = application
        self._listen = listen
        self._shared_secret = shared_secret
        self._stack = AsyncExitStack()
        self._tcp_port: int | None = None

    @property
    def tcp_port(self) -> int | None:
        """Return the port in use, or None without TCP."""
        return self._tcp_port

    @property
    def url(self) -> str | None:
        """Return the root of the API over TCP, or None without TCP."""
        host = self._listen.host
        if host is None:
            return None
        scheme = "http" if self._listen.tls_certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._tcp_port}"

    @property
    def logs_requests(self) -> bool:
        """Return whether requests are logged here."""
        return True

    def app(self) -> web.Application:
        """Return the application that is served."""
        assert self._application is not None
        return build_app(self._application, origins=self._listen.origins, shared_secret=self._shared_secret)

    def info(self) -> ServerInfo:
        """Return who is announced."""
        assert self._application is not None
        return self._application.status.info()

    async def start(self) -> None:
        """Listen, and announce the API if others can reach it; raises ``OSError`` where it cannot listen."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Stop listening; requests under way get a few seconds to end, WebSockets are closed."""
        await self._stack.aclose()

    async def _start(self) -> None:
        runner = web.AppRunner(self.app(), shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        if self._listen.socket is not None:
            await self._serve_locally(runner, self._listen.socket)
        if self._listen.host is not None:
            await self._serve_over_tcp(runner, self._listen.host)

    async def _serve_locally(self, runner: web.AppRunner, path: Path) -> None:
        listener = bind(path)
        self._stack.callback(path.unlink, missing_ok=True)
        server = await asyncio.get_running_loop().create_unix_server(
            _connection_factory(runner, logged=self.logs_requests), sock=listener
        )
        self._stack.callback(server.close)

    async def _serve_over_tcp(self, runner: web.AppRunner, host: str) -> None:
        loop, limit = asyncio.get_running_loop(), ConnectionLimit()
        tls = _tls(self._listen.tls_certificate, self._listen.tls_key)
        for family, address in await _addresses(host, self._listen.port):
            server = await loop.create_server(
                _connection_factory(runner, logged=self.logs_requests),
                sock=listen(family, address, limit),
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_TIMEOUT_S,
            )
            self._stack.callback(server.close)
            self._tcp_port = self._tcp_port or int(server.sockets[0].getsockname()[1])
        _LOGGER.info("the API is served at %s", self.url)
        if self._listen.announce or not self._listen.is_local:
            await self._announce(host)

    async def _announce(self, host: str) -> None:
        # Imported here because zeroconf takes several megabytes, which a bridge on loopback need not have.
        from meter_bridge.api.http.zeroconf import Announcement  # noqa: PLC0415

        assert self._tcp_port is not None
        tls = self._listen.tls_certificate is not None
        announcement = Announcement(self.info(), host=host, port=self._tcp_port, tls=tls)
        if await announcement.start():
            self._stack.push_async_callback(announcement.stop)


async def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((int(family), tuple(address)) for family, _, _, _, address in found))


def _connection_factory(runner: web.AppRunner, *, logged: bool) -> Callable[[], Connection]:
    server = runner.server
    assert server is not None
    loop = asyncio.get_running_loop()
    return lambda: Connection(
        server,
        loop=loop,
        access_log_class=AccessLogger,
        access_log=LOGGER if logged else NO_LOG,
        auto_decompress=False,
        keepalive_timeout=KEEP_ALIVE_TIMEOUT_S,
    )


def certificate_problem(certificate: Path | None, key: Path | None) -> str | None:
    """Return what keeps a certificate from being used, with its remedy; None if nothing does."""
    try:
        _tls(certificate, key)
    except OSError as error:
        reason = (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or error
        return (
            f"the certificate {certificate} and its key {key} cannot be used, so other machines cannot reach"
            f" the bridge: {reason}; provide both in PEM format, readable for the bridge's user, with the key"
            " that matches the certificate"
        )
    return None


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
