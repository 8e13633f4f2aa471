"""Where and when the street lives: in some streets a month ends or the clocks change meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime
import random
from typing import Final
from zoneinfo import ZoneInfo

from tests.storage.template import CREATED_AT

ELSEWHERE: Final = 0.3
"""Share of streets that live around one of the instants below."""
BEFORE_H: Final = (0.5, 30.0)
"""How long before it they begin."""


@dataclass(frozen=True, slots=True)
class LocalClock:
    """A time zone, and the instant at which the street begins to live there."""

    zone: ZoneInfo
    start_ms: int


USUAL: Final = LocalClock(ZoneInfo("Africa/Johannesburg"), CREATED_AT)
CHANGES: Final = (
    ("America/Adak", datetime(2026, 11, 1, 11, tzinfo=UTC)),  # from 02:00 back to 01:00
    ("America/Adak", datetime(2027, 3, 14, 12, tzinfo=UTC)),  # from 02:00 to 03:00
    (
        "Europe/Berlin",
        datetime(2027, 10, 31, 1, tzinfo=UTC),
    ),  # from 03:00 back to 02:00; a month ends
    ("Europe/Berlin", datetime(2030, 3, 31, 1, tzinfo=UTC)),  # from 02:00 to 03:00; a month ends
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),  # from 02:00 back to 01:30
    ("Africa/Johannesburg", datetime(2026, 11, 30, 22, tzinfo=UTC)),  # a month ends
)


def local_clock(chance: random.Random) -> LocalClock:
    if chance.random() >= ELSEWHERE:
        return USUAL
    zone, change = chance.choice(CHANGES)
    start_ms = round((change.timestamp() - chance.uniform(*BEFORE_H) * 3600) * 1000)
    return LocalClock(ZoneInfo(zone), max(start_ms, CREATED_AT))
