"""How people use electricity: a believable load for every quarter hour of a unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
