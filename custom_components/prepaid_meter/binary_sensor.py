"""Binary sensors of the bridge, of accounts and of meters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util.dt import utcnow

from .client.protocol import AccountView, AlertView, MeterView
from .client.vocabulary import AlertKind, EmergencyCreditState, RelayProof
from .const import STAFF_ROLES
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import (
    AccountEntity,
    BridgeEntity,
    EntityAdder,
    EntityCandidate,
    MeterEntity,
    account_unique_id,
    meter_unique_id,
)
from .friendly_hours import friendly_hours, in_friendly_hours

# Everything is pushed.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class AccountBinarySensorDescription(BinarySensorEntityDescription):
    """Description of an account's binary sensor."""

    is_on_fn: Callable[[AccountView], bool | None]
    exists_fn: Callable[[AccountView], bool] = lambda _: True
    attributes_fn: Callable[[AccountView], Mapping[str, Any] | None] = lambda _: None
    for_staff: bool = False
    """Whether the bridge tells a tenant nothing of it."""


@dataclass(frozen=True, kw_only=True)
class MeterBinarySensorDescription(BinarySensorEntityDescription):
    """Description of a meter's binary sensor."""

    is_on_fn: Callable[[MeterView], bool | None]
    exists_fn: Callable[[MeterView], bool] = lambda _: True


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of the bridge and of every account."""
    coordinator = entry.runtime_data
    async_add_entities([BridgeConnectivity(coordinator, CONNECTIVITY), BridgeProblem(coordinator, PROBLEM)])
    await EntityAdder(
        entry, Platform.BINARY_SENSOR, async_add_entities, partial(_candidates, coordinator)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    for description in ACCOUNT_BINARY_SENSORS:
        if description.for_staff and coordinator.role not in STAFF_ROLES:
            continue
        yield EntityCandidate(
            account_unique_id(coordinator, account, description),
            description.exists_fn(account),
            partial(AccountBinarySensor, coordinator, account, description),
        )
    yield EntityCandidate(
        account_unique_id(coordinator, account, FRIENDLY_HOURS),
        account.friendly_hours is not None,
        partial(FriendlyHours, coordinator, account, FRIENDLY_HOURS),
    )
    for meter in account.meters:
        for meter_description in METER_BINARY_SENSORS:
            yield EntityCandidate(
                meter_unique_id(coordinator, account, meter, meter_description),
                meter_description.exists_fn(meter),
                partial(MeterBinarySensor, coordinator, account, meter, meter_description),
            )


class BridgeConnectivity(BridgeEntity, BinarySensorEntity):
    """Whether the bridge is connected."""

    @property
    @override
    def available(self) -> bool:
        """Return True: a lost connection is a known state, too."""
        return True

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the bridge is connected."""
        return self.coordinator.available

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return why the bridge is not connected: a refused token is not a bridge that cannot be reached."""
        return {"reason": self.coordinator.lost_because}


class BridgeProblem(BridgeEntity, BinarySensorEntity):
    """Whether there are open alerts of the bridge itself."""

    _unrecorded_attributes = frozenset({"alerts"})

    @property
    @override
    def is_on(self) -> bool:
        """Return whether an alert is open."""
        return bool(_open(self.coordinator.alerts))

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the open alerts."""
        return _alerts(self.coordinator.alerts)


class AccountBinarySensor(AccountEntity, BinarySensorEntity):
    """A binary sensor of an account."""

    _unrecorded_attributes = frozenset({"alerts"})
    entity_description: AccountBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the state, or None if it is not known."""
        return self.entity_description.is_on_fn(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the attributes, such as open alerts."""
        return self.entity_description.attributes_fn(self.account)


class FriendlyHours(AccountEntity, BinarySensorEntity):
    """Whether friendly hours apply, during which the supply is not cut when the credit is used up.

    The bridge reports their start and end in advance, so the entity switches by a timer.
    """

    _cancel_timer: CALLBACK_TYPE | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Start the timer for the next start or end."""
        await super().async_added_to_hass()
        self._start_timer()
        self.async_on_remove(self._stop_timer)

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._start_timer()
        super()._handle_change()

    @callback
    def _start_timer(self) -> None:
        self._stop_timer()
        if hours := friendly_hours(self.account):
            now = utcnow()
            upcoming = [time for time in hours if time > now]
            if upcoming:
                self._cancel_timer = async_track_point_in_utc_time(
                    self.hass, self._timer_fired, min(upcoming)
                )

    @callback
    def _stop_timer(self) -> None:
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None

    @callback
    def _timer_fired(self, _: datetime) -> None:
        self._cancel_timer = None
        self._handle_change()

    @property
    @override
    def is_on(self) -> bool:
        """Return whether friendly hours apply now."""
        return in_friendly_hours(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return start and end of the current or next friendly hours."""
        hours = friendly_hours(self.account)
        return {} if hours is None else {"start": hours[0], "end": hours[1]}


class MeterBinarySensor(MeterEntity, BinarySensorEntity):
    """A binary sensor of a meter."""

    entity_description: MeterBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the state, or None if it is not known."""
        return self.entity_description.is_on_fn(self.meter) if self.meter else None


def _has_alert(*kinds: AlertKind) -> Callable[[AccountView], bool]:
    return lambda account: any(alert.kind in kinds for alert in _open(account.alerts))


def _uses_emergency_credit(account: AccountView) -> bool | None:
    """Return whether emergency credit is being used; None if its state is unknown to this version."""
    if account.emergency_credit is None or account.emergency_credit.state is EmergencyCreditState.UNKNOWN:
        return None
    return account.emergency_credit.state in {EmergencyCreditState.IN_USE, EmergencyCreditState.EXHAUSTED}


def _open(alerts: Iterable[AlertView]) -> list[AlertView]:
    return [alert for alert in alerts if alert.closed_at is None]


def _alerts(alerts: Iterable[AlertView]) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "kind": alert.kind.value,
                "message": alert.message,
                "opened_at": alert.opened_at,
                "acknowledged": alert.acknowledged_at is not None,
            }
            for alert in _open(alerts)
        ]
    }


def _relay_not_responding(meter: MeterView) -> bool | None:
    if meter.relay is None or meter.relay.proof is RelayProof.UNKNOWN:
        return None
    return meter.relay.proof is RelayProof.DISOBEYS


CONNECTIVITY: Final = BinarySensorEntityDescription(
    key="connectivity",
    translation_key="bridge_connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)

PROBLEM: Final = BinarySensorEntityDescription(
    key="problem",
    translation_key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_category=EntityCategory.DIAGNOSTIC,
)

FRIENDLY_HOURS: Final = BinarySensorEntityDescription(key="friendly_hours", translation_key="friendly_hours")

ACCOUNT_BINARY_SENSORS: Final[tuple[AccountBinarySensorDescription, ...]] = (
    AccountBinarySensorDescription(
        key="low_credit",
        translation_key="low_credit",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=lambda account: account.low_credit,
    ),
    AccountBinarySensorDescription(
        key="emergency_credit_in_use",
        translation_key="emergency_credit_in_use",
        is_on_fn=_uses_emergency_credit,
        exists_fn=lambda account: account.emergency_credit is not None,
    ),
    AccountBinarySensorDescription(
        key="overload",
        translation_key="overload",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=_has_alert(AlertKind.OVERLOAD),
    ),
    AccountBinarySensorDescription(
        key="voltage_problem",
        translation_key="voltage_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=_has_alert(AlertKind.OVER_VOLTAGE, AlertKind.UNDER_VOLTAGE),
    ),
    AccountBinarySensorDescription(
        key="tamper",
        translation_key="tamper",
        for_staff=True,
        device_class=BinarySensorDeviceClass.TAMPER,
        is_on_fn=_has_alert(AlertKind.TAMPER),
    ),
    AccountBinarySensorDescription(
        key="outage",
        translation_key="outage",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=_has_alert(AlertKind.POWER_OUTAGE),
    ),
    AccountBinarySensorDescription(
        key="problem",
        translation_key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=lambda account: bool(_open(account.alerts)),
        attributes_fn=lambda account: _alerts(account.alerts),
    ),
)

METER_BINARY_SENSORS: Final[tuple[MeterBinarySensorDescription, ...]] = (
    MeterBinarySensorDescription(
        key="connectivity",
        translation_key="connectivity",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on_fn=lambda meter: meter.online,
    ),
    MeterBinarySensorDescription(
        key="relay_problem",
        translation_key="relay_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on_fn=_relay_not_responding,
        exists_fn=lambda meter: meter.relay is not None,
    ),
)
