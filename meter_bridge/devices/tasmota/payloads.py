"""Shapes of Tasmota's JSON, only the members that a meter needs.

Source: Tasmota documentation, *JSON Status Responses* and *Commands*; firmware file ``xdrv_03_energy.ino``.
"""

from typing import Final

import msgspec

from meter_bridge.devices.base.quantities import Minor, Name, Small

type Quantity = float | list[float | None] | dict[str, float | None] | None
"""One value, several in a list, or one per named phase; ``null`` where the chip gave none."""


class Energy(msgspec.Struct, frozen=True):
    """The ``ENERGY`` member of a sensor message: kWh, W, V, A, Hz; all but the total may be anything."""

    total: Quantity = msgspec.field(default=None, name="Total")
    started: Name | None = msgspec.field(default=None, name="TotalStartTime")
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
    smart_meter: SmartMeterInterface | None = msgspec.field(default=None, name="SML")
    analog: Analog | None = msgspec.field(default=None, name="ANALOG")


class State(msgspec.Struct, frozen=True):
    """A ``STATE`` or ``RESULT`` message: the relays that it speaks of, and how long the device has run."""

    power: str | None = msgspec.field(default=None, name="POWER")
    power1: str | None = msgspec.field(default=None, name="POWER1")
    power2: str | None = msgspec.field(default=None, name="POWER2")
    power3: str | None = msgspec.field(default=None, name="POWER3")
    power4: str | None = msgspec.field(default=None, name="POWER4")
    power5: str | None = msgspec.field(default=None, name="POWER5")
    power6: str | None = msgspec.field(default=None, name="POWER6")
    power7: str | None = msgspec.field(default=None, name="POWER7")
    power8: str | None = msgspec.field(default=None, name="POWER8")
    uptime_s: Small | None = msgspec.field(default=None, name="UptimeSec")

    def relays(self) -> list[tuple[int, str]]:
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

    rule1: RuleSet | Name | None = msgspec.field(default=None, name="Rule1")
    rule2: RuleSet | Name | None = msgspec.field(default=None, name="Rule2")
    rule3: RuleSet | Name | None = msgspec.field(default=None, name="Rule3")
    once: Name = msgspec.field(default="", name="Once")
    rules: str = msgspec.field(default="", name="Rules")

    def rule_sets(self) -> list[tuple[int, RuleSet]]:
        """Return number and content of each rule set in the message."""
        members = ((1, self.rule1), (2, self.rule2), (3, self.rule3))
        return [
            (number, each if isinstance(each, RuleSet) else RuleSet(each, self.once, self.rules))
            for number, each in members
            if each is not None
        ]


class Parameters(msgspec.Struct, frozen=True):
    """The ``StatusPRM`` or ``Info3`` member: which boot this is."""

    boots: Small | None = msgspec.field(default=None, name="BootCount")


class Status(msgspec.Struct, frozen=True):
    """An answer to ``STATUS`` with any number: each answer holds some of these."""

    sensor: Sensor | None = msgspec.field(default=None, name="StatusSNS")
    state: State | None = msgspec.field(default=None, name="StatusSTS")
    parameters: Parameters | None = msgspec.field(default=None, name="StatusPRM")


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


SENSOR: Final = msgspec.json.Decoder(Sensor)
STATE: Final = msgspec.json.Decoder(State)
RESULT: Final = msgspec.json.Decoder(Result)
STATUS: Final = msgspec.json.Decoder(Status)
INFORMATION: Final = msgspec.json.Decoder(Information)
ANNOUNCEMENT: Final = msgspec.json.Decoder(Announcement)
ANNOUNCED_SENSORS: Final = msgspec.json.Decoder(AnnouncedSensors)
