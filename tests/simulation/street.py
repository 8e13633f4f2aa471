"""The simulated street: its units, their tariffs and policies, and their site file."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import cycle
import random
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.devices.registry import broker_families
from meter_bridge.devices.simulators.fleet import simulated_meter
from meter_bridge.devices.tasmota.simulator import TasmotaMeter
from tests.simulation.local_clocks import USUAL, LocalClock
from tests.simulation.price_lists import PriceList, draw_price_list

CENT: Final = 10_000
"""Steps of an amount in a cent of rand."""
RATING_W: Final = 10_000
INTERVALS_S: Final = (60, 120, 300)
CUTTING: Final = 0.2
"""Share of streets in which devices cut by themselves without the bridge."""
OLD_FIRMWARE: Final = 0.3
"""Share of streets whose Tasmotas list their total with its share of each tariff."""
LENDING: Final = 0.4
"""Share of streets in which emergency credit is lent."""
BY_THE_CLOCK: Final = 0.5
"""Share of streets in which prices depend on the time of use."""
LETTING: Final = 0.4
"""Share of streets in which customers move out and in."""
EMERGENCY_LIMIT: Final = 4 * 100 * CENT
LENDS: Final = "        emergency credit: {limit: 4.00, threshold: 3.00}\n"
CUTS: Final = "        without the bridge: local cut-off\n"


class Tariff(StrEnum):
    """Price lists whose cost does not depend on the time of use, so that a naive model can calculate it."""

    FLAT = "flat"
    BLOCKS = "blocks"
    STANDING = "standing"
    FINE = "fine"
    """Its price and tax do not come out even: what is rounded shows."""


class Kind(StrEnum):
    """The special features of a unit."""

    PLAIN = "plain"
    ARMED = "armed"
    NEVER_CUT = "never_cut"
    CREDIT = "credit"


POLICIES: Final = {
    Kind.PLAIN: "",
    Kind.ARMED: "        restore: armed\n",
    Kind.NEVER_CUT: "        never cut: yes\n",
    Kind.CREDIT: "        payment mode: credit\n",
}

HEAD: Final = """name: Simulated street
sites:
  street:
    name: Simulated street
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults:
      rating: 10 kW
      offline after: 15 min
      credit switchings per day: none
      low credit: [5.00]
      limits: {overload: 9 kW}
      protect: {over voltage: {delay: none}, under voltage: {delay: none}, overload: {delay: none}}
    tariffs:
      flat:
        versions: [{from: 2026-01-01, prices: 2.00}]
      blocks:
        versions:
          - from: 2026-01-01
            blocks: [10 kWh, 25 kWh]
            blocks reset: yearly on 10-01
            prices: [1.50, 2.00, 3.25]
      standing:
        versions:
          - from: 2026-01-01
            prices: 1.80
            standing charge: 1.50 per day
            taxes: [{name: VAT, percent: 15}]
      fine:
        versions:
          - from: 2026-01-01
            prices: 1.23457
            taxes: [{name: VAT, percent: 7.7}]
    units:
"""


@dataclass(slots=True)
class House:
    """One unit of the street with its meter."""

    id: str
    tariff: Tariff
    kind: Kind
    meter: SimulatedMeter
    interval_s: int
    cuts: bool = False
    """Whether its device is to cut by itself without the bridge."""
    borrows: bool = False
    """Whether emergency credit is lent to it."""
    let: bool = False
    """Whether it is let to one customer after the other."""
    zone: ZoneInfo = USUAL.zone
    prices: PriceList | None = None
    """Its price list, if prices depend on the time of use: it holds instead of ``tariff``."""
    believed: bool = False
    """Whether the caretaker believes its register, although that is in another unit."""
    mistyped: bool = False
    """Whether the site file names its device wrongly."""

    @property
    def meter_id(self) -> str:
        """Return the meter's id at the bridge."""
        return f"{self.id}/main"

    def reported_wh(self) -> int:
        """Return the register as the meter reports it: in steps of 10 Wh, or as a 32-bit float.

        Where it reports another unit, what it would in the right one.
        """
        faults = self.meter.faults
        unit, faults.wrong_unit = faults.wrong_unit, False
        wh = self.meter.physics.register_wh
        if isinstance(self.meter, TasmotaMeter):
            wh = int(Decimal(str(self.meter.total_kwh())) * 1000)
        faults.wrong_unit = unit
        return wh // 10 * 10 if self.meter.family == "zigbee2mqtt" else wh

    @property
    def address(self) -> str:
        """Return the meter's address as the site file has it."""
        return self.meter.address.replace("house", "huose") if self.mistyped else self.meter.address


def build_street(seed: int, meters: int, local: LocalClock = USUAL) -> list[House]:
    """Return the houses of a seed, with every family and tariff if there are enough."""
    chance = random.Random(f"{seed}/street")
    kinds_of_meter = cycle(sorted(broker_families()))
    tariffs, kinds = cycle(chance.sample(list(Tariff), len(Tariff))), cycle(Kind)
    houses = []
    for number in range(1, meters + 1):
        family, interval = next(kinds_of_meter), chance.choice(INTERVALS_S)
        meter = simulated_meter(
            f"house{number}",
            family,
            load_w=0,
            register_wh=chance.randrange(0, 1_000_000),
            interval_s=interval,
            start_ms=local.start_ms,
            seed=seed,
        )
        kind = next(kinds) if chance.random() < 0.5 else Kind.PLAIN
        houses.append(House(f"house-{number}", next(tariffs), kind, meter, interval, zone=local.zone))
    _let_cut(houses, random.Random(f"{seed}/devices cut"))
    _let_list_tariffs(houses, random.Random(f"{seed}/tariffs in the total"))
    _lend(houses, random.Random(f"{seed}/emergency credit"))
    _let(houses, random.Random(f"{seed}/moving"))
    _price_by_the_clock(houses, random.Random(f"{seed}/prices by the clock"), always=local != USUAL)
    return houses


def _price_by_the_clock(houses: list[House], chance: random.Random, *, always: bool) -> None:
    """Let prices depend on the time of use in some streets, but not where devices cut by energy.

    Where a month ends, the cost of the fine tariff depends on the time as well: each month is rounded.
    """
    if chance.random() < BY_THE_CLOCK or always:
        for number, house in enumerate(houses):
            by_the_clock = chance.random() < 0.7 or (always and house.tariff is Tariff.FINE)
            if by_the_clock and not house.cuts:
                house.prices = draw_price_list(chance, number, house.zone)
            elif always and house.tariff is Tariff.FINE:
                house.tariff = Tariff.FLAT


def _lend(houses: list[House], chance: random.Random) -> None:
    """Offer emergency credit in some streets to all who are cut in the ordinary way."""
    if chance.random() < LENDING:
        for house in houses:
            house.borrows = house.kind is Kind.PLAIN and not house.cuts


def _let(houses: list[House], chance: random.Random) -> None:
    """Let some units of some streets to one customer after the other, without emergency credit."""
    if chance.random() < LETTING:
        for house in houses:
            if chance.random() < 0.6 and not house.cuts:
                house.let, house.borrows = True, False


def _let_cut(houses: list[House], chance: random.Random) -> None:
    """Give the devices of some streets a local cut-off, where they support one."""
    if chance.random() < CUTTING:
        for house in houses:
            house.cuts = house.meter.family == "tasmota"


def _let_list_tariffs(houses: list[House], chance: random.Random) -> None:
    """Give the Tasmotas of some streets old firmware that has tariffs of its own."""
    if chance.random() < OLD_FIRMWARE:
        for house in houses:
            house.meter.faults.tariff_totals = house.meter.family == "tasmota" and not house.cuts


def site_file(houses: list[House]) -> str:
    lists = "".join(house.prices.text() for house in houses if house.prices)
    head = HEAD.replace(str(USUAL.zone), str(houses[0].zone))
    return head.replace("    units:\n", f"{lists}    units:\n") + "".join(
        f"      {house.id}:\n        tariff: {house.prices.id if house.prices else house.tariff}\n"
        f"{POLICIES[house.kind]}"
        f"{CUTS if house.cuts else ''}{LENDS if house.borrows else ''}"
        f'        meters: ["{house.address}"]\n'
        for house in houses
    )
