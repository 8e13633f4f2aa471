"""What is true of a simulated meter, whatever its family says: energy, contact, load, voltage.

Energy is kept in microjoules (milliwatts x milliseconds), so that no step size rounds anything away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import random
from typing import Final

from meter_bridge.core.calendar import DAY_MS, HOUR_MS

MICROJOULES_PER_WH: Final = 3_600_000_000
MICROJOULES_PER_MWH: Final = 3_600_000
INTEGRATION_STEP_MS: Final = 1_000
VOLTAGE_NOISE_MV: Final = 900
FREQUENCY_NOISE_MHZ: Final = 30

type Load = Callable[[int], int]
"""Returns the power in mW that is drawn at an instant (ms since 1970 UTC) while the contact is closed."""


@dataclass(frozen=True, slots=True)
class ConstantLoad:
    """Draws the same power all the time."""

    power_mw: int

    def __call__(self, _at_ms: int) -> int:
        """Return the power in mW."""
        return self.power_mw


@dataclass(frozen=True, slots=True)
class DailyProfile:
    """Draws a power per hour of the day (UTC); hours that are missing draw what the hour before drew."""

    power_mw_by_hour: Mapping[int, int]

    def __call__(self, at_ms: int) -> int:
        """Return the power in mW."""
        hour = at_ms % DAY_MS // HOUR_MS
        earlier = [known for known in self.power_mw_by_hour if known <= hour]
        return self.power_mw_by_hour[max(earlier or self.power_mw_by_hour)]


@dataclass(slots=True)
class Faults:
    """What may go wrong with a meter; each can be switched on and off while it runs."""

    recloses: bool = False
    """The contact closes again by itself ``recloses_after_ms`` after it was opened."""
    recloses_after_ms: int = 2_000
    disobeys: bool = False
    """Commands are acknowledged and reported as done, but the contact does not move."""
    deaf: bool = False
    """Commands have no effect and no answer."""
    silent: bool = False
    """Nothing is sent or heard; the broker announces the last will."""
    repeats: bool = False
    """Every message is sent twice."""
    reorders: bool = False
    """Messages leave in swapped pairs."""
    over_voltage: bool = False
    under_voltage: bool = False
    no_voltage: bool = False
    """The mains are gone, and the meter goes on by a supply of its own."""
    leaks: bool = False
    """Energy flows and is counted though the contact is open."""
    stuck_register: bool = False
    """Energy flows and is not counted."""
    wrong_unit: bool = False
    """The register is told in watt-hours where kilowatt-hours are meant, as after a change of settings."""
    no_register: bool = False
    """What the device is set to send does not hold its register."""
    relay_only: bool = False
    """It tells its relay and measures nothing."""
    no_values: bool = False
    """Power, voltage and current are numbers that mean *no value*, where the family has such."""
    tariff_totals: bool = False
    """The total stands in a list with its share of each tariff, where the family has such."""
    clock_off_ms: int = 0
    """How far the device's own clock is ahead."""


@dataclass(slots=True)
class Physics:
    """One metering point with its contact."""

    load: Load
    random: random.Random
    now_ms: int
    register_uj: int = 0
    contact_closed: bool = True
    reported_closed: bool = True
    """What the device says of its contact."""
    nominal_mv: int = 230_000
    nominal_mhz: int = 50_000
    started_ms: int = 0
    """When the register was last reset, as the device tells it."""
    earlier_devices: int = 0
    """How many devices were in this place before."""
    boots: int = 1
    booted_ms: int = 0
    faults: Faults = field(default_factory=Faults)

    @property
    def device_time_ms(self) -> int:
        """Return what the device takes for the time."""
        return self.now_ms + self.faults.clock_off_ms

    @property
    def power_mw(self) -> int:
        """Power that flows now."""
        if self.faults.no_voltage:
            return 0
        return self.load(self.now_ms) if self.contact_closed or self.faults.leaks else 0

    @property
    def register_mwh(self) -> int:
        """Register as the device tells it, floored to mWh."""
        return self._told_uj // MICROJOULES_PER_MWH

    @property
    def register_wh(self) -> int:
        """Register as the device tells it, floored to Wh."""
        return self._told_uj // MICROJOULES_PER_WH

    @property
    def _told_uj(self) -> int:
        return self.register_uj * 1000 if self.faults.wrong_unit else self.register_uj

    def advance(self, to_ms: int) -> None:
        """Let time pass and count what flows."""
        while self.now_ms < to_ms:
            longest = to_ms - self.now_ms if isinstance(self.load, ConstantLoad) else INTEGRATION_STEP_MS
            step = min(longest, to_ms - self.now_ms)
            if not self.faults.stuck_register:
                self.register_uj += self.power_mw * step
            self.now_ms += step

    def move(self, *, closed: bool) -> None:
        """Obey a command, or only claim to."""
        self.reported_closed = closed
        if not self.faults.disobeys:
            self.contact_closed = closed

    def reset_register(self, *, with_witness: bool) -> None:
        """Lose the register; only with a witness does the device say so."""
        self.register_uj = 0
        if with_witness:
            self.started_ms = self.now_ms

    def become_another(self, register_uj: int, started_ms: int) -> None:
        """Be a device in the same place that has counted elsewhere since an instant."""
        self.register_uj, self.started_ms = register_uj, started_ms
        self.earlier_devices += 1

    def restart(self) -> None:
        """Lose power for a moment."""
        self.boots += 1
        self.booted_ms = self.now_ms

    def voltage_mv(self) -> int:
        """Return the voltage with a little noise, or far off where a fault says so."""
        if self.faults.no_voltage:
            return 0
        factor = 118 if self.faults.over_voltage else 80 if self.faults.under_voltage else 100
        noise = self.random.randint(-VOLTAGE_NOISE_MV, VOLTAGE_NOISE_MV)
        return self.nominal_mv * factor // 100 + noise

    def frequency_mhz(self) -> int:
        """Return the frequency with a little noise."""
        return self.nominal_mhz + self.random.randint(-FREQUENCY_NOISE_MHZ, FREQUENCY_NOISE_MHZ)

    def current_ma(self, voltage_mv: int) -> int:
        """Return the current of the present power."""
        return self.power_mw * 1000 // voltage_mv if voltage_mv else 0
