"""Real parts for the whole session: mosquitto, bridge, simulated meters, Home Assistant, dashboard."""

from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import expect
import pytest
import pytest_asyncio

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.browser import Chromium
from scripts.lib.demo.homeassistant import HomeAssistant, entry_of
from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.process import LOOPBACK, free_port
from scripts.lib.demo.street import Street
from scripts.lib.demo.waiting import until
from tests.e2e.house import HOMES, SHELLY_PASSWORD, SHELLY_PASSWORD_VARIABLE, site_file

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
READ_S = 30.0
SEEN_MS = 30_000
"""Longer than the five seconds in which a page has to show something by default: the machine may be busy."""
MARKS = (
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
)

expect.set_options(timeout=SEEN_MS)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run all tests of this folder on one loop; each worker of a parallel run starts its own parts."""
    for mark in MARKS:
        item.add_marker(mark, append=False)


session_fixture = pytest_asyncio.fixture(scope="session", loop_scope="session")


@session_fixture
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@session_fixture
async def mosquitto(folder: Path) -> AsyncIterator[Mosquitto]:
    """Run a broker that requires passwords."""
    broker = Mosquitto(folder / "mosquitto", free_port())
    await broker.start()
    yield broker
    await broker.stop()


@session_fixture
async def street(mosquitto: Mosquitto) -> AsyncIterator[Street]:
    """Run the simulated meters of all families, one of them with its own server."""
    fittings = [home.fitting for home in HOMES.values()]
    servers = {fitting.name: free_port() for fitting in fittings if fitting.own_server}
    meters = Street(mosquitto.url("meters"), fittings, server_ports=servers, password=SHELLY_PASSWORD)
    await meters.start()
    yield meters
    await meters.stop()


@session_fixture
async def bridge(folder: Path, mosquitto: Mosquitto, street: Street) -> AsyncIterator[BridgeProcess]:
    """Run the bridge on that broker, with a site file applied before its first start."""
    environment = {
        "PREPAID_METER_BROKER": mosquitto.url("bridge"),
        "PREPAID_METER_EXPORT_EVERY_S": "30",
        SHELLY_PASSWORD_VARIABLE: SHELLY_PASSWORD,
    }
    process = BridgeProcess(folder / "bridge", free_port(), folder / "bridge.log", environment)
    site = folder / "site.yaml"
    site.write_text(site_file(f"{LOOPBACK}:{street.server_ports['shellyplugsg3-e2e002']}"), encoding="utf-8")
    await process.run("apply", "--yes", str(site))
    await process.start()
    yield process
    await process.stop()


@session_fixture
async def api(bridge: BridgeProcess) -> AsyncIterator[BridgeApi]:
    """Return the API with a landlord's token, once every meter has been read."""
    client = BridgeApi(bridge.url, await bridge.token("tests", "landlord"))

    async def all_read() -> bool | None:
        meters = [meter for account in await client.accounts() for meter in account.meters]
        return all(meter.register_wh is not None for meter in meters) or None

    await until("every meter is read", all_read, READ_S)
    yield client
    await client.close()


@session_fixture
async def bare_home(folder: Path) -> AsyncIterator[HomeAssistant]:
    """Run a Home Assistant with an owner, without any bridge."""
    process = HomeAssistant(PROJECT, folder / "homeassistant", free_port(), folder / "homeassistant.log")
    try:
        await process.start()
        await process.onboard()
        yield process
    finally:
        await process.stop()


@session_fixture
async def home(bare_home: HomeAssistant, bridge: BridgeProcess) -> HomeAssistant:
    """Return Home Assistant connected to the bridge through its config flow."""
    entry_of(await bare_home.add_bridge(bridge.port, await bridge.token("Home Assistant", "landlord")))
    return bare_home


@session_fixture
async def dashboard(folder: Path, bridge: BridgeProcess) -> AsyncIterator[Dashboard]:
    """Run the dashboard over the bridge's data."""
    process = Dashboard(bridge.data, free_port(), folder / "dashboard.log")
    await process.start()
    yield process
    await process.stop()


@session_fixture
async def chromium() -> AsyncIterator[Chromium]:
    """Run a browser."""
    browser = Chromium()
    await browser.start()
    yield browser
    await browser.stop()
