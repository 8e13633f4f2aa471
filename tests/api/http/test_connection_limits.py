"""Whoever reaches the port can take a share of the connections, and never those of the others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
import ssl
from unittest.mock import patch

from aiohttp import ClientSession, TCPConnector
import pytest

from meter_bridge.api.http import listener
from meter_bridge.api.http.listener import ConnectionLimit
from meter_bridge.api.server import ApiServer, ListenSettings
from tests.api.fake_bridge import StandIn
from tests.api.serving import Served, serving
from tests.certificates import certificate

FEW = 5


@pytest.fixture(autouse=True)
def _few() -> Iterator[None]:
    """Let in few."""
    with patch.object(ConnectionLimit.__init__, "__defaults__", (FEW, 2)):
        yield


@asynccontextmanager
async def half_a_request(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Begin a request and never end it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nX-Slow: ")
    try:
        yield reader
    finally:
        writer.close()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Say whether the other side closed the connection."""
    try:
        async with asyncio.timeout(60):
            return await reader.read() == b""
    except ConnectionError:
        return True


async def health(served: Served) -> int:
    async with ClientSession() as session, session.get(served.url / "health") as answer:
        return answer.status


async def served_again(served: Served) -> int:
    """Return the health as soon as there is room again."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await health(served)
            except OSError:
                await asyncio.sleep(0.02)


async def test_who_keeps_connections_open_takes_their_share_alone() -> None:
    async with serving(StandIn()) as served:
        assert served.url.port is not None
        held = [half_a_request(served.url.port) for _ in range(FEW)]
        for each in held:
            await each.__aenter__()
        async with half_a_request(served.url.port) as one_too_many:
            assert await is_closed(one_too_many)
        for each in held:
            await each.__aexit__(None, None, None)
        assert await served_again(served) == 200


async def test_a_handshake_that_never_ends_counts_as_well(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    server = ApiServer(
        StandIn().application(), ListenSettings(host="127.0.0.1", port=0, tls_certificate=cert, tls_key=key)
    )
    await server.start()
    assert server.tcp_port is not None
    silent = [await asyncio.open_connection("127.0.0.1", server.tcp_port) for _ in range(FEW)]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.tcp_port)
    assert await is_closed(reader)
    for _, each in [*silent, (reader, writer)]:
        each.close()
    trust = ssl.create_default_context(cafile=cert)
    async with ClientSession(connector=TCPConnector(ssl=trust)) as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"{server.url}/health") as answer:
                    assert answer.status == 200
                    break
            except OSError:
                await asyncio.sleep(0.02)
    await server.stop()


def test_one_peer_from_afar_leaves_room_for_another() -> None:
    crowd = ConnectionLimit()
    assert [crowd.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert crowd.admit("192.0.2.2")
    assert [crowd.admit(f"2001:db8::{each}") for each in range(3)] == [True, True, False]
    assert not crowd.admit("127.0.0.1")
    crowd.release("192.0.2.1")
    assert crowd.admit("127.0.0.1")
    assert len(crowd) == FEW


def test_a_proxy_on_this_machine_speaks_for_everybody() -> None:
    crowd = ConnectionLimit()
    assert all(crowd.admit("127.0.0.1") for _ in range(FEW))
    assert not crowd.admit("::1")


def test_what_has_left_is_not_remembered() -> None:
    crowd = ConnectionLimit()
    for each in range(1000):
        peer = f"192.0.{each // 250}.{each % 250}"
        assert crowd.admit(peer)
        crowd.release(peer)
    assert len(crowd) == 0
    assert not crowd._open


def test_there_is_room_for_every_websocket_and_the_rest_of_the_process() -> None:
    from meter_bridge.api.http.listener import MAX_SOCKETS  # noqa: PLC0415 - told beside what it is held against

    assert MAX_SOCKETS < listener.MAX_CONNECTIONS <= 1024 // 2
