"""Tariffs, windows and instants as a person writes them, for tests of any suite."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from meter_bridge.core.money import amount_digits, parse_amount
from meter_bridge.core.tariff.bands import WEEKDAYS, Band, BandCalendar, Window
from meter_bridge.core.tariff.tariff import (
    BlockSchedule,
    StandingCharge,
    TariffVersion,
    Tax,
    TaxBase,
    Timeline,
    check_tariff,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SLOT = 15 * MINUTE

ALL_DAY = Band("all", (), rest=True)
BOTH_BASES = (TaxBase.CONSUMPTION, TaxBase.STANDING)


def instant(text: str, time_zone: str = "UTC") -> int:
    """Return milliseconds UTC of a local time such as ``"2026-03-29 00:30"``; the first if it is repeated."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone)).timestamp()) * 1000


def amount(text: str, currency: str = "ZAR") -> int:
    """Return an amount written in main units."""
    return parse_amount(text, currency)


def per_kwh(text: str, currency: str = "ZAR") -> int:
    """Return the amount per MWh of a price written per kWh."""
    return int(Decimal(text).scaleb(amount_digits(currency) + 3))


def days(text: str) -> frozenset[int]:
    """Return weekdays written as ``"mon-fri"``, ``"sat"`` or ``"sun,tue"``."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1))
    return frozenset(found)


def window(hours: str, on: str = "mon-sun") -> Window:
    """Return a window written as ``"22:00-06:00"``."""
    start, end = ([int(part) for part in clock.split(":")] for clock in hours.split("-"))
    return Window(days(on), start[0] * 60 + start[1], end[0] * 60 + end[1])


def band(name: str, *windows: Window) -> Band:
    """Return a band of these windows, or of all that remains if there are none."""
    return Band(name, windows, rest=not windows)


def tax(percent: str, name: str = "VAT", on: Sequence[TaxBase] = BOTH_BASES) -> Tax:
    """Return a tax in per cent."""
    return Tax(name, int(Decimal(percent) * 10_000), frozenset(on))


def tariff(
    prices: Sequence[Sequence[str]] = (("1.00",),),
    *,
    limits_kwh: Sequence[str] = (),
    bands: Sequence[Band] = (ALL_DAY,),
    standing: str = "0",
    taxes: Sequence[Tax] = (),
    time_zone: str = "Africa/Johannesburg",
    valid_from: int = 0,
    version_id: str = "v1",
    currency: str = "ZAR",
    more: Mapping[str, object] | None = None,
) -> TariffVersion:
    """Return a checked version; prices are per kWh, a row for each block, a column for each band.

    ``more`` are other fields of the version.
    """
    version = TariffVersion(
        id=version_id,
        tariff_id="t1",
        valid_from=valid_from,
        currency=currency,
        calendar=BandCalendar(time_zone, tuple(bands)),
        ladders=(
            BlockSchedule(
                tuple(band.name for band in bands),
                tuple(tuple(per_kwh(price, currency) for price in row) for row in prices),
                tuple(int(Decimal(limit) * 1000) for limit in limits_kwh),
            ),
        ),
        standing=standing_charges(amount(standing, currency)),
        taxes=tuple(taxes),
    )
    version = replace(version, **(more or {}))  # type: ignore[arg-type]
    check_tariff(version)
    return version


def standing_charges(per_day: int) -> tuple[StandingCharge, ...]:
    """Return a standing charge per day, or none."""
    return (StandingCharge("standing charge", per_day),) if per_day else ()


def timeline(*versions: TariffVersion) -> Timeline:
    """Return the timeline of these versions."""
    return Timeline(versions)


def bangladesh() -> TariffVersion:
    """Return the energy prices of Bangladesh's BERC 2024 LT-A with VAT, without demand charge and rebate."""
    return tariff(
        [["5.26"], ["7.20"], ["7.59"], ["8.02"], ["12.67"], ["14.61"]],
        limits_kwh=["75", "200", "300", "400", "600"],
        taxes=[tax("5")],
        time_zone="Asia/Dhaka",
        currency="BDT",
        version_id="berc-2024",
    )


def day_and_night(**changes: str) -> TariffVersion:
    """Return a tariff of two rates, the cheap one from 23:00 to 07:00."""
    night = band("night", window("23:00-07:00"))
    return tariff([["0.30", "0.10"]], bands=[band("day"), night], **changes)  # type: ignore[arg-type]


def weekly_ladder(**changes: object) -> TariffVersion:
    """Return two blocks by three bands (peaks, nights past midnight), standing charge, two taxes."""
    arguments: dict[str, object] = {
        "limits_kwh": ["2"],
        "bands": [
            band("peak", window("07:00-10:30", "mon-fri"), window("18:00-20:00", "mon-fri")),
            band("night", window("22:00-06:00")),
            band("standard"),
        ],
        "standing": "4.37",
        "taxes": [tax("15"), tax("1.25", "levy", [TaxBase.CONSUMPTION])],
    }
    prices = [["3.1234567", "0.7", "1.5"], ["6.66", "1.111111", "2.345678"]]
    return tariff(prices, **(arguments | changes))  # type: ignore[arg-type]
