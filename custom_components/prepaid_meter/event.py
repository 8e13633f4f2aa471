"""Event entities: top-ups and alerts of an account."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription, EventExtraStoredData
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .amounts import decimal_text
from .client import ProtocolError, from_dict
from .client.protocol import AccountView, Event, EventKind, TopUpView
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, EntityAdder, EntityCandidate, account_unique_id

# Everything is pushed.
PARALLEL_UPDATES = 0

ALERT_DETAILS: Final = ("kind", "message", "by")


@dataclass(frozen=True, kw_only=True)
class AccountEventDescription(EventEntityDescription):
    """The event type for each kind of event of the bridge."""

    types: dict[EventKind, str]


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entities of every account."""
    await EntityAdder(
        entry, Platform.EVENT, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    for description in ACCOUNT_EVENTS:
        yield EntityCandidate(
            account_unique_id(coordinator, account, description),
            wanted=True,
            create=partial(AccountEvent, coordinator, account, description),
        )


@dataclass
class StoredEvent(EventExtraStoredData):
    """What is stored of the last event: also its time, as the state is lost while the bridge is away."""

    last_event_triggered: str | None


class AccountEvent(AccountEntity, EventEntity):
    """An event entity of an account."""

    entity_description: AccountEventDescription

    @property
    @override
    def extra_restore_state_data(self) -> StoredEvent:
        """Return the last event with its time."""
        data = super().extra_restore_state_data
        return StoredEvent(data.last_event_type, data.last_event_attributes, self.state)

    @override
    async def async_get_last_state(self) -> State | None:
        """Return the time of the last event, even if the entity was unavailable when it was removed."""
        stored = await self.async_get_last_extra_data()
        triggered = stored and stored.as_dict().get("last_event_triggered")
        return State(self.entity_id, triggered) if triggered else await super().async_get_last_state()

    @override
    async def async_added_to_hass(self) -> None:
        """Subscribe to the account's events."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_event(self._account_id, self._handle_event))

    @callback
    def _handle_event(self, event: Event) -> None:
        event_type = self.entity_description.types.get(event.kind)
        if event_type and (account := self.coordinator.accounts.get(self._account_id)):
            self._trigger_event(event_type, {"at": event.at} | _details(event, account))
            self.async_write_ha_state()


def _details(event: Event, account: AccountView) -> dict[str, Any]:
    """Return the attributes of an event; none if a newer bridge sends it in an unknown form."""
    if event.kind is not EventKind.TOP_UP:
        return {name: event.data[name] for name in ALERT_DETAILS if isinstance(event.data.get(name), str)}
    try:
        return _top_up_details(from_dict(TopUpView, {"at": event.at} | event.data), account)
    except ProtocolError:
        return {}


def _top_up_details(top_up: TopUpView, account: AccountView) -> dict[str, Any]:
    return {
        "amount": decimal_text(top_up.amount, account),
        "currency": account.currency,
        "balance_after": decimal_text(top_up.balance_after, account),
        "method": top_up.method,
        "reference": top_up.reference,
    }


ACCOUNT_EVENTS: Final[tuple[AccountEventDescription, ...]] = (
    AccountEventDescription(
        key="top_up_event",
        translation_key="top_up",
        event_types=["top_up"],
        types={EventKind.TOP_UP: "top_up"},
    ),
    AccountEventDescription(
        key="alert_event",
        translation_key="alert",
        event_types=["opened", "acknowledged", "closed"],
        types={
            EventKind.ALERT_OPENED: "opened",
            EventKind.ALERT_ACKNOWLEDGED: "acknowledged",
            EventKind.ALERT_CLOSED: "closed",
        },
    ),
)
