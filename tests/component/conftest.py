"""Let Home Assistant's test harness find and load the integration."""

import pytest
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# The harness has a package of the same name; the one that is imported first is the one that is searched.
import custom_components.prepaid_meter  # noqa: F401


@pytest.fixture(autouse=True)
def load_custom_integrations(request: pytest.FixtureRequest) -> None:
    """Enable the integration, after the recorder, which has to be there before Home Assistant itself."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def expected_lingering_timers(request: pytest.FixtureRequest) -> bool:
    """Accept the timer that the harness's own MQTT client leaves behind."""
    return "mqtt_mock" in request.fixturenames


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Write snapshots as Home Assistant does: readable, and without the time of the run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)
