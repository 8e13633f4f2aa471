"""What is announced on the local network."""

import asyncio
import subprocess
import sys

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from meter_bridge.api.http.zeroconf import SERVICE_TYPE, Announcement, addresses, service
from tests.api.factories import INFO


def test_the_announcement_names_the_bridge_and_how_to_reach_it() -> None:
    found = service(INFO, ["192.0.2.7"], 8126, tls=True)
    assert found.type == "_prepaid-meter._tcp.local."
    assert found.name == "Rose Street._prepaid-meter._tcp.local."
    assert found.port == 8126
    assert found.parsed_addresses() == ["192.0.2.7"]
    assert found.decoded_properties == {
        "id": "a1b2",
        "path": "/api/v1",
        "version": "0.1.0",
        "schema": "1",
        "tls": "1",
        "name": "Rose Street",
    }


def test_a_single_address_is_announced_as_it_is() -> None:
    assert addresses("192.0.2.7") == ["192.0.2.7"]


def test_an_unspecified_address_stands_for_those_of_the_machine() -> None:
    found = addresses("0.0.0.0")
    assert "0.0.0.0" not in found
    assert not any(each.startswith("127.") or ":" in each for each in found)


async def test_a_bridge_without_multicast_is_not_announced_and_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(AsyncZeroconf, "async_register_service", fail)
    announcement = Announcement(INFO, host="127.0.0.1", port=8126, tls=False)
    assert await announcement.start() is False
    await announcement.stop()


async def test_an_announcement_that_failed_leaves_no_socket_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[AsyncZeroconf] = []
    close = AsyncZeroconf.async_close

    async def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(19, "No such device")

    async def noted(zeroconf: AsyncZeroconf) -> None:
        closed.append(zeroconf)
        await close(zeroconf)

    monkeypatch.setattr(AsyncZeroconf, "async_register_service", fail)
    monkeypatch.setattr(AsyncZeroconf, "async_close", noted)
    announcement = Announcement(INFO, host="127.0.0.1", port=8126, tls=False)
    assert await announcement.start() is False
    assert len(closed) == 1
    await announcement.stop()
    assert len(closed) == 1


async def test_another_host_finds_the_announcement_and_then_no_more() -> None:
    announcement = Announcement(INFO, host="127.0.0.1", port=8126, tls=False)
    if not await announcement.start():
        pytest.skip("this machine has no multicast")
    other = AsyncZeroconf()
    try:
        async with asyncio.timeout(60):
            found: ServiceInfo | None = None
            while found is None:
                found = await other.async_get_service_info(SERVICE_TYPE, announcement.service.name, 1000)
        assert found.port == 8126
    finally:
        await other.async_close()
        await announcement.stop()


def test_a_bridge_that_announces_nothing_does_not_load_zeroconf() -> None:
    program = "import sys, meter_bridge.api.server; print('zeroconf' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
