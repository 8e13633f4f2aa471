"""Simulated Zigbee plugs behind a simulated Zigbee2MQTT gateway.

Like the real one the gateway repeats its cache: after ``/set`` it publishes the requested state at once
beside the power of before, and only the device's own report brings a new ``last_seen`` and the true power.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Self, override

import msgspec

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.zigbee2mqtt.names import BASE, NAME


class SetRequest(msgspec.Struct):
    """What is published to ``/set``."""

    state: str | None = None


class Zigbee2MqttMeter(SimulatedMeter):
    """One plug with two-decimal kWh, known by its friendly name."""

    family = NAME
    name_form = "zigbee {:04d}"
    commands = (f"{BASE}/+/set", f"{BASE}/+/get")
    _cache: dict[str, object] | None = None

    @property
    def address(self) -> str:
        """The address that the bridge uses for this meter."""
        return f"zigbee2mqtt:{self.name}/state"

    @classmethod
    @override
    def gateway_greeting(cls, meters: Sequence[Self]) -> Sequence[Publish]:
        coordinator = {
            "friendly_name": "Coordinator",
            "type": "Coordinator",
            "ieee_address": "0x00124b0000000001",
        }
        listed = [coordinator, *(meter.exposes() for meter in meters)]
        return [
            Publish(f"{BASE}/bridge/state", b'{"state":"online"}', 1, retain=True),
            Publish(f"{BASE}/bridge/devices", msgspec.json.encode(listed), 1, retain=True),
        ]

    @classmethod
    @override
    def gateway_farewell(cls) -> Sequence[Publish]:
        return [Publish(f"{BASE}/bridge/state", b'{"state":"offline"}', 1, retain=True)]

    def owns(self, topic: str) -> bool:
        """Return whether a command topic is of this meter."""
        return topic in {f"{BASE}/{self.name}/set", f"{BASE}/{self.name}/get"}

    def birth_messages(self) -> Sequence[Publish]:
        """Become available and report."""
        return [self._availability("online"), *self.report()]

    def will_messages(self) -> Sequence[Publish]:
        """Return what the gateway publishes when the device no longer answers."""
        return [self._availability("offline")]

    def report(self) -> Sequence[Publish]:
        """Tell what the device itself measured just now; without a register, with ``output: attribute``."""
        self._cache = self._measured()
        if self.faults.no_register:
            return [self._attribute(name, value) for name, value in self._cache.items()]
        return [self._publish(self._cache)]

    def relay_report(self) -> Sequence[Publish]:
        """Tell a moved relay; measurements follow."""
        return self.report()

    def answer(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Repeat the cache with the wish in it; the device's own report follows if it obeys."""
        if topic.endswith("/get"):
            return self.report()
        try:
            wished = msgspec.json.decode(payload, type=SetRequest).state
        except msgspec.MsgspecError:
            return []
        if wished not in {"ON", "OFF"}:
            return []
        cached = self._cache or self._measured()
        self.move(closed=wished == "ON")
        self._cache = {**cached, "state": wished}
        return [self._publish(self._cache)]

    def exposes(self) -> dict[str, object]:
        """Return the device's entry of ``bridge/devices``."""
        return {
            "friendly_name": self.name,
            "ieee_address": f"0x{_number_of(self.name) ^ self.physics.earlier_devices:016x}",
            "type": "Router",
            "supported": True,
            "disabled": False,
            "interview_completed": True,
            "definition": {
                "model": "TS011F_plug_1",
                "vendor": "Tuya",
                "description": "Smart plug (with power monitoring)",
                "exposes": [_SWITCH, *(_numeric(name, unit) for name, unit in _MEASURES)],
            },
        }

    def _measured(self) -> dict[str, object]:
        return self._told() | (_NO_VALUES if self.faults.no_values else {})

    def _told(self) -> dict[str, object]:
        voltage = self.physics.voltage_mv()
        relay: dict[str, object] = {
            "last_seen": _instant(self.physics.device_time_ms),
            "linkquality": 120,
            "state": "ON" if self.physics.reported_closed else "OFF",
        }
        if self.faults.relay_only:
            return relay
        return relay | {
            "current": round(self.physics.current_ma(voltage) / 1000, 2),
            "energy": self.physics.register_wh // 10 / 100,
            "power": round(self.physics.power_mw / 1000),
            "update": {"installed_version": -1, "latest_version": -1, "state": None},
            "voltage": round(voltage / 1000),
        }

    def _publish(self, content: dict[str, object]) -> Publish:
        return Publish(f"{BASE}/{self.name}", msgspec.json.encode(content), 0)

    def _attribute(self, name: str, value: object) -> Publish:
        return Publish(f"{BASE}/{self.name}/{name}", str(value).encode(), 0)

    def _availability(self, state: str) -> Publish:
        return Publish(
            f"{BASE}/{self.name}/availability", msgspec.json.encode({"state": state}), 1, retain=True
        )


def _number_of(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8])


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _numeric(name: str, unit: str) -> dict[str, object]:
    return {
        "type": "numeric",
        "name": name,
        "property": name,
        "unit": unit,
        "access": 1,
        "label": name.title(),
    }


_MEASURES: Final = (("energy", "kWh"), ("power", "W"), ("voltage", "V"), ("current", "A"))
_NO_VALUES: Final[dict[str, object]] = {"power": -32768, "voltage": 6553.5, "current": 65.535}
"""The invalid values of active power, RMS voltage and RMS current, divided by 1, 10 and 1000."""
_SWITCH: Final = {
    "type": "switch",
    "features": [
        {
            "type": "binary",
            "name": "state",
            "property": "state",
            "access": 7,
            "value_on": "ON",
            "value_off": "OFF",
            "value_toggle": "TOGGLE",
        }
    ],
}
