"""Update entity: the version of the bridge and the newest known version."""

from typing import Final, override

from awesomeversion import AwesomeVersion, AwesomeVersionException, AwesomeVersionStrategy
from homeassistant.components.update import UpdateEntity, UpdateEntityDescription
from homeassistant.components.update.const import UpdateDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.loader import async_get_loaded_integration

from .const import DOMAIN, RELEASES_URL
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import BridgeEntity

# Everything is pushed.
PARALLEL_UPDATES = 0

COMPARABLE_VERSIONS: Final = [
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.PEP440,
]
"""Version schemes that can be compared."""

BRIDGE: Final = UpdateEntityDescription(
    key="update",
    translation_key="bridge",
    device_class=UpdateDeviceClass.FIRMWARE,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the update entity of the bridge."""
    integration = async_get_loaded_integration(hass, DOMAIN)
    async_add_entities([BridgeUpdate(entry.runtime_data, str(integration.version or ""))])


class BridgeUpdate(BridgeEntity, UpdateEntity):
    """The bridge's version. The bridge cannot be updated from Home Assistant; its operator updates it.

    No server on the internet is queried. Bridge and integration are released together, so a bridge of this
    integration's version is known to exist.
    """

    _attr_release_url = RELEASES_URL
    _attr_title = "Prepaid Meter bridge"

    def __init__(self, coordinator: PrepaidMeterCoordinator, integration_version: str) -> None:
        """Store the version of the integration."""
        super().__init__(coordinator, BRIDGE)
        self._integration_version = integration_version

    @property
    @override
    def installed_version(self) -> str:
        """Return the version of the connected bridge."""
        return self.coordinator.server.version

    @property
    @override
    def latest_version(self) -> str:
        """Return the newest known version."""
        server = self.coordinator.server
        known = (server.version, self._integration_version, server.latest_version or "")
        return newest(*known)


def newest(first: str, *others: str) -> str:
    """Return the newest of several versions; invalid versions are ignored."""
    best = first
    for other in others:
        try:
            if other and AwesomeVersion(other, ensure_strategy=COMPARABLE_VERSIONS) > AwesomeVersion(best):
                best = other
        except AwesomeVersionException:
            continue
    return best
