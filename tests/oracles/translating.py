"""A described tariff in the words of each of the other calculators."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.oracles.asking import Job
from tests.oracles.described import (
    EVERY_DAY,
    MONTHS_OF,
    WEEKDAYS,
    WEEKEND,
    Described,
    Example,
    Load,
    Meaning,
    Window,
)

WEEKDAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
METERING_OPTION = {Meaning.PRO_RATA: 0, Meaning.CHRONOLOGICAL: 2}
"""PySAM's metering options: 0 and 1 price the totals of a month, 2 to 4 each interval in turn."""


def kwh(wh: int | None) -> str | None:
    """Return energy in kWh, exact."""
    return None if wh is None else str(Decimal(wh).scaleb(-3))


def ladder(tariff: Described, band: int) -> list[tuple[int | None, Decimal]]:
    """Return the blocks of a band: upper limit in Wh, none for the last, and price per kWh."""
    return list(zip([*tariff.limits[band], None], [row[band] for row in tariff.prices], strict=True))


def pysam_job(example: Example) -> Job:
    """Return the job for ``workers/with_pysam.py``; bands count from 1."""
    tariff, year = example.tariff, example.load.year
    return {
        "load": example.load.name,
        "tariff": {
            "metering_option": METERING_OPTION[example.meaning],
            "weekday": [[band + 1 for band in hours] for hours in tariff.hours(year, WEEKDAYS)],
            "weekend": [[band + 1 for band in hours] for hours in tariff.hours(year, WEEKEND)],
            "energy": [
                [(None if end is None else end / 1000, float(price)) for end, price in ladder(tariff, band)]
                for band in range(tariff.bands)
            ],
            "fixed": float(tariff.fixed_per_month),
            "minimum": float(tariff.minimum_per_month),
            "demand": [(None, float(tariff.demand_per_kw))],
        },
    }


def ratebook_job(example: Example) -> Job:
    """Return the job for ``workers/with_ratebook.py``; it takes hours only."""
    tariff, year = example.tariff, example.load.year
    fixed = {"$/month": tariff.fixed_per_month, "$/day": tariff.fixed_per_day}
    minimum = {"amount": str(tariff.minimum_per_month), "unit": "$/month"}
    return {
        "load": example.load.name,
        "year": year,
        "tariff": {
            "energy": {
                "periods": [
                    {"tiers": [{"rate": str(price), "max": kwh(end)} for end, price in ladder(tariff, band)]}
                    for band in range(tariff.bands)
                ]
            },
            "schedule": {"weekday": tariff.hours(year, WEEKDAYS), "weekend": tariff.hours(year, WEEKEND)},
            "fixed_charges": [{"amount": str(amount), "unit": unit} for unit, amount in fixed.items()],
            "min_charge": minimum if tariff.minimum_per_month else None,
        },
    }


def tariff_core_job(example: Example) -> Job:
    """Return the job for ``workers/with_tariff_core.py``: a component for each band, each of one season."""
    tariff, load = example.tariff, example.load
    plan = {
        "commodity": "electricity",
        "timezone": tariff.zone,
        "seasons": {
            season.name: {"from": _month_day(season.first), "to": _month_day(following.first)}
            for season, following in zip(
                tariff.seasons, [*tariff.seasons[1:], *tariff.seasons[:1]], strict=True
            )
        },
        "components": [
            {"kind": "fixed", "label": "supply", "unit": "per_day", "rate": str(tariff.fixed_per_day)},
            *(_usage(tariff, band) for band in range(tariff.bands)),
            *_demand(tariff),
            *_raised(tariff),
        ],
    }
    if tariff.holidays is not None:
        plan["holidays"] = {"calendar": tariff.holidays, "treatment": "as_weekend"}
    return {
        "load": load.name,
        "year": load.year,
        "minutes": load.minutes,
        "months": MONTHS_OF[tariff.reset],
        "plan": plan,
        "raised": [name for name, there in _rates(tariff).items() if there],
    }


def _month_day(day: tuple[int, int]) -> str:
    return f"{day[0]:02d}-{day[1]:02d}"


def _usage(tariff: Described, band: int) -> Mapping[str, Any]:
    """Return the component of a band; without a schedule it takes what the others leave of its season."""
    windows = [window for window in tariff.windows if window.band == band]
    schedule = None if tariff.rest == band or tariff.bands == 1 else [_window(window) for window in windows]
    return {
        "kind": "usage",
        "season": windows[0].season,
        "schedule": schedule,
        "blocks": {
            "period": str(tariff.reset),
            "prorate": False,
            # Each kWh is of one component alone, so that a levy is part of every price.
            "tiers": [
                {"up_to": kwh(end), "rate": str(price + tariff.levy_per_kwh)}
                for end, price in ladder(tariff, band)
            ],
        },
    }


def _window(window: Window) -> Mapping[str, Any]:
    """Return a window; one whose start is its end holds all day."""
    days = "all" if window.days == EVERY_DAY else [WEEKDAY_NAMES[day] for day in sorted(window.days)]
    start, end = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (window.start, window.end))
    return {"days": days, "time": [start, end]}


def _demand(tariff: Described) -> list[Mapping[str, Any]]:
    if not tariff.demand_per_kw:
        return []
    return [
        {
            "kind": "demand",
            "method": "max_interval_avg",
            "measure": "kW",
            "unit": "per_kw_per_month",
            "rate": str(tariff.demand_per_kw),
        }
    ]


def _rates(tariff: Described) -> Mapping[str, Decimal]:
    """Return what is raised beside the charges, in the order of its components."""
    return {"rebate": tariff.rebate_percent, "tax": tariff.tax_percent}


def _raised(tariff: Described) -> list[Mapping[str, Any]]:
    """Return rebate and tax as components; a tax is what tariff-core calls a discount, added."""
    bases = {"rebate": ["usage"], "tax": ["all"]}
    return [
        {"kind": "discount", "applies_to": bases[name], "percent": str(rate)}
        for name, rate in _rates(tariff).items()
        if rate
    ]


def loads_of(examples: Sequence[Example], *, hourly: bool = False) -> dict[str, Sequence[int]]:
    """Return the loads of examples by name."""
    loads: dict[str, Load] = {example.load.name: example.load for example in examples}
    return {name: load.hourly() if hourly else load.wh for name, load in loads.items()}
