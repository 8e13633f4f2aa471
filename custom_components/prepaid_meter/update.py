"""The version of the bridge, and the newest that is known here."""

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

NUMBERED: Final = [
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.PEP440,
]
"""Versions that can be told newer or older."""

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
    """Set up the bridge's version."""
    integration = async_get_loaded_integration(hass, DOMAIN)
    async_add_entities([BridgeUpdate(entry.runtime_data, str(integration.version or ""))])


class BridgeUpdate(BridgeEntity, UpdateEntity):
    """The bridge's version. It cannot be updated from here: its operator does that.

    Nobody on the internet is asked. Bridge and integration are released together, so this integration's own
    version is one that the bridge is known to exist in; an operator may tell the bridge of a newer one.
    """

    _attr_release_url = RELEASES_URL
    _attr_title = "Prepaid Meter bridge"

    def __init__(self, coordinator: PrepaidMeterCoordinator, released_with: str) -> None:
        """Keep the version of the integration."""
        super().__init__(coordinator, BRIDGE)
        self._released_with = released_with

    @property
    @override
    def installed_version(self) -> str:
        """Return the version of the bridge that is connected."""
        return self.coordinator.server.version

    @property
    @override
    def latest_version(self) -> str:
        """Return the newest version that is known here."""
        server = self.coordinator.server
        known = (server.version, self._released_with, server.latest_version or "")
        return newest(*known)


def newest(first: str, *others: str) -> str:
    """Return the newest of some versions; what is no version counts for nothing."""
    found = first
    for other in others:
        try:
            if other and AwesomeVersion(other, ensure_strategy=NUMBERED) > AwesomeVersion(found):
                found = other
        except AwesomeVersionException:
            continue
    return found
