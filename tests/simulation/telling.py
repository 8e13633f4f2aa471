"""What is told of devices: the naive model of which alert must be open at which time, and which never.

A condition is to be told of once it lasted long enough while nothing else was wrong: no other fault of the
street or the unit, and a bridge that ran. It knows when each fault began and nothing of how it is found.

- A meter that tells no register (silent, only its relay, everything but its register, or at an address with
  a typing mistake): *meter offline* within `offline after`, and over soon after it tells one.
- A plug that was swapped: *register quarantined*, or the event *register reset* where a lower counter says by
  itself that it is another one.
- A register in another unit: *register quarantined*, until the unit is right again.
- A register that stands still: *register disagrees*, an hour after 2 kWh should have been counted, and of no
  meter whose counter did nothing strange.
- Mains and loads are always within all limits: nothing is ever told of them, whatever number a device sends
  that means *no value*; and of relays that follow nothing either, unless something else is wrong.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.device_faults import DeviceFaults, Misreport, times_asked
from tests.simulation.devices import Devices
from tests.simulation.faults import HOUR_S, NO_VALUES, Fault
from tests.simulation.machine import Machine
from tests.simulation.model import Truth
from tests.simulation.street import House

LOOK_EVERY_S: Final = 120.0
OFFLINE_AFTER_S: Final = 900.0
"""As the site file has it."""
LOOKS_LATE_S: Final = 480.0
"""The bridge looks for silent meters every five minutes here, and takes a while to store what it found."""
CRASH_WAITS_S: Final = 600.0
"""A planned crash waits so long for its commit."""
READINGS: Final = 4
"""Within so many readings, and two minutes, what a register shows is told."""
STORED_S: Final = 120.0
STILL_WH: Final = 2_000
"""So much must have flowed while a register stood still,"""
STILL_S: Final = HOUR_S
"""and so long ago, and so many reports must have come,"""
STILL_REPORTS: Final = 32
STILL_SLOTS_S: Final = 2_160.0
"""and so much later it is told: comparisons wait for the end of a quarter of an hour."""
POWER_STEP_W: Final = 20
SETTLED_S: Final = 2 * HOUR_S
"""Time after any fault in which a relay may still be told of."""
NEVER: Final = ("over_voltage", "under_voltage", "overload", "protection_tripped", "power_outage")
STRANGE: Final = ("counter ", "device ")
"""Faults of counters that may make a register disagree with the power."""
OF_RELAYS: Final = ("relay_disobeys", "tamper")
HIDDEN: Final = ("silent", Misreport.RELAY_ONLY, Misreport.NO_REGISTER, Misreport.MISTYPED)
_APPLIED: Final = "SELECT count(*) FROM applied_site"
_OPEN: Final = "SELECT id, kind, meter_id FROM alert WHERE closed_at IS NULL AND meter_id IS NOT NULL"


@dataclass(slots=True)
class Seen:
    """What was true of a unit when it was looked at last."""

    truth: Truth
    hidden: str = ""
    """Why it tells no register."""
    hidden_since: float = 0.0
    """Since when it tells its register or does not, for the same reason."""
    other_unit_since: float | None = None
    still_since: float | None = None
    still_wh: float = 0.0
    """What flowed for certain while its register stood still."""
    still_due: float | None = None
    """When enough had flowed."""
    unplugged_at: float = 0.0


class Telling:
    """Looks every other minute at what is told, and compares it with what must be."""

    def __init__(
        self,
        machine: Machine,
        truths: Sequence[Truth],
        devices: Devices,
        device_faults: DeviceFaults,
        now_s: Callable[[], float],
    ) -> None:
        self._machine = machine
        self._units = [Seen(truth) for truth in truths]
        self._devices = devices
        self._device_faults = device_faults
        self._now_s = now_s
        self._known: set[str] = set()
        self._applied = (0, 0.0)
        """How often a site file was applied, and when last: meanwhile nobody could be heard."""
        self.faults: Sequence[Fault] = ()
        self.judged: Counter[str] = Counter()
        """How often something was compared with what must be told."""
        self.problems: list[str] = []

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._machine.disk.dead:
                self.look()

    def look(self) -> None:
        """Compare what is told now with what must be."""
        with closing(connect_read_only(self._machine.disk.database)) as connection:
            alerts = connection.execute(_OPEN).fetchall()
            (applied,) = connection.execute(_APPLIED).fetchone()
        if applied != self._applied[0]:
            self._applied = applied, self._now_s()
        told = {(kind, meter_id) for _, kind, meter_id in alerts}
        for unit in self._units:
            self._note(unit, in_quarantine=("register_quarantined", unit.truth.house.meter_id) in told)
            self._keep(self._untold(unit, told))
        self._keep(self._unasked(told))
        by_meter = {unit.truth.house.meter_id: unit for unit in self._units}
        for alert_id, kind, meter_id in alerts:
            if alert_id not in self._known:
                self._known.add(alert_id)
                self._keep(self._told_for_nothing(by_meter[meter_id], kind))

    def _keep(self, problems: Iterable[str]) -> None:
        """Keep each problem once, although it is found again and again."""
        self.problems += [problem for problem in problems if problem not in self.problems]

    def _note(self, unit: Seen, *, in_quarantine: bool) -> None:
        """Note what is true of a unit now."""
        now, house, faults = self._now_s(), unit.truth.house, unit.truth.house.meter.faults
        if house.id in self._devices.unplugged:
            unit.unplugged_at = now
        # One that was silent and comes back is given time to tell its register.
        hidden = "silent" if faults.silent else self._devices.misreporting.get(house.id, "")
        hidden = hidden if hidden in HIDDEN else ""
        if hidden != unit.hidden:
            unit.hidden, unit.hidden_since = hidden, now
        if not faults.wrong_unit or house.believed:  # where it is believed, the alert comes and goes
            unit.other_unit_since = None
        elif unit.other_unit_since is None:
            unit.other_unit_since = now
        self._note_still(unit, now, in_quarantine=in_quarantine)

    def _note_still(self, unit: Seen, now: float, *, in_quarantine: bool) -> None:
        """Add up what flows while a register stands still; while that is in quarantine it is not judged."""
        physics = unit.truth.house.meter.physics
        power_w = physics.power_mw / 1000 - POWER_STEP_W
        if not physics.faults.stuck_register or power_w <= 0 or self._has_jumped or in_quarantine:
            unit.still_since = unit.still_due = None
        elif unit.still_since is None or self._quiet_since(unit) > unit.still_since:
            unit.still_since, unit.still_due, unit.still_wh = now, None, 0.0
        else:
            unit.still_wh += power_w * LOOK_EVERY_S / HOUR_S
            if unit.still_due is None and unit.still_wh >= STILL_WH:
                unit.still_due = now

    @property
    def _has_jumped(self) -> bool:
        """Return whether the clock jumped; from then on the bridge's own time may pass more slowly."""
        return any(fault.kind == "clock jump" and fault.at_s <= self._now_s() for fault in self.faults)

    def _quiet_since(self, unit: Seen, *but: str) -> float:
        """Return since when nothing is wrong with street and unit but faults of certain kinds."""
        now = self._now_s()
        if self._machine.parts is None:
            return now
        ends = [
            min(fault.at_s + fault.for_s + CRASH_WAITS_S * fault.kind.startswith("crash "), now)
            for fault in self.faults
            if fault.at_s <= now
            and fault.target in ("", unit.truth.house.id)
            and not fault.kind.startswith("device ")
            and fault.kind not in but
        ]
        return max(self._machine.started_at, unit.unplugged_at, self._applied[1], *ends)

    def _untold(self, unit: Seen, told: Container[tuple[str, str]]) -> Iterator[str]:
        """Yield what must be told of a unit now, and is not, or must not be any more."""
        now, house = self._now_s(), unit.truth.house
        slow, quiet = 2 if self._has_jumped else 1, self._quiet_since(unit)
        since = max(unit.hidden_since, self._quiet_since(unit, "meter silent"))
        if now - since > slow * (OFFLINE_AFTER_S + LOOKS_LATE_S):
            yield from self._judge("meter_offline", house, told, wanted=bool(unit.hidden))
        since = quiet if unit.other_unit_since is None else max(unit.other_unit_since, quiet)
        if unit.other_unit_since is not None and now - since > _soon_s(house):
            yield from self._judge("register_quarantined", house, told, wanted=True)
        if unit.still_since is not None and unit.still_due is not None:
            reported = unit.still_since + STILL_REPORTS * house.interval_s
            if now - max(unit.still_due + STILL_S, reported) > STILL_SLOTS_S:
                yield from self._judge("register_disagrees", house, told, wanted=True)

    def _judge(
        self, kind: str, house: House, told: Container[tuple[str, str]], *, wanted: bool
    ) -> Iterator[str]:
        self.judged[kind] += wanted
        if ((kind, house.meter_id) in told) is not wanted:
            what = self._devices.misreporting.get(house.id, "nothing")
            yield f"telling: {kind} is {'not' if wanted else 'still'} told of {house.meter_id} ({what})"

    def _unasked(self, told: Container[tuple[str, str]]) -> Iterator[str]:
        """Yield the swaps that nobody is asked about."""
        by_house = {unit.truth.house.id: unit for unit in self._units}
        swaps = self._device_faults.swaps
        for swap in list(swaps):
            house = swap.house
            if ("register_quarantined", house.meter_id) in told or times_asked(
                self._machine, house, lower=swap.lower
            ) > swap.asked_before:
                swaps.remove(swap)
                self.judged["swap"] += 1
            elif self._now_s() - max(swap.at_s, self._quiet_since(by_house[house.id])) > _soon_s(house):
                swaps.remove(swap)
                yield f"telling: nobody was asked about the plug that took the place of {house.meter_id}"

    def _told_for_nothing(self, unit: Seen, kind: str) -> Iterator[str]:
        """Yield an alert that has just been opened, and has no cause."""
        now, house = self._now_s(), unit.truth.house
        if kind in OF_RELAYS:
            quiet = max(self._quiet_since(unit, f"meter {NO_VALUES}"), unit.hidden_since)
            for_nothing = not unit.hidden and now - quiet > SETTLED_S
        else:
            strange = any(
                fault.target == house.id and fault.at_s <= now and fault.kind.startswith(STRANGE)
                for fault in self.faults
            )
            for_nothing = kind in NEVER or (kind == "register_disagrees" and not strange)
        if for_nothing:
            yield f"telling: {kind} is told of {house.meter_id} without a cause"


def _soon_s(house: House) -> float:
    return READINGS * house.interval_s + STORED_S
