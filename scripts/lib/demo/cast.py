"""Who lives in the demo: the units of the site file with their habits and meters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
import random
from typing import Final

QUARTER_MS: Final = 900_000
QUARTERS_PER_HOUR: Final = 4
SATURDAY: Final = 5
WORKDAY: Final = (
    25,
    22,
    20,
    20,
    22,
    45,
    90,
    85,
    50,
    35,
    32,
    35,
    42,
    38,
    34,
    38,
    55,
    95,
    130,
    120,
    95,
    75,
    55,
    35,
)
WEEKEND: Final = (
    30,
    26,
    22,
    20,
    20,
    24,
    40,
    65,
    95,
    90,
    80,
    78,
    90,
    80,
    70,
    65,
    70,
    90,
    115,
    110,
    95,
    80,
    60,
    42,
)
"""Share of the mean load in percent, for each hour of the local day."""
MEAN: Final = sum(WORKDAY) / len(WORKDAY)


@dataclass(frozen=True, slots=True)
class Habit:
    """How much a unit uses, and how regularly its customer pays."""

    daily_wh: int
    """Energy of an ordinary day."""
    pays_at: int = 40
    """Balance, in whole units of the currency, below which the customer thinks of paying."""
    pays: Sequence[int] = (100, 150, 200)
    """Amounts that the customer likes to pay."""
    methods: Sequence[str] = ("cash", "transfer")
    stops_paying_days: float = 0.0
    """How long before the present the customer paid for the last time."""

    def quarter_wh(self, local: datetime, chance: random.Random) -> int:
        """Return the energy of the quarter hour that begins at a local time."""
        shape = WEEKEND if local.weekday() >= SATURDAY else WORKDAY
        mean = self.daily_wh / 24 / QUARTERS_PER_HOUR
        appliance = chance.choice((0.0, 0.0, 0.0, 0.0, 1.6)) if shape[local.hour] > MEAN else 0.0
        return round(mean * (shape[local.hour] / MEAN * chance.uniform(0.7, 1.2) + appliance))


SITE_FILE: Final = Path(__file__).with_name("site.yaml")
SHELLY_HOST: Final = "SHELLY_HOST"
"""Placeholder in the site file for the address of the simulated Shelly's own server."""
SHELLY_PASSWORD_VARIABLE: Final = "DEMO_SHELLY_PASSWORD"  # noqa: S105 - the name of a variable
SHELLY_PASSWORD: Final = "rose"  # noqa: S105 - of a device that only exists in the demo
HOUSEHOLD: Final = "house"
FREE_METER: Final = "rose-garage"
"""A meter that nobody has assigned yet."""


@dataclass(frozen=True, slots=True)
class Metered:
    """A simulated meter: its name in its family and its share of the unit's load."""

    name: str
    family: str
    share: float = 1.0
    own_server: bool = False


@dataclass(frozen=True, slots=True)
class Resident:
    """A unit of the demo."""

    habit: Habit
    meters: Mapping[str, Metered] = field(default_factory=dict)
    """By the address that the site file names."""


RESIDENTS: Final[Mapping[str, Resident]] = {
    HOUSEHOLD: Resident(
        Habit(11_000, pays=(100, 150), methods=("card",)),
        {"tasmota:fern-cottage/1": Metered("fern-cottage", "tasmota")},
    ),
    "flat-1": Resident(
        Habit(9_500, pays_at=60, pays=(150, 200)),
        {"tasmota:rose-flat-1/1": Metered("rose-flat-1", "tasmota")},
    ),
    "flat-2": Resident(
        Habit(7_200),
        {
            "shelly:shellyplugsg3-a8032ab10002/0": Metered(
                "shellyplugsg3-a8032ab10002", "shelly", own_server=True
            )
        },
    ),
    "flat-3": Resident(
        Habit(14_000, pays_at=120, pays=(250, 300), methods=("transfer",)),
        {"zigbee2mqtt:Flat 3/state": Metered("Flat 3", "zigbee2mqtt")},
    ),
    "flat-4": Resident(
        Habit(12_500, pays_at=30, pays=(50, 100), stops_paying_days=2.0),
        {
            "shelly:shellyplugsg3-a8032ab10004/0": Metered("shellyplugsg3-a8032ab10004", "shelly", 0.6),
            "shelly:shellyplugsg3-a8032ab10014/0": Metered("shellyplugsg3-a8032ab10014", "shelly", 0.4),
        },
    ),
    "flat-5": Resident(
        Habit(6_000, pays_at=15, pays=(50, 80), stops_paying_days=4.0),
        {"zigbee2mqtt:Flat 5/state": Metered("Flat 5", "zigbee2mqtt")},
    ),
    "caretaker": Resident(
        Habit(3_000, pays_at=-10_000),
        {"tasmota:rose-caretaker/1": Metered("rose-caretaker", "tasmota")},
    ),
}


def site_document(shelly_host: str) -> str:
    """Return the demo's site file for a Shelly server at ``host:port``."""
    return SITE_FILE.read_text(encoding="utf-8").replace(SHELLY_HOST, shelly_host)
