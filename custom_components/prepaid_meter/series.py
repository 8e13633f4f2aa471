"""The two long-term statistics of an account: energy used, and what it cost.

They are statistics of their own and not those of an entity, because only such ones may be filled in later:
what was used while Home Assistant was away, and what was corrected afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
import re
from typing import Final, cast

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.const import UnitOfEnergy
from homeassistant.util.unit_conversion import EnergyConverter

from .client.protocol import AccountView, HistoryHour
from .const import DOMAIN

type Hours = Mapping[datetime, int]
"""What each hour adds, by its beginning."""

_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")
_KILO_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Series:
    """A statistic; its values are integers of 10 ** -``digits`` of its unit, so that sums stay exact."""

    statistic_id: str
    name: str
    unit: str
    unit_class: str | None
    digits: int

    @property
    def metadata(self) -> StatisticMetaData:
        """Return how the recorder describes it."""
        return StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=self.name,
            source=DOMAIN,
            statistic_id=self.statistic_id,
            unit_class=self.unit_class,
            unit_of_measurement=self.unit,
        )

    def whole(self, value: float) -> int:
        """Return a value of the recorder as an integer."""
        return round(value * self._scale)

    def rows(self, hours: Hours, before: int) -> list[StatisticData]:
        """Return hours with their running sum, which begins at ``before``."""
        rows = []
        for start in sorted(hours):
            before += hours[start]
            rows.append(StatisticData(start=start, state=self._told(hours[start]), sum=self._told(before)))
        return rows

    @property
    def _scale(self) -> int:
        return cast("int", 10**self.digits)

    def _told(self, value: int) -> float:
        return value / self._scale


def energy_series(installation_id: str, account: AccountView, name: str) -> Series:
    """Return the statistic of an account's energy in kWh."""
    statistic_id = f"{_object_id(installation_id, account)}_energy"
    unit = UnitOfEnergy.KILO_WATT_HOUR
    return Series(statistic_id, name, unit, EnergyConverter.UNIT_CLASS, _KILO_DIGITS)


def cost_series(installation_id: str, account: AccountView, name: str) -> Series:
    """Return the statistic of what an account's energy cost, in the account's own currency."""
    statistic_id = f"{_object_id(installation_id, account)}_cost"
    return Series(statistic_id, name, account.currency, None, account.amount_digits)


def energy_of(hours: Iterable[HistoryHour]) -> Hours:
    """Return the energy of each hour in Wh."""
    return {datetime.fromisoformat(hour.start): hour.wh for hour in hours}


def cost_of(hours: Iterable[HistoryHour]) -> Hours:
    """Return the cost of each hour as amounts."""
    return {datetime.fromisoformat(hour.start): hour.amount for hour in hours}


def _object_id(installation_id: str, account: AccountView) -> str:
    return f"{DOMAIN}:{_slug(installation_id)}_{_slug(account.id)}"


def _slug(name: str) -> str:
    """Return a name as statistics may have it; what loses something by that is told apart by a hash."""
    slug = _NO_SLUG.sub("_", name.lower()).strip("_")
    if slug.replace("_", "-") == name:
        return slug
    return f"{slug}_{sha256(name.encode()).hexdigest()[:8]}".lstrip("_")
