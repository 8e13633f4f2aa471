"""The supply switch, for landlords and caretakers."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.components.switch.const import SwitchDeviceClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, Role, SupplyAction, SupplyView
from .client.vocabulary import SupplyState
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, EntityAdder, EntityCandidate, account_unique_id
from .helpers import translated_errors

# The bridge serializes the requests of a supply; parallel ones would only race.
PARALLEL_UPDATES = 1

SUPPLY: Final = SwitchEntityDescription(
    key="supply", translation_key="supply", device_class=SwitchDeviceClass.SWITCH
)

CONTROL_ROLES: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
"""Roles that may hold a supply off and lift the hold."""

OFF_REASON: Final = "Switched off in Home Assistant"
"""The reason that the bridge stores with the hold."""


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the supply switch of every account if the token may use it."""
    await EntityAdder(
        entry, Platform.SWITCH, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    if coordinator.role in CONTROL_ROLES:
        yield EntityCandidate(
            account_unique_id(coordinator, account, SUPPLY),
            wanted=True,
            create=partial(SupplySwitch, coordinator, account, SUPPLY),
        )


class SupplySwitch(AccountEntity, SwitchEntity):
    """Holds a supply off, or lifts the hold."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the supply is connected, or None if that is not known."""
        state = self.account.supply.state
        return None if state is SupplyState.UNKNOWN else state is SupplyState.CONNECTED

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Lift the hold, so that the credit decides again; raise an error if the supply stays off."""
        supply = await self._set_supply(SupplyAction.AUTO)
        if supply.state is not SupplyState.CONNECTED:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="stays_off",
                translation_placeholders={"account": self.account.name},
            )

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Hold the supply off, regardless of the credit."""
        await self._set_supply(SupplyAction.OFF, OFF_REASON)

    async def _set_supply(self, action: SupplyAction, reason: str | None = None) -> SupplyView:
        with translated_errors():
            supply = await self.coordinator.connection.set_supply(self._account_id, action, reason)
        self.coordinator.async_apply_supply(self._account_id, supply)
        return supply
