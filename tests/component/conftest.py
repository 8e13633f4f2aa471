"""Fixtures that load the integration in Home Assistant with a fake bridge."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
import logging
from unittest.mock import PropertyMock, patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# The harness has a package with the same name; the first one imported is the one that is searched.
from custom_components.prepaid_meter import coordinator
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.fake_bridge import INSTALLATION_ID, FakeBridge

type Eventually = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture(autouse=True)
def load_custom_integrations(request: pytest.FixtureRequest) -> None:
    """Enable the integration after the recorder, which must be set up before Home Assistant itself."""
    if "recorder_mock" in request.fixturenames:
        # Logging every SQL statement makes a test ten times slower and explains no failure.
        for name in ("sqlalchemy.engine", "homeassistant.components.recorder"):
            logging.getLogger(name).setLevel(logging.WARNING)
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def expected_lingering_timers(request: pytest.FixtureRequest) -> bool:
    """Allow the timer that the harness's MQTT client leaves behind."""
    return "mqtt_mock" in request.fixturenames


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Write snapshots in the format of Home Assistant: readable, and without the time of the run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
async def bridge(socket_enabled: None) -> AsyncGenerator[FakeBridge]:
    """Run a fake bridge."""
    fake = FakeBridge()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture(autouse=True)
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect at once, so that tests do not wait."""
    monkeypatch.setattr(coordinator, "FIRST_RETRY_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def no_blueprints_of_core() -> Generator[None]:
    """Keep automations from copying core's blueprints into the harness's folder, which all workers share."""
    with patch("homeassistant.components.blueprint.models.DomainBlueprints.async_populate"):
        yield


@pytest.fixture
def all_entities_enabled() -> Generator[None]:
    """Enable entities that are disabled by default as well."""
    target = "homeassistant.helpers.entity.Entity.entity_registry_enabled_default"
    with patch(target, new_callable=PropertyMock, return_value=True):
        yield


@pytest.fixture
def entry(hass: HomeAssistant, bridge: FakeBridge) -> MockConfigEntry:
    """Add the bridge's config entry, which is not set up yet."""
    data = {"host": "127.0.0.1", "port": bridge.port, "ssl": False, "verify_ssl": True, "token": bridge.token}
    entry = MockConfigEntry(domain=DOMAIN, title="Long Street", unique_id=INSTALLATION_ID, data=data)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncGenerator[MockConfigEntry]:
    """Set the bridge up, and unload it at the end."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def eventually(hass: HomeAssistant) -> Eventually:
    """Wait for something that arrives over a real socket."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)
                await hass.async_block_till_done()
        await hass.async_block_till_done()

    return wait
