"""Who lives in the demo: the units of the site file with their habits and meters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.lib.demo.routine import Habit

SITE_FILE: Final = Path(__file__).with_name("site.yaml")
SHELLY_HOST: Final = "SHELLY_HOST"
"""Placeholder in the site file for where the simulated Shelly's own server listens."""
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
