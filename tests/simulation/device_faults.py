"""Devices that misreport: swapped plugs, another unit, registers that stand still, and registers never heard.

The naive model of what is charged: a register that comes back shows all that flowed meanwhile; of another
device, or of one whose address was wrong, nothing is charged but what flows from its first reading on.
"""

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
import random
from typing import Final

from meter_bridge.config.site_file import load
from meter_bridge.core.calendar import DAY_MS
from meter_bridge.runtime.application import Application
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.counters import Counters
from tests.simulation.devices import Devices
from tests.simulation.faults import Fault
from tests.simulation.machine import Machine
from tests.simulation.model import STANDBY_W, Truth
from tests.simulation.people import LANDLORD, until_answered
from tests.simulation.street import House, site_file

NEAR_WH: Final = (50, 500)
"""How much more a plug shows that was used as much as the one before: it might have flowed."""
FAR_WH: Final = (1_000_000, 5_000_000)
"""More than any supply of the street can deliver in a simulation."""
LEAST_LOWER_WH: Final = 250_000
"""More than the rating allows for a day: what a lower counter shows is no energy of today."""
OLDEST_D: Final = (10, 400)
"""Days since a plug of the landlord's drawer began to count."""
LEAST_IN_WH: Final = 1_000
"""Register from which a thousandfold is more than the rating allows for two days."""
DENSE_S: Final = 60
"""Pause between reports up to which they show that too much was counted."""
STUCK_LOAD_W: Final = (1_500, 3_000)


class Misreport(StrEnum):
    """What a device does that misreports, as a kind of fault."""

    SWAPPED = "device swapped"
    UNIT = "device in another unit"
    STUCK = "device stuck"
    RELAY_ONLY = "device tells only its relay"
    NO_REGISTER = "device tells no register"
    MISTYPED = "device mistyped"


FLAGS: Final = {
    Misreport.UNIT: "wrong_unit",
    Misreport.STUCK: "stuck_register",
    Misreport.RELAY_ONLY: "relay_only",
    Misreport.NO_REGISTER: "no_register",
}
"""Faults of the simulated meters that last for a while."""


_ASKED: Final = "SELECT count(*) FROM alert WHERE kind = 'register_quarantined' AND meter_id = ?"
_RESETS: Final = "SELECT count(*) FROM event WHERE kind = 'register_reset' AND meter_id = ?"


@dataclass(frozen=True, slots=True)
class Swap:
    """A plug that took the place of another."""

    house: House
    at_s: float
    lower: bool
    """Whether it shows less."""
    asked_before: int
    """How often its place was asked about before."""


def times_asked(machine: Machine, house: House, *, lower: bool) -> int:
    """Return how often somebody was asked about a register, or told that a lower one is another's."""
    with closing(connect_read_only(machine.disk.database)) as connection:
        (asked,) = connection.execute(_ASKED, (house.meter_id,)).fetchone()
        (resets,) = connection.execute(_RESETS, (house.meter_id,)).fetchone()
    return int(asked) + (int(resets) if lower else 0)


class DeviceFaults:
    """Lets devices misreport, and keeps the true figures."""

    def __init__(self, machine: Machine, devices: Devices, truths: list[Truth], counters: Counters) -> None:
        self._machine = machine
        self._devices = devices
        self._truths = {truth.house.id: truth for truth in truths}
        self._counters = counters
        self.swaps: list[Swap] = []
        self.problems: list[str] = []

    async def carry_out(self, fault: Fault, wait: Callable[[float], Awaitable[None]]) -> None:
        """Cause a fault and end it, unless something else is wrong with the device, or it cuts by itself.

        Where prices depend on the time of use nobody could say what energy read that late costs; and no file
        with a mistake in it is applied where new price lists are.
        """
        house = self._truths[fault.target].house
        if (
            house.cuts
            or house.prices
            or house.id in self._devices.unplugged | self._devices.misreporting.keys()
        ):
            return
        kind = Misreport(fault.kind)
        if kind is Misreport.MISTYPED and any(truth.house.prices for truth in self._truths.values()):
            return
        if kind is Misreport.UNIT and house.reported_wh() < LEAST_IN_WH:
            return
        self._devices.misreporting[house.id] = kind
        try:
            await self._misreport(kind, fault, wait)
        finally:
            del self._devices.misreporting[house.id]

    async def _misreport(
        self, kind: Misreport, fault: Fault, wait: Callable[[float], Awaitable[None]]
    ) -> None:
        truth, chance = self._truths[fault.target], random.Random(f"{fault.at_s}/{fault.target}")
        if kind is Misreport.SWAPPED:
            self._swap(truth, fault.at_s, chance)
        elif kind is Misreport.MISTYPED:
            await self._mistype(truth, fault.for_s, wait)
        else:
            house = truth.house
            if kind is Misreport.STUCK:
                self._steady(house, chance.randint(*STUCK_LOAD_W))
            elif kind is Misreport.UNIT and fault.strength > 0.5 and house.interval_s <= DENSE_S:
                self._counters.move(truth, lambda: None, with_marker=False)
                self._steady(house, STANDBY_W)
                house.believed = True
            self._set(house, kind, on=True)
            await wait(fault.for_s)
            self._set(house, kind, on=False)
            house.believed = truth.is_misled = False
            self._devices.steady.pop(house.id, None)

    def _steady(self, house: House, watts: int) -> None:
        """Let a load stay as it is for a while."""
        self._devices.steady[house.id] = watts
        self._devices.load(house, watts)

    def _set(self, house: House, kind: Misreport, *, on: bool) -> None:
        self._devices.step(house)
        setattr(house.meter.faults, FLAGS[kind], on)
        self._devices.changed(house)

    def _swap(self, truth: Truth, at_s: float, chance: random.Random) -> None:
        """Put another plug in the place of one; it has counted elsewhere."""
        house, meter = truth.house, truth.house.meter
        present, tells = house.reported_wh(), meter.family == "tasmota"
        # Only a plug that tells since when it counts can be told apart however little more it shows.
        near = tells and chance.random() < 0.5
        lower = not near and present // 2 > LEAST_LOWER_WH and chance.random() < 0.5
        register_wh = present // 2 if lower else present + chance.randint(*(NEAR_WH if near else FAR_WH))
        asked = times_asked(self._machine, house, lower=lower)
        started_ms = meter.physics.now_ms - chance.randint(*OLDEST_D) * DAY_MS
        self._counters.move(truth, lambda: meter.swap(register_wh, started_ms), with_marker=False)
        self._devices.come_online(house)
        self.swaps.append(Swap(house, at_s, lower, asked))

    async def _mistype(self, truth: Truth, seconds: float, wait: Callable[[float], Awaitable[None]]) -> None:
        """Write an address with a typing mistake into the site file, and correct it later."""
        house = truth.house
        stored = self._counters.stored_wh(truth)
        house.mistyped = True
        await self._apply()
        self._devices.step(house)
        before = house.reported_wh()
        await wait(seconds)
        self._devices.step(house)
        truth.moved(before, stored, with_marker=False)
        house.mistyped = False
        await self._apply()

    async def _apply(self) -> None:
        """Apply the site file as it is then, until it is answered."""

        async def apply(app: Application) -> None:
            text = site_file([truth.house for truth in self._truths.values()])
            await app.sites.apply(LANDLORD, load(text), document=text, dry_run=False)

        await until_answered(self._machine, apply, self.problems)
