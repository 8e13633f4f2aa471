"""Buttons: operations of customers on their own account, and of staff on a supply."""

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
from .const import STAFF_ROLES
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, EntityAdder, EntityCandidate, account_unique_id
from .helpers import translated_errors

# The bridge serializes the requests of an account; parallel ones would only race.
PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class AccountButtonDescription(ButtonEntityDescription):
    """A button with the roles whose tokens may use it.

    All are of the category "configuration", so that areas and voice assistants do not have them by default:
    a tap on a tile would switch or borrow without a question.
    """

    entity_category: EntityCategory | None = EntityCategory.CONFIG

    roles: frozenset[Role]
    exists_fn: Callable[[AccountView], bool]
    button_class: type[AccountButton]


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons that the token may use."""
    await EntityAdder(
        entry, Platform.BUTTON, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    for description in ACCOUNT_BUTTONS:
        if coordinator.role in description.roles:
            yield EntityCandidate(
                account_unique_id(coordinator, account, description),
                description.exists_fn(account),
                partial(description.button_class, coordinator, account, description),
            )


class AccountButton(AccountEntity, ButtonEntity):
    """A button of an account. It stays available, since the bridge explains best why it refuses a request."""

    @override
    async def async_press(self) -> None:
        """Send the request to the bridge."""
        with translated_errors():
            await self._send_request()

    @abstractmethod
    async def _send_request(self) -> None:
        """Send the request to the bridge; errors propagate."""


class EmergencyCreditButton(AccountButton):
    """Selects the emergency credit."""

    @override
    async def _send_request(self) -> None:
        connection = self.coordinator.connection
        result = await connection.select_emergency_credit(self._account_id, key=uuid4().hex)
        self.coordinator.async_apply_supply(self._account_id, result.supply)


class ConfirmSupplyButton(AccountButton):
    """Reconnects an armed supply."""

    action: SupplyAction = SupplyAction.CONFIRM

    @override
    async def _send_request(self) -> None:
        supply = await self.coordinator.connection.set_supply(self._account_id, self.action)
        self.coordinator.async_apply_supply(self._account_id, supply)


class ResetProtectionButton(ConfirmSupplyButton):
    """Resets tripped protections."""

    action = SupplyAction.RESET


_CUSTOMER_ROLES: Final = frozenset({Role.LANDLORD, Role.TENANT})


def _can_be_cut(account: AccountView) -> bool:
    return any(meter.relay is not None for meter in account.meters)


ACCOUNT_BUTTONS: Final[tuple[AccountButtonDescription, ...]] = (
    AccountButtonDescription(
        key="select_emergency_credit",
        translation_key="select_emergency_credit",
        roles=_CUSTOMER_ROLES,
        exists_fn=lambda account: account.emergency_credit is not None,
        button_class=EmergencyCreditButton,
    ),
    AccountButtonDescription(
        key="confirm_supply",
        translation_key="confirm_supply",
        roles=_CUSTOMER_ROLES,
        exists_fn=_can_be_cut,
        button_class=ConfirmSupplyButton,
    ),
    AccountButtonDescription(
        key="reset_protection",
        translation_key="reset_protection",
        roles=STAFF_ROLES,
        exists_fn=_can_be_cut,
        button_class=ResetProtectionButton,
    ),
)
