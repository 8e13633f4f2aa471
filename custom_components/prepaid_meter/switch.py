"""The supply switch of a landlord."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.components.switch.const import SwitchDeviceClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, Role, SupplyAction, SupplyState, SupplyView
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, Candidate, EntityAdder, account_unique_id
from .helpers import translated_errors

# The bridge orders what is asked of one supply; more at once would only race.
PARALLEL_UPDATES = 1

SUPPLY: Final = SwitchEntityDescription(
    key="supply", translation_key="supply", device_class=SwitchDeviceClass.SWITCH
)

MAY_HOLD: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
"""Whose tokens may hold a supply off and lift that again."""

OFF_REASON: Final = "Switched off in Home Assistant"
"""The note that the bridge keeps with the hold."""


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the supply switch of every account, where the token may use it."""
    await EntityAdder(
        entry, Platform.SWITCH, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_begin()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[Candidate]:
    if coordinator.role in MAY_HOLD:
        yield Candidate(
            account_unique_id(coordinator, account, SUPPLY),
            wanted=True,
            create=partial(SupplySwitch, coordinator, account, SUPPLY),
        )


class SupplySwitch(AccountEntity, SwitchEntity):
    """Hold a supply off, or leave it to the credit again."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the supply is connected, None while that is not known."""
        state = self.account.supply.state
        return None if state is SupplyState.UNKNOWN else state is SupplyState.CONNECTED

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Lift the hold; the credit decides again, and who has none is told that the supply stays off."""
        supply = await self._ask(SupplyAction.AUTO)
        if supply.state is not SupplyState.CONNECTED:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="stays_off",
                translation_placeholders={
                    "account": self.account.name,
                    "state": supply.reason.value.replace("_", " "),
                },
            )

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Hold the supply off, whatever the credit."""
        await self._ask(SupplyAction.OFF, OFF_REASON)

    async def _ask(self, action: SupplyAction, reason: str | None = None) -> SupplyView:
        with translated_errors():
            supply = await self.coordinator.connection.set_supply(self._account_id, action, reason)
        self.coordinator.async_apply_supply(self._account_id, supply)
        return supply
