"""Buttons: what a customer asks of the own account, and staff of a supply."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, override
from uuid import uuid4

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, Role, SupplyAction
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, Candidate, EntityAdder, account_unique_id
from .helpers import translated_errors

# The bridge orders what is asked of one account; more at once would only race.
PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class AccountButtonDescription(ButtonEntityDescription):
    """Something to ask, and whose tokens may ask it."""

    roles: frozenset[Role]
    exists_fn: Callable[[AccountView], bool]
    button_class: type[AccountButton]


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons that the token may press."""
    await EntityAdder(
        entry, Platform.BUTTON, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_begin()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[Candidate]:
    for description in ACCOUNT_BUTTONS:
        if coordinator.role in description.roles:
            yield Candidate(
                account_unique_id(coordinator, account, description),
                description.exists_fn(account),
                partial(description.button_class, coordinator, account, description),
            )


class AccountButton(AccountEntity, ButtonEntity):
    """A button of an account. It stays available: the bridge says best why something is not possible now."""

    @override
    async def async_press(self) -> None:
        """Ask the bridge."""
        with translated_errors():
            await self._ask()

    @abstractmethod
    async def _ask(self) -> None:
        """Ask the bridge, and let its errors through."""


class EmergencyCreditButton(AccountButton):
    """Select the emergency credit."""

    @override
    async def _ask(self) -> None:
        connection = self.coordinator.connection
        result = await connection.select_emergency_credit(self._account_id, key=uuid4().hex)
        self.coordinator.async_apply_supply(self._account_id, result.supply)


class ConfirmSupplyButton(AccountButton):
    """Reconnect an armed supply."""

    action: SupplyAction = SupplyAction.CONFIRM

    @override
    async def _ask(self) -> None:
        supply = await self.coordinator.connection.set_supply(self._account_id, self.action)
        self.coordinator.async_apply_supply(self._account_id, supply)


class ResetProtectionButton(ConfirmSupplyButton):
    """Reset protections that have tripped."""

    action = SupplyAction.RESET


_CUSTOMERS: Final = frozenset({Role.LANDLORD, Role.TENANT})
_STAFF: Final = frozenset({Role.LANDLORD, Role.CARETAKER})


def _can_be_cut(account: AccountView) -> bool:
    return any(meter.relay is not None for meter in account.meters)


ACCOUNT_BUTTONS: Final[tuple[AccountButtonDescription, ...]] = (
    AccountButtonDescription(
        key="select_emergency_credit",
        translation_key="select_emergency_credit",
        roles=_CUSTOMERS,
        exists_fn=lambda account: account.emergency_credit is not None,
        button_class=EmergencyCreditButton,
    ),
    AccountButtonDescription(
        key="confirm_supply",
        translation_key="confirm_supply",
        roles=_CUSTOMERS,
        exists_fn=_can_be_cut,
        button_class=ConfirmSupplyButton,
    ),
    AccountButtonDescription(
        key="reset_protection",
        translation_key="reset_protection",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        roles=_STAFF,
        exists_fn=_can_be_cut,
        button_class=ResetProtectionButton,
    ),
)
