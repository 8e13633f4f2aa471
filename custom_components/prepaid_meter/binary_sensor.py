"""Binary sensors: what needs attention, and what is out of reach."""

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

from .client.protocol import (
    AccountView,
    AlertKind,
    AlertView,
    EmergencyCreditState,
    MeterView,
    RelayProof,
)
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import (
    AccountEntity,
    BridgeEntity,
    Candidate,
    EntityAdder,
    MeterEntity,
    account_unique_id,
    meter_unique_id,
)
from .friendly import friendly_hours, in_friendly_hours

# Everything is pushed.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class AccountBinarySensorDescription(BinarySensorEntityDescription):
    """A condition of an account."""

    is_on_fn: Callable[[AccountView], bool | None]
    exists_fn: Callable[[AccountView], bool] = lambda _: True
    attributes_fn: Callable[[AccountView], Mapping[str, Any] | None] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class MeterBinarySensorDescription(BinarySensorEntityDescription):
    """A condition of a meter."""

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
    ).async_begin()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[Candidate]:
    for description in ACCOUNT_BINARY_SENSORS:
        yield Candidate(
            account_unique_id(coordinator, account, description),
            description.exists_fn(account),
            partial(AccountBinarySensor, coordinator, account, description),
        )
    yield Candidate(
        account_unique_id(coordinator, account, FRIENDLY_HOURS),
        account.friendly_hours is not None,
        partial(FriendlyHours, coordinator, account, FRIENDLY_HOURS),
    )
    for meter in account.meters:
        for each in METER_BINARY_SENSORS:
            yield Candidate(
                meter_unique_id(coordinator, account, meter, each),
                each.exists_fn(meter),
                partial(MeterBinarySensor, coordinator, account, meter, each),
            )


class BridgeConnectivity(BridgeEntity, BinarySensorEntity):
    """Whether Home Assistant hears the bridge."""

    @property
    @override
    def available(self) -> bool:
        """Return True: that there is no connection is known as well."""
        return True

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the stream is open."""
        return self.coordinator.available


class BridgeProblem(BridgeEntity, BinarySensorEntity):
    """Open alerts that belong to no single account."""

    _unrecorded_attributes = frozenset({"alerts"})

    @property
    @override
    def is_on(self) -> bool:
        """Return whether such an alert is open."""
        return bool(_open(self.coordinator.alerts))

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the open alerts."""
        return _alerts(self.coordinator.alerts)


class AccountBinarySensor(AccountEntity, BinarySensorEntity):
    """A condition of an account."""

    _unrecorded_attributes = frozenset({"alerts"})
    entity_description: AccountBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the condition."""
        return self.entity_description.is_on_fn(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return what explains the condition."""
        return self.entity_description.attributes_fn(self.account)


class FriendlyHours(AccountEntity, BinarySensorEntity):
    """Whether friendly hours are on, in which used-up credit cuts nothing.

    The bridge tells when they begin and end; in between nothing needs to arrive for this to be right.
    """

    _cancel_timer: CALLBACK_TYPE | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Wait for the next instant at which they begin or end."""
        await super().async_added_to_hass()
        self._wait()
        self.async_on_remove(self._stop_waiting)

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._wait()
        super()._handle_change()

    @callback
    def _wait(self) -> None:
        self._stop_waiting()
        if hours := friendly_hours(self.account):
            now = utcnow()
            coming = [instant for instant in hours if instant > now]
            if coming:
                self._cancel_timer = async_track_point_in_utc_time(self.hass, self._passed, min(coming))

    @callback
    def _stop_waiting(self) -> None:
        if self._cancel_timer:
            self._cancel_timer()
            self._cancel_timer = None

    @callback
    def _passed(self, _: datetime) -> None:
        self._cancel_timer = None
        self._handle_change()

    @property
    @override
    def is_on(self) -> bool:
        """Return whether they are on."""
        return in_friendly_hours(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return those that are on or come next."""
        hours = friendly_hours(self.account)
        return {} if hours is None else {"start": hours[0], "end": hours[1]}


class MeterBinarySensor(MeterEntity, BinarySensorEntity):
    """A condition of a meter."""

    entity_description: MeterBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the condition, None while the bridge does not know it."""
        return self.entity_description.is_on_fn(self.meter) if self.meter else None


def _has(*kinds: AlertKind) -> Callable[[AccountView], bool]:
    return lambda account: any(alert.kind in kinds for alert in _open(account.alerts))


def _uses_emergency_credit(account: AccountView) -> bool | None:
    """Return whether the account lives on emergency credit; None where the bridge says what is not known."""
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


def _disobeys(meter: MeterView) -> bool | None:
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
        is_on_fn=_has(AlertKind.OVERLOAD),
    ),
    AccountBinarySensorDescription(
        key="voltage_problem",
        translation_key="voltage_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=_has(AlertKind.OVER_VOLTAGE, AlertKind.UNDER_VOLTAGE),
    ),
    AccountBinarySensorDescription(
        key="tamper",
        translation_key="tamper",
        device_class=BinarySensorDeviceClass.TAMPER,
        is_on_fn=_has(AlertKind.TAMPER),
    ),
    AccountBinarySensorDescription(
        key="outage",
        translation_key="outage",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=_has(AlertKind.POWER_OUTAGE),
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
        is_on_fn=_disobeys,
        exists_fn=lambda meter: meter.relay is not None,
    ),
)
