"""What the next kWh costs, by the bridge's own rating over the newest state that it stored."""

from dataclasses import dataclass
from datetime import date
import json
from typing import Final

import msgspec

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.tariffs import SupplyTariff, supply_tariffs
from meter_bridge.config.codec import CodecError, decode_policy
from meter_bridge.core.calendar import local_day
from meter_bridge.core.rating.rating import Rating, SupplyTerms, block_at, energy_to_next_block, price_per_kwh
from meter_bridge.core.tariff.tariff import BlockBasis, TariffError, Timeline
from meter_bridge.engine.state.supply_document import rating_of

_UNIT: Final = """
    SELECT a.policy, a.opened_at
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE a.id = $account"""
_DOCUMENT: Final = "SELECT document FROM supply_document WHERE supply_id = $supply"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPrice:
    """The price in force for one supply."""

    tariff_id: str
    version_id: str
    per_kwh: int
    """Amount per kWh, taxes included."""
    band: str
    bands: int
    block: int
    """From 1."""
    blocks: int
    left_wh: int | None
    """Until the next block begins."""
    since: date
    """First local day of the present billing period."""
    sells_units: bool


def current_price(warehouse: Warehouse, viewer: Viewer, account_id: str) -> CurrentPrice | None:
    """Return what the next kWh of a unit's first supply costs; None while that is not known."""
    unit = warehouse.rows(_UNIT, viewer.parameters() | {"account": account_id})
    try:
        lines = warehouse.cached(supply_tariffs, viewer)
        if not unit or not lines:
            return None
        rating = rating_of_supply(warehouse, viewer, lines[0])
        return None if rating is None else _price(lines[0].timeline, rating, warehouse.as_of or 0)
    except CodecError, TariffError, msgspec.DecodeError, json.JSONDecodeError:
        return None


def rating_of_supply(warehouse: Warehouse, viewer: Viewer, supply: SupplyTariff) -> Rating | None:
    """Return the stored rating state of a supply of a unit's snapshot; None where there is none yet."""
    unit = warehouse.rows(_UNIT, viewer.parameters() | {"account": supply.account_id})
    rows = warehouse.rows(_DOCUMENT, {"supply": supply.supply_id})
    if not rows or not unit:
        return None
    rules = decode_policy(unit[0]["policy"])
    started = local_day(unit[0]["opened_at"], supply.timeline.versions[0].zone)
    return rating_of(rows[0]["document"], SupplyTerms(started, rules.contracted_w, rules.free_units))


def _price(timeline: Timeline, rating: Rating, at: int) -> CurrentPrice:
    stretch = timeline.interval_at(at)
    version = stretch.version
    start = version.billing_period.start_of(local_day(at, version.zone))
    return CurrentPrice(
        tariff_id=version.tariff_id,
        version_id=version.id,
        per_kwh=price_per_kwh(rating, stretch),
        band=stretch.band,
        bands=len(version.bands),
        block=block_at(rating, stretch) + 1,
        blocks=stretch.block_schedule.blocks,
        left_wh=energy_to_next_block(rating, stretch),
        since=start,
        sells_units=version.basis is BlockBasis.PURCHASE_TIME,
    )
