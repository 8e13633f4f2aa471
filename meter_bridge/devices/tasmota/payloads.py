"""Shapes of Tasmota's JSON, only the members that a meter needs.

Source: Tasmota documentation, *JSON Status Responses* and *Commands*; firmware file ``xdrv_03_energy.ino``.
"""

from typing import Final

import msgspec

from meter_bridge.devices.base.quantities import Minor, MinorValues, Name

type Quantity = float | list[float | None] | dict[str, float | None] | None
"""One value, several in a list, or one per named phase; ``null`` where the chip gave none."""


ABSENT: Final = msgspec.Raw()
"""What a message without the member holds."""
NULL: Final = msgspec.Raw(b"null")


class Energy(msgspec.Struct, frozen=True):
    """The ``ENERGY`` member of a sensor message: kWh, W, V, A, Hz; all but the total may be anything."""

    total: Quantity = msgspec.field(default=None, name="Total")
    started: Minor = msgspec.field(default=None, name="TotalStartTime")
    today: Minor = msgspec.field(default=None, name="Today")
    returned: Minor = msgspec.field(default=None, name="ExportActive")
    power: Minor = msgspec.field(default=None, name="Power")
    voltage: Minor = msgspec.field(default=None, name="Voltage")
    current: Minor = msgspec.field(default=None, name="Current")
    frequency: Minor = msgspec.field(default=None, name="Frequency")
    factor: Minor = msgspec.field(default=None, name="Factor")


class SmartMeterInterface(msgspec.Struct, frozen=True):
    """The ``SML`` member: an optical head on a utility's meter, as most descriptors name its values."""

    total: float | None = msgspec.field(default=None, name="Total_in")
    returned: Minor = msgspec.field(default=None, name="Total_out")
    power: Minor = msgspec.field(default=None, name="Power_curr")


class CurrentTransformer(msgspec.Struct, frozen=True):
    """The ``CTEnergy`` member of ``ANALOG``: a current transformer on the chip's own input."""

    total: float | None = msgspec.field(default=None, name="Energy")
    power: Minor = msgspec.field(default=None, name="Power")
    voltage: Minor = msgspec.field(default=None, name="Voltage")
    current: Minor = msgspec.field(default=None, name="Current")


class Analog(msgspec.Struct, frozen=True):
    """The ``ANALOG`` member of a sensor message."""

    transformer: CurrentTransformer | None = msgspec.field(default=None, name="CTEnergy")
    transformer1: CurrentTransformer | None = msgspec.field(default=None, name="CTEnergy1")


class Sensor(msgspec.Struct, frozen=True):
    """A ``SENSOR`` message."""

    energy: Energy | None = msgspec.field(default=None, name="ENERGY")
    smart_meter: msgspec.Raw = msgspec.field(default=NULL, name="SML")
    analog: msgspec.Raw = msgspec.field(default=NULL, name="ANALOG")
    """Read only where there is no ``ENERGY``."""


class State(msgspec.Struct, frozen=True):
    """A ``STATE`` or ``RESULT`` message: the relays that it speaks of, and how long the device has run."""

    power: Minor = msgspec.field(default=None, name="POWER")
    power1: Minor = msgspec.field(default=None, name="POWER1")
    power2: Minor = msgspec.field(default=None, name="POWER2")
    power3: Minor = msgspec.field(default=None, name="POWER3")
    power4: Minor = msgspec.field(default=None, name="POWER4")
    power5: Minor = msgspec.field(default=None, name="POWER5")
    power6: Minor = msgspec.field(default=None, name="POWER6")
    power7: Minor = msgspec.field(default=None, name="POWER7")
    power8: Minor = msgspec.field(default=None, name="POWER8")
    uptime_s: Minor = msgspec.field(default=None, name="UptimeSec")

    def relays(self) -> list[tuple[int, Minor]]:
        """Return relay number and state word of each relay in the message."""
        return [(number, word) for number, name in RELAY_MEMBERS if (word := getattr(self, name)) is not None]


RELAY_MEMBERS: Final = (
    (1, "power"),
    *((number, f"power{number}") for number in range(1, 9)),
)


class RuleSet(msgspec.Struct, frozen=True):
    """A rule set, as the answer to ``Rule1`` to ``Rule3`` tells it."""

    state: Name = msgspec.field(default="", name="State")
    once: Name = msgspec.field(default="", name="Once")
    rules: str = msgspec.field(default="", name="Rules")


class Result(State, frozen=True):
    """A ``RESULT`` message: what a command did; older firmware tells a rule set flat."""

    rule1: msgspec.Raw = msgspec.field(default=ABSENT, name="Rule1")
    rule2: msgspec.Raw = msgspec.field(default=ABSENT, name="Rule2")
    rule3: msgspec.Raw = msgspec.field(default=ABSENT, name="Rule3")
    once: Minor = msgspec.field(default="", name="Once")
    rules: Minor = msgspec.field(default="", name="Rules")

    def rule_sets(self, minor: MinorValues) -> list[tuple[int, RuleSet]]:
        """Return number and content of each rule set in the message that can be read."""
        members = ((1, self.rule1), (2, self.rule2), (3, self.rule3))
        told = [(number, raw) for number, raw in members if raw != ABSENT]
        read = ((number, minor.part(f"Rule{number}", self._rule_set, raw)) for number, raw in told)
        return [(number, each) for number, each in read if each is not None]

    def _rule_set(self, raw: msgspec.Raw) -> RuleSet | None:
        told = RULE.decode(raw)
        if not isinstance(told, str):
            return told
        return msgspec.convert({"State": told, "Once": self.once, "Rules": self.rules}, RuleSet)


class Parameters(msgspec.Struct, frozen=True):
    """The ``StatusPRM`` or ``Info3`` member: which boot this is."""

    boots: Minor = msgspec.field(default=None, name="BootCount")


class Status(msgspec.Struct, frozen=True):
    """An answer to ``STATUS`` with any number: each answer holds some of these."""

    sensor: msgspec.Raw = msgspec.field(default=NULL, name="StatusSNS")
    state: msgspec.Raw = msgspec.field(default=NULL, name="StatusSTS")
    parameters: msgspec.Raw = msgspec.field(default=NULL, name="StatusPRM")


class Information(msgspec.Struct, frozen=True):
    """An ``INFO3`` message, sent once after a boot."""

    parameters: Parameters | None = msgspec.field(default=None, name="Info3")


class Announcement(msgspec.Struct, frozen=True):
    """A retained ``tasmota/discovery/<MAC>/config`` message."""

    topic: Name = msgspec.field(name="t")
    full_topic: Name = msgspec.field(default="%prefix%/%topic%/", name="ft")
    prefixes: tuple[Name, Name, Name] = msgspec.field(default=("cmnd", "stat", "tele"), name="tp")
    device_name: Name | None = msgspec.field(default=None, name="dn")
    friendly_names: list[Name | None] = msgspec.field(default_factory=list, name="fn")
    host: Name = msgspec.field(default="", name="hn")
    mac: Name = ""
    model: Name | None = msgspec.field(default=None, name="md")
    firmware: Name | None = msgspec.field(default=None, name="sw")
    offline: Name = msgspec.field(default="Offline", name="ofln")
    online: Name = msgspec.field(default="Online", name="onln")
    state_words: list[Name] = msgspec.field(default_factory=lambda: ["OFF", "ON"], name="state")
    relays: list[int] = msgspec.field(default_factory=list, name="rl")


class AnnouncedSensors(msgspec.Struct, frozen=True):
    """A retained ``tasmota/discovery/<MAC>/sensors`` message."""

    sensor: Sensor = msgspec.field(name="sn")


RULE: Final[msgspec.json.Decoder[RuleSet | Name | None]] = msgspec.json.Decoder(RuleSet | Name | None)
SMART_METER: Final = msgspec.json.Decoder(SmartMeterInterface | None)
ANALOG: Final = msgspec.json.Decoder(Analog | None)
PARAMETERS: Final = msgspec.json.Decoder(Parameters | None)
STATUS_SENSOR: Final = msgspec.json.Decoder(Sensor | None)
STATUS_STATE: Final = msgspec.json.Decoder(State | None)
SENSOR: Final = msgspec.json.Decoder(Sensor)
STATE: Final = msgspec.json.Decoder(State)
RESULT: Final = msgspec.json.Decoder(Result)
STATUS: Final = msgspec.json.Decoder(Status)
INFORMATION: Final = msgspec.json.Decoder(Information)
ANNOUNCEMENT: Final = msgspec.json.Decoder(Announcement)
ANNOUNCED_SENSORS: Final = msgspec.json.Decoder(AnnouncedSensors)
