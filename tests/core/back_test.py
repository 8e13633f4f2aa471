"""The forecast held against what real homes used next: ``python -m tests.core.back_test`` prints the table.

On every day of every home a credit is given that lasts some days at the mean of the last four weeks.
Foretold is when it runs out; what then happened is on record. The plain way beside it is credit ÷ mean of the
last seven days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile
import sys
from typing import Final

from meter_bridge.core.forecast.consumption_model import MEAN_DAYS, PPM, WEEK, History, fit
from meter_bridge.core.forecast.prediction_interval import (
    HORIZONS,
    MAX_FORECAST_DAYS,
    backtest_errors,
    duration_ppm,
    nearest_horizon,
    prediction_interval,
)
from tests.core.loads import homes

KNOWN_DAYS: Final = 60
"""Days of a home that are known before it is first foretold."""
KEPT_DAYS: Final = 180
"""Days that the bridge keeps of each supply."""


@dataclass(frozen=True, slots=True)
class Case:
    """One forecast with what came true; times in millionths of a day."""

    home: str
    days: int
    truth: int
    plain: int
    foretold: int
    inside: bool | None
    """The truth lies within the band; None where too little was known for one."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the forecasts of a home came to."""

    home: str
    days: int
    cases: int
    plain: float
    """Mean absolute error of the plain way, days."""
    foretold: float
    inside: float

    @property
    def better(self) -> float:
        """Return by how much less the forecast errs than the plain way."""
        return 1 - self.foretold / self.plain


def cases(days: int, step: int = 1) -> Iterator[Case]:
    """Yield a case for every day, or every few days, of every home."""
    for home, history in homes().items():
        for known in range(KNOWN_DAYS, len(history.uses), step):
            case = _case(home, history, known, days)
            if case is not None:
                yield case


def _case(home: str, whole: History, known: int, days: int) -> Case | None:
    """Return the forecast that a home's first days allow, where its truth is on record."""
    ago = len(whole.uses) - known
    history = History(whole.last_day - timedelta(days=ago), whole.uses[max(known - KEPT_DAYS, 0) : known])
    week, month = list(history.uses[-WEEK:]), [use for use in history.uses[-MEAN_DAYS:] if use is not None]
    if None in week or (habit := fit(history)) is None:
        return None
    credit = days * 1000 * sum(month) // len(month)
    future = takewhile(lambda use: use is not None, whole.uses[known : known + MAX_FORECAST_DAYS])
    truth = duration_ppm([use * 1000 for use in future if use is not None], credit)
    foretold = duration_ppm(islice(habit.daily_forecast(), MAX_FORECAST_DAYS), credit)
    if truth is None or foretold is None:
        return None
    far = nearest_horizon(foretold)
    found = None if far is None else prediction_interval(backtest_errors(history, far))
    plain = credit * WEEK * PPM // (1000 * sum(use for use in week if use is not None))
    inside = None
    if found is not None:
        inside = foretold * found.low // PPM <= truth <= foretold * found.high // PPM
    return Case(home, days, truth, plain, foretold, inside)


def rows(days: int, step: int = 1) -> list[Row]:
    """Return what the forecasts came to, home by home, and of all homes with equal weight."""
    by_home: dict[str, list[Case]] = {}
    for case in cases(days, step):
        by_home.setdefault(case.home, []).append(case)
    found = [_row(home, days, each) for home, each in by_home.items()]
    columns = zip(*((row.plain, row.foretold, row.inside) for row in found), strict=True)
    means = [sum(column) / len(found) for column in columns]
    return [*found, Row("all homes", days, sum(row.cases for row in found), *means)]


def _row(home: str, days: int, found: list[Case]) -> Row:
    """Return what the forecasts of a home came to."""
    inside = [case.inside for case in found if case.inside is not None]
    plain = _mean_error([case.plain - case.truth for case in found])
    foretold = _mean_error([case.foretold - case.truth for case in found])
    return Row(home, days, len(found), plain, foretold, sum(inside) / len(inside))


def _mean_error(errors_: list[int]) -> float:
    """Return the mean absolute error in days."""
    return sum(abs(each) for each in errors_) / len(errors_) / PPM


def main() -> int:
    """Print the table as it stands in docs/forecast.md."""
    print("| days ahead | home | forecasts | plain, days | forecast, days | better by | interval holds |")  # noqa: T201
    print("| --- | --- | --- | --- | --- | --- | --- |")  # noqa: T201
    for days in HORIZONS:
        for row in rows(days):
            print(  # noqa: T201
                f"| {row.days} | {row.home} | {row.cases} | {row.plain:.2f} | {row.foretold:.2f} |"
                f" {row.better:.1%} | {row.inside:.0%} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
