"""The real API over a stand-in engine, on loopback and on a Unix socket."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from aiohttp import ClientResponse, ClientSession, UnixConnector
from yarl import URL

from meter_bridge.api.server import ApiServer, ListenSettings
from tests.api.factories import token_of
from tests.api.fake_bridge import StandIn


@dataclass(slots=True)
class Served:
    """A running API with a client."""

    port: StandIn
    url: URL
    session: ClientSession
    socket: Path | None = None

    def headers(self, name: str | None) -> dict[str, str]:
        """Return the headers of an actor's token."""
        return {} if name is None else {"Authorization": f"Bearer {token_of(name)}"}

    async def ask(
        self,
        method: str,
        path: str,
        name: str | None = "owner",
        *,
        json: object = None,
        data: bytes | str | BytesIO | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ClientResponse:
        """Send a request as an actor; the answer is read whole."""
        url = URL(str(self.url).rstrip("/") + path, encoded=True)
        sent = self.headers(name) | dict(headers or {})
        async with self.session.request(method, url, json=json, data=data, headers=sent) as response:
            await response.read()
            return response


def filled(path: str, identifier: str) -> str:
    """Return a route's path with an id in it; an entry is the one that every account has."""
    return (
        path.replace("{id}", identifier)
        .replace("{entry_id}", "entry-1")
        .replace("{hold}", "leak")
        .replace("{batch}", "7KQ2MX")
        .replace("{payment}", "pay-1")
        .replace("{provider}", "till")
    )


@asynccontextmanager
async def serving(port: StandIn, listen: ListenSettings | None = None) -> AsyncGenerator[Served]:
    """Serve a stand-in on a free port of loopback."""
    server = ApiServer(port.application(), listen or ListenSettings(host="127.0.0.1", port=0))
    await server.start()
    try:
        assert server.url is not None
        async with ClientSession() as session:
            yield Served(port, URL(server.url), session)
    finally:
        await server.stop()


@asynccontextmanager
async def serving_locally(port: StandIn, socket: Path) -> AsyncGenerator[Served]:
    """Serve a stand-in on a Unix socket only."""
    server = ApiServer(port.application(), ListenSettings(socket=socket))
    await server.start()
    try:
        async with ClientSession(connector=UnixConnector(str(socket))) as session:
            yield Served(port, URL("http://bridge"), session, socket)
    finally:
        await server.stop()
