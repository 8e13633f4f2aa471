"""A simulated Shelly Gen3 plug: RPC over MQTT, and the same RPC for its WebSocket."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.shelly.device import DEVICE_ID
from meter_bridge.devices.shelly.digest import Answer
from meter_bridge.devices.shelly.names import NAME

NOT_FOUND: Final = 404
INVALID_ARGUMENT: Final = -103
MINUTE_MS: Final = 60_000
MODEL: Final = "S3PL-00112EU"
FIRMWARE: Final = "1.6.2"


class RpcError(Exception):
    """A request that the device refuses."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Call(msgspec.Struct):
    """A request frame."""

    method: str
    id: int | None = None
    src: str = "unknown"
    params: dict[str, msgspec.Raw] = {}
    auth: Answer | None = None


class ShellyMeter(SimulatedMeter):
    """One ``switch:0`` with both energy counters; the topic prefix is the id of the first device there."""

    family = NAME
    name_form = "shellyplugsg3-{:012x}"
    commands = ("+/rpc", "+/command/+")

    @property
    def address(self) -> str:
        """The address that the bridge uses for this meter."""
        return f"shelly:{self.name}/0"

    @property
    def device_id(self) -> str:
        """The id of the device, of which its MAC address is the end."""
        if not self.physics.earlier_devices and DEVICE_ID.fullmatch(self.name):
            return self.name
        first = int.from_bytes(sha256(self.name.encode()).digest()[:5])
        return self.name_form.format(first + self.physics.earlier_devices)

    @property
    def _mac(self) -> str:
        return self.device_id.rpartition("-")[2].upper()

    def owns(self, topic: str) -> bool:
        """Return whether a command topic is of this meter."""
        return topic == f"{self.name}/rpc" or topic.startswith(f"{self.name}/command/")

    def birth_messages(self) -> Sequence[Publish]:
        """Come online and tell the full status; without a register, RPC over MQTT is switched off."""
        told = [] if self.faults.no_register else [self._event(self.full_status_frame())]
        return [Publish(f"{self.name}/online", b"true", 1, retain=True), *told]

    def will_messages(self) -> Sequence[Publish]:
        """Return the last will."""
        return [Publish(f"{self.name}/online", b"false", 1, retain=True)]

    def report(self) -> Sequence[Publish]:
        """Tell what changes all the time."""
        return [] if self.faults.no_register else [self._event(self.report_frame())]

    def relay_report(self) -> Sequence[Publish]:
        """Tell the output alone, as the firmware does."""
        return [] if self.faults.no_register else [self._event(self.relay_frame())]

    def answer(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Answer a frame, or obey a plain command."""
        if topic.endswith("/rpc"):
            return [] if self.faults.no_register else self._answer_frame(payload)
        words = {b"on": True, b"off": False, b"toggle": not self.physics.reported_closed}
        if payload in words:
            self.move(closed=words[payload])
            return self.relay_report()
        return [Publish(f"{self.name}/status/switch:0", msgspec.json.encode(self.switch_status()))]

    def relay_frame(self) -> dict[str, object]:
        """Return the notification of a moved relay."""
        output = self.physics.reported_closed
        return self._notification("NotifyStatus", {"switch:0": {"id": 0, "output": output, "source": "MQTT"}})

    def report_frame(self) -> dict[str, object]:
        """Return the notification of changed measurements, which leaves the output out."""
        status = {
            name: value for name, value in self.switch_status().items() if name not in {"output", "source"}
        }
        return self._notification("NotifyStatus", {"switch:0": status})

    def full_status_frame(self) -> dict[str, object]:
        """Return the notification that a device sends when it has connected."""
        return self._notification("NotifyFullStatus", self.status())

    def call(self, call: Call) -> dict[str, object]:
        """Answer one request with a result or an error."""
        frame: dict[str, object] = {"id": call.id, "src": self.device_id, "dst": call.src}
        try:
            return frame | {"result": self._result(call)}
        except RpcError as error:
            return frame | {"error": {"code": error.code, "message": error.message}}

    def status(self) -> dict[str, object]:
        """Return what ``Shelly.GetStatus`` answers."""
        return {
            "ble": {},
            "cloud": {"connected": False},
            "mqtt": {"connected": True},
            "switch:0": self.switch_status(),
            "sys": self._system(),
            "wifi": {"sta_ip": "192.0.2.20", "status": "got ip", "ssid": "home", "rssi": -58},
        }

    def switch_status(self) -> dict[str, object]:
        """Return what ``Switch.GetStatus`` answers."""
        relay: dict[str, object] = {"id": 0, "source": "MQTT", "output": self.physics.reported_closed}
        if self.faults.relay_only:
            return relay
        voltage, power = self.physics.voltage_mv(), self.physics.power_mw
        return relay | {
            "apower": round(power / 1000, 1),
            "voltage": round(voltage / 1000, 1),
            "freq": round(self.physics.frequency_mhz() / 1000, 1),
            "current": round(self.physics.current_ma(voltage) / 1000, 3),
            "aenergy": self._counter(self.physics.register_mwh, power),
            "ret_aenergy": self._counter(0, 0),
            "temperature": {"tC": 41.2, "tF": 106.2},
        }

    def _answer_frame(self, payload: bytes) -> Sequence[Publish]:
        try:
            call = msgspec.json.decode(payload, type=Call)
        except msgspec.MsgspecError:
            return []
        before = self.physics.reported_closed
        answer = Publish(f"{call.src}/rpc", msgspec.json.encode(self.call(call)))
        return [answer] if before == self.physics.reported_closed else [answer, *self.relay_report()]

    def _result(self, call: Call) -> object:
        methods: dict[str, Callable[[Call], object]] = {
            "Shelly.GetStatus": lambda _call: self.status(),
            "Shelly.GetDeviceInfo": lambda _call: self.information(),
            "Switch.GetStatus": lambda _call: self.switch_status(),
            "Switch.Set": self._switch,
            "Switch.ResetCounters": self._reset_counters,
        }
        method = methods.get(call.method)
        if method is None:
            raise RpcError(NOT_FOUND, f"No handler for {call.method}")
        return method(call)

    def _switch(self, call: Call) -> object:
        try:
            closed = msgspec.json.decode(call.params["on"], type=bool)
        except KeyError, msgspec.MsgspecError:
            raise RpcError(INVALID_ARGUMENT, "Missing or bad argument 'on'!") from None
        before = self.physics.reported_closed
        self.move(closed=closed)
        return {"was_on": before}

    def _reset_counters(self, _call: Call) -> object:
        before = self.physics.register_mwh
        self.reset_register(with_witness=False)
        return {"aenergy": {"total": before / 1000}}

    def information(self) -> dict[str, object]:
        """Return what ``Shelly.GetDeviceInfo`` answers."""
        return {
            "name": None,
            "id": self.device_id,
            "mac": self._mac,
            "slot": 0,
            "model": MODEL,
            "gen": 3,
            "fw_id": "20250924-061821/1.6.2-gc8a76e2",
            "ver": FIRMWARE,
            "app": "PlugSG3",
            "auth_en": False,
            "auth_domain": None,
        }

    def _system(self) -> dict[str, object]:
        now = self.physics.device_time_ms
        return {
            "mac": self._mac,
            "restart_required": False,
            "unixtime": now // 1000,
            "uptime": (self.physics.now_ms - self.physics.booted_ms) // 1000,
            "ram_free": 130_000,
            "cfg_rev": 12,
            "reset_reason": 3,
        }

    def _counter(self, mwh: int, power_mw: int) -> dict[str, object]:
        minute = power_mw // 60
        return {
            "total": mwh / 1000,
            "by_minute": [minute, minute, minute],
            "minute_ts": self.physics.device_time_ms // MINUTE_MS * 60,
        }

    def _notification(self, method: str, params: dict[str, object]) -> dict[str, object]:
        timed = {"ts": round(self.physics.device_time_ms / 1000, 2)} | params
        return {"src": self.device_id, "dst": f"{self.name}/events", "method": method, "params": timed}

    def _event(self, frame: dict[str, object]) -> Publish:
        return Publish(f"{self.name}/events/rpc", msgspec.json.encode(frame), 0)
