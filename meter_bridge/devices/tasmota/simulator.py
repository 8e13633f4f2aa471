"""A simulated Tasmota plug: topics and payloads of the firmware's energy driver."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
import json
import math
import random
import struct
from typing import Final, override

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_meter import NEVER, MeterSettings, SimulatedMeter
from meter_bridge.devices.base.simulated_physics import MICROJOULES_PER_WH, ConstantLoad
from meter_bridge.devices.tasmota.names import NAME
from meter_bridge.devices.tasmota.simulated_rules import RULE_SETS, Event, RuleSet, upper

ENERGY_DECIMALS: Final = 5
"""``EnergyRes 5``, as the bridge's manual recommends."""
RULES_EVERY_MS: Final = 1_000
"""How often the firmware's rules look at the sensors: they take turns ten times a second."""
RULES_AFTER_BOOT_MS: Final = 5_000
"""Sensors are left in peace for so long after a start."""
RULES_AFTER_MOVE_MS: Final = 50
"""How soon rules hear that a relay moved."""
NEAR: Final = 2.0**-20
"""Share of a register, a float32 of kWh, before which a value is not near yet."""
NEAR_KWH: Final = 0.001
MICROJOULES_PER_KWH: Final = 1000 * MICROJOULES_PER_WH


class TasmotaMeter(SimulatedMeter):
    """One relay, one meter, the default ``FullTopic``."""

    family = NAME
    name_form = "tasmota-{:04d}"
    commands = ("cmnd/#",)

    def __init__(self, settings: MeterSettings, *, random: random.Random, start_ms: int) -> None:
        super().__init__(settings, random=random, start_ms=start_ms)
        self.rule_sets = {number: RuleSet() for number in range(1, RULE_SETS + 1)}
        self._rules_ms = start_ms + RULES_AFTER_BOOT_MS
        self._moved_ms = NEVER
        self._boots = self.physics.boots

    @property
    @override
    def due_ms(self) -> int:
        return min(super().due_ms, self._next_rule_check_ms(), self._moved_ms)

    @override
    def move(self, *, closed: bool) -> None:
        if closed is not self.physics.reported_closed:
            self._moved_ms = self.physics.now_ms + RULES_AFTER_MOVE_MS
        super().move(closed=closed)

    @override
    def _reclose(self) -> Sequence[Publish]:
        self._moved_ms = self.physics.now_ms + RULES_AFTER_MOVE_MS
        return super()._reclose()

    @override
    def _act(self) -> Sequence[Publish]:
        messages = list(super()._act())
        self._notice_restart()
        if self._moved_ms <= self.physics.now_ms:
            self._moved_ms = NEVER
            messages += self._trigger_rules({"Power1": {"State": int(self.physics.reported_closed)}})
        if self._next_rule_check_ms() <= self.physics.now_ms:
            self._rules_ms = self.physics.now_ms + RULES_EVERY_MS
            messages += self._trigger_rules(self._sensors())
        return messages

    def _next_rule_check_ms(self) -> int:
        """Return when rules are next checked; checks that cannot change anything are left out."""
        enabled = [each for each in self.rule_sets.values() if each.enabled and each.text]
        if not enabled:
            return NEVER
        soonest = self._soonest_ms(min(each.unchanged_until_kwh(self.total_kwh()) for each in enabled))
        late = max(soonest - self._rules_ms, 0)
        return NEVER if soonest == NEVER else self._rules_ms + -(-late // RULES_EVERY_MS) * RULES_EVERY_MS

    def _soonest_ms(self, register_kwh: float) -> int:
        """Return a lower bound for when the register comes near a value."""
        now, load = self.physics.now_ms, self.physics.load
        if self._boots != self.physics.boots or not isinstance(load, ConstantLoad):
            return now
        missing = (register_kwh * (1 - NEAR) - NEAR_KWH) * MICROJOULES_PER_KWH - self.physics.register_uj
        if missing <= 0:
            return now
        power = self.physics.power_mw
        return NEVER if power <= 0 or missing == math.inf else now + int(missing / power)

    def _notice_restart(self) -> None:
        if self._boots != self.physics.boots:
            self._boots = self.physics.boots
            self._rules_ms = self.physics.booted_ms + RULES_AFTER_BOOT_MS
            for each in self.rule_sets.values():
                each.restart()

    def _trigger_rules(self, event: Event) -> Sequence[Publish]:
        """Apply the enabled rule sets to an event; the actions of a rule trigger no other rule."""
        heard = upper(event)
        enabled = [each for each in self.rule_sets.values() if each.enabled]
        commands = [command for each in enabled for command in each.triggered(heard)]
        messages: list[Publish] = []
        for command in commands:
            name, _, payload = command.partition(" ")
            messages += self.answer(f"cmnd/{self.name}/{name}", payload.encode())
        return self._apply_faults(messages)

    @property
    def address(self) -> str:
        """The address that the bridge uses for this meter."""
        return f"tasmota:{self.name}/1"

    def owns(self, topic: str) -> bool:
        """Return whether a command topic is of this meter."""
        return topic.startswith(f"cmnd/{self.name}/")

    def birth_messages(self) -> Sequence[Publish]:
        """Announce the device, its sensors and its boot."""
        mac = self._mac()
        return [
            self._message(f"tasmota/discovery/{mac}/config", self._configuration(mac), retain=True),
            self._message(f"tasmota/discovery/{mac}/sensors", {"sn": self._sensors(), "ver": 1}, retain=True),
            Publish(f"tele/{self.name}/LWT", b"Online", 1, retain=True),
            self._message(f"tele/{self.name}/INFO3", {"Info3": self._boot()}),
            *self.report(),
        ]

    def will_messages(self) -> Sequence[Publish]:
        """Return the last will."""
        return [Publish(f"tele/{self.name}/LWT", b"Offline", 1, retain=True)]

    def report(self) -> Sequence[Publish]:
        """Tell state and sensors, as every ``TelePeriod``."""
        return [
            self._message(f"tele/{self.name}/STATE", self._state()),
            self._message(f"tele/{self.name}/SENSOR", self._sensors(period=True)),
        ]

    def relay_report(self) -> Sequence[Publish]:
        """Tell the relay's position, as after every change."""
        word = self._word()
        return [
            self._message(f"stat/{self.name}/RESULT", {"POWER": word}),
            Publish(f"stat/{self.name}/POWER", word.encode(), 0),
        ]

    def answer(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Obey a command."""
        name = topic.rpartition("/")[2].upper()
        known: dict[str, Callable[[str], Sequence[Publish]]] = {
            "POWER": self._power,
            "POWER1": self._power,
            "STATUS": self._status,
            "TELEPERIOD": self._tele_period,
            "ENERGYTOTAL": self._energy_total,
            **{f"RULE{number}": partial(self._rule, number) for number in self.rule_sets},
        }
        command = known.get(name)
        text = payload.decode(errors="replace").strip()
        return self._result({"Command": "Unknown"}) if command is None else command(text)

    def _power(self, word: str) -> Sequence[Publish]:
        moves = {"ON": True, "1": True, "OFF": False, "0": False}
        closed = moves.get(word.upper())
        if word.upper() in {"TOGGLE", "2"}:
            closed = not self.physics.reported_closed
        if closed is not None:
            self.move(closed=closed)
        return self.relay_report()

    def _status(self, number: str) -> Sequence[Publish]:
        answers: dict[str, tuple[str, object]] = {
            "1": ("StatusPRM", self._boot()),
            "8": ("StatusSNS", self._sensors()),
            "10": ("StatusSNS", self._sensors()),
            "11": ("StatusSTS", self._state()),
        }
        found = answers.get(number)
        if found is None:
            return self._result({"Command": "Error"})
        return [self._message(f"stat/{self.name}/STATUS{number}", {found[0]: found[1]})]

    def _tele_period(self, _seconds: str) -> Sequence[Publish]:
        self.report_soon()
        return self._result({"TelePeriod": self.settings.interval_ms // 1000})

    def _rule(self, number: int, payload: str) -> Sequence[Publish]:
        self._notice_restart()
        self.rule_sets[number].apply(payload)
        return self._result({f"Rule{number}": self.rule_sets[number].answer()})

    def _energy_total(self, _value: str) -> Sequence[Publish]:
        self.reset_register(with_witness=True)
        total = {"Total": 0, "Yesterday": 0, "Today": 0}
        return self._result({"EnergyTotal": total})

    def _result(self, content: object) -> Sequence[Publish]:
        return [self._message(f"stat/{self.name}/RESULT", content)]

    def _message(self, topic: str, content: object, *, retain: bool = False) -> Publish:
        return Publish(topic, json.dumps(content, separators=(",", ":")).encode(), 0, retain)

    def _word(self) -> str:
        return "ON" if self.physics.reported_closed else "OFF"

    def _boot(self) -> dict[str, object]:
        return {"RestartReason": "Power On", "BootCount": self.physics.boots}

    def _state(self) -> dict[str, object]:
        uptime = (self.physics.now_ms - self.physics.booted_ms) // 1000
        return {
            "Time": _local_time(self.physics.device_time_ms),
            "Uptime": _duration(uptime),
            "UptimeSec": uptime,
            "Heap": 25,
            "SleepMode": "Dynamic",
            "Sleep": 50,
            "LoadAvg": 19,
            "MqttCount": 1,
            "POWER": self._word(),
            "Wifi": {"AP": 1, "RSSI": 74, "Signal": -63, "LinkCount": 1, "Downtime": "0T00:00:03"},
        }

    def _sensors(self, *, period: bool = False) -> dict[str, object]:
        voltage, power = self.physics.voltage_mv(), self.physics.power_mw
        energy: dict[str, object] = {
            "TotalStartTime": _local_time(self.physics.started_ms),
            "Total": self._total(),
            "Yesterday": 0.0,
            "Today": 0.0,
        }
        time: dict[str, object] = {"Time": _local_time(self.physics.device_time_ms)}
        if self.faults.relay_only:
            return time
        if self.faults.no_register:  # a smart meter's script with names of its own
            return time | {"SML": {"Counter": self.total_kwh(), "Power_curr": round(power / 1000)}}
        if period:
            energy["Period"] = 0
        apparent = round(power / 1000)
        energy |= {
            "Power": self._split_over_phases(apparent),
            "ApparentPower": self._split_over_phases(apparent),
            "ReactivePower": self._as_reported([0] * self.settings.phases),
            "Factor": self._as_reported([1.0 if power else 0.0] * self.settings.phases),
            "Frequency": round(self.physics.frequency_mhz() / 1000, 1),
            "Voltage": self._as_reported([round(voltage / 1000)] * self.settings.phases),
            "Current": self._as_reported(
                [round(self.physics.current_ma(voltage) / self.settings.phases / 1000, 3)]
                * self.settings.phases
            ),
        }
        return time | {"ENERGY": energy}

    def _split_over_phases(self, watts: int) -> object:
        share, rest = divmod(watts, self.settings.phases)
        return self._as_reported([share + (number < rest) for number in range(self.settings.phases)])

    def _as_reported(self, values: list[float]) -> object:
        """Return a list for a meter of several phases, as the firmware does, otherwise the value."""
        return values if self.settings.phases > 1 else values[0]

    def _total(self) -> object:
        total = self.total_kwh()
        if not self.faults.tariff_totals:
            return total
        return [total, round(total * 0.35, ENERGY_DECIMALS), round(total * 0.5, ENERGY_DECIMALS)]

    def total_kwh(self) -> float:
        """Return the register as the firmware keeps it: hundredths of a Wh in a float32 of kWh."""
        hundredths = self.physics.register_mwh // 10
        (single,) = struct.unpack("f", struct.pack("f", hundredths / 100_000))
        return round(float(single), ENERGY_DECIMALS)

    def _mac(self) -> str:
        return sha256(self.name.encode()).hexdigest()[:12].upper()

    def _configuration(self, mac: str) -> dict[str, object]:
        return {
            "ip": "192.0.2.10",
            "dn": self.name,
            "fn": [self.name, None, None, None, None, None, None, None],
            "hn": f"tasmota-{mac[-6:]}-0001",
            "mac": mac,
            "md": "Simulated plug",
            "ty": 0,
            "if": 0,
            "ofln": "Offline",
            "onln": "Online",
            "state": ["OFF", "ON", "TOGGLE", "HOLD"],
            "sw": "14.4.1",
            "t": self.name,
            "ft": "%prefix%/%topic%/",
            "tp": ["cmnd", "stat", "tele"],
            "rl": [1, 0, 0, 0, 0, 0, 0, 0],
            "swc": [-1] * 8,
            "swn": [None] * 8,
            "btn": [0] * 8,
            "so": dict.fromkeys(("4", "11", "13", "17", "20", "30", "68", "73", "82", "114", "117"), 0),
            "lk": 0,
            "lt_st": 0,
            "ver": 1,
        }


def _local_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None).isoformat()


def _duration(seconds: int) -> str:
    span = timedelta(seconds=seconds)
    hours, rest = divmod(span.seconds, 3600)
    return f"{span.days}T{hours:02}:{rest // 60:02}:{rest % 60:02}"
