"""Real household loads by local day; see README.md for what they are."""

from collections.abc import Mapping
import csv
from datetime import date
from pathlib import Path

from meter_bridge.core.forecast.consumption_model import History

_DAILY = Path(__file__).parent / "daily.csv"


def homes() -> Mapping[str, History]:
    """Return the days of each home; a day that is not whole is None."""
    uses: dict[str, list[int | None]] = {}
    firsts: dict[str, date] = {}
    with _DAILY.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            firsts.setdefault(row["home"], date.fromisoformat(row["first"]))
            days = [None if each == "-" else int(each) for each in row["wh"].split()]
            uses.setdefault(row["home"], []).extend(days)
    return {
        home: History(date.fromordinal(firsts[home].toordinal() + len(days) - 1), days)
        for home, days in uses.items()
    }
