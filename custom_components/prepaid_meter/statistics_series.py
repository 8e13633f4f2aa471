"""The two long-term statistics of an account: energy used, and its cost.

They are external statistics, not those of an entity, because only external statistics may be filled in
later: with what was used while Home Assistant was not running, and with later corrections.
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

type HourlyValues = Mapping[datetime, int]
"""The amount that each hour adds, by the start of the hour."""

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
_KILO_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class StatisticsSeries:
    """A statistic; its values are integers of 10 ** -``digits`` of its unit, so that sums stay exact."""

    statistic_id: str
    name: str
    unit: str
    unit_class: str | None
    digits: int

    @property
    def metadata(self) -> StatisticMetaData:
        """Return the metadata for the recorder."""
        return StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=self.name,
            source=DOMAIN,
            statistic_id=self.statistic_id,
            unit_class=self.unit_class,
            unit_of_measurement=self.unit,
        )

    def to_integer(self, value: float) -> int:
        """Return a value of the recorder as an integer."""
        return round(value * self._scale)

    def rows(self, hours: HourlyValues, previous_sum: int) -> list[StatisticData]:
        """Return the hours with their running sum, which starts at ``previous_sum``."""
        rows = []
        total = previous_sum
        for start in sorted(hours):
            total += hours[start]
            rows.append(
                StatisticData(start=start, state=self._to_float(hours[start]), sum=self._to_float(total))
            )
        return rows

    @property
    def _scale(self) -> int:
        return cast("int", 10**self.digits)

    def _to_float(self, value: int) -> float:
        return value / self._scale


def energy_series(installation_id: str, account: AccountView, name: str) -> StatisticsSeries:
    """Return the statistic of an account's energy in kWh."""
    statistic_id = f"{_object_id(installation_id, account)}_energy"
    unit = UnitOfEnergy.KILO_WATT_HOUR
    return StatisticsSeries(statistic_id, name, unit, EnergyConverter.UNIT_CLASS, _KILO_DIGITS)


def cost_series(installation_id: str, account: AccountView, name: str) -> StatisticsSeries:
    """Return the statistic of an account's energy cost in the account's currency."""
    statistic_id = f"{_object_id(installation_id, account)}_cost"
    return StatisticsSeries(statistic_id, name, account.currency, None, account.amount_digits)


def energy_by_hour(hours: Iterable[HistoryHour]) -> HourlyValues:
    """Return the energy of each hour in Wh."""
    return {datetime.fromisoformat(hour.start): hour.wh for hour in hours}


def cost_by_hour(hours: Iterable[HistoryHour]) -> HourlyValues:
    """Return the cost of each hour in the wire's integer amounts."""
    return {datetime.fromisoformat(hour.start): hour.amount for hour in hours}


def _object_id(installation_id: str, account: AccountView) -> str:
    return f"{DOMAIN}:{_slug(installation_id)}_{_slug(account.id)}"


def _slug(name: str) -> str:
    """Return a name as a valid part of a statistic id; a lossy conversion gets a hash to stay unique."""
    slug = _NOT_ALPHANUMERIC.sub("_", name.lower()).strip("_")
    if slug.replace("_", "-") == name:
        return slug
    return f"{slug}_{sha256(name.encode()).hexdigest()[:8]}".lstrip("_")
