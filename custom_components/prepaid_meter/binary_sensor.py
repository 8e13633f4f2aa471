"""Binary sensors: what needs attention, and what is out of reach."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, AlertView, MeterView, RelayProof
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

# Everything is pushed.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class AccountBinarySensorDescription(BinarySensorEntityDescription):
    """A condition of an account."""

    is_on_fn: Callable[[AccountView], bool | None]
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
    EntityAdder(entry, Platform.BINARY_SENSOR, async_add_entities, partial(_candidates, coordinator))


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[Candidate]:
    for description in ACCOUNT_BINARY_SENSORS:
        yield Candidate(
            account_unique_id(coordinator, account, description),
            wanted=True,
            create=partial(AccountBinarySensor, coordinator, account, description),
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


class MeterBinarySensor(MeterEntity, BinarySensorEntity):
    """A condition of a meter."""

    entity_description: MeterBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the condition, None while the bridge does not know it."""
        return self.entity_description.is_on_fn(self.meter) if self.meter else None


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

ACCOUNT_BINARY_SENSORS: Final[tuple[AccountBinarySensorDescription, ...]] = (
    AccountBinarySensorDescription(
        key="low_credit",
        translation_key="low_credit",
        device_class=BinarySensorDeviceClass.PROBLEM,
        is_on_fn=lambda account: account.low_credit,
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
