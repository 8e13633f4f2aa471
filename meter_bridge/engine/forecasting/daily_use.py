"""What each supply used on each local day, kept for half a year to learn from."""

from datetime import date, timedelta
import json
from typing import Final

from sqlalchemy import Connection, select

from meter_bridge.core.calendar import (
    day_end,
    day_start,
    local_day,
)
from meter_bridge.core.forecast.consumption_model import History
from meter_bridge.engine.forecasting.stored_forecast import forecast_row
from meter_bridge.engine.ledger.journal import DAYS_KEPT
from meter_bridge.engine.state.model import Installation, Supply
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import SupplyState
from meter_bridge.storage import changeset as ops, tables

KEPT_DAYS: Final = 180
WAIT_FOR_READINGS_MS: Final = 6 * 3_600_000
"""After the end of a day, from when readings that are still missing are not waited for."""


def load_daily_use(connection: Connection, installation: Installation) -> None:
    """Read the days of every supply."""
    stored = {
        row["supply_id"]: History(date.fromisoformat(row["last_day"]), json.loads(row["uses"]))
        for row in connection.execute(select(tables.daily_use)).mappings()
    }
    for account in installation.accounts.values():
        for supply in account.supplies:
            supply.history = stored.get(supply.id)


def close_day(supply: Supply, tx: Transaction) -> bool:
    """Add the local days that are over and known to the history; say whether one was added."""
    zone = supply.timeline.versions[0].zone
    if supply.history is not None and tx.at < day_end(supply.history.last_day + timedelta(days=1), zone):
        return False  # the day after the last one is not over
    yesterday = local_day(tx.at, zone) - timedelta(days=1)
    opened = local_day(max(supply.account.opened_at, supply.account.tenancy.start), zone)
    history = supply.history or History(max(opened, yesterday - timedelta(days=1)), ())
    end = day_end(yesterday, zone)
    if history.last_day >= yesterday or not (_all_read(supply, end) or tx.at >= end + WAIT_FOR_READINGS_MS):
        return False
    uses, day = list(history.uses), history.last_day
    while day < yesterday:
        day += timedelta(days=1)
        uses.append(_energy_of_day(supply, day))
    supply.history = History(day, tuple(uses[-KEPT_DAYS:]))
    tx.changeset.add(
        ops.UPSERT_DAILY_USE,
        {"supply_id": supply.id, "last_day": day.isoformat(), "uses": json.dumps(supply.history.uses)},
    )
    return True


def clear_daily_use(supply: Supply, tx: Transaction) -> None:
    """Begin anew: what another customer used teaches nothing."""
    if supply.history is not None:
        day = local_day(tx.at, supply.timeline.versions[0].zone)
        supply.history, supply.forecast = History(day, ()), None
        tx.changeset.add(
            ops.UPSERT_DAILY_USE, {"supply_id": supply.id, "last_day": day.isoformat(), "uses": "[]"}
        )
        tx.changeset.add(ops.UPSERT_FORESIGHT, forecast_row(supply, None, tx.at))


def _all_read(supply: Supply, at: int) -> bool:
    return all(meter.register is not None and meter.register.at >= at for meter in supply.meters)


def _energy_of_day(supply: Supply, day: date) -> int | None:
    """Return the energy of a local day in Wh; None where the day was not read or supplied throughout."""
    zone = supply.timeline.versions[0].zone
    start, end, account = day_start(day, zone), day_end(day, zone), supply.account
    began = max([account.opened_at, account.tenancy.start, *(meter.assigned_at for meter in supply.meters)])
    off = account.state is not SupplyState.CONNECTED or account.since > start
    if began > start or off or not supply.meters or not _all_read(supply, end):
        return None
    return energy_on(supply, day)


def energy_on(supply: Supply, day: date) -> int:
    """Return the energy of one of the newest local days in Wh, as far as it was read."""
    zone = supply.timeline.versions[0].zone
    start, end = day_start(day, zone), day_end(day, zone)
    settled = sum(total.wh for total in supply.days if total.day == day.isoformat())
    return settled + sum(
        part.wh
        for parts in supply.rating.open_segments.values()
        for part in parts
        if start <= part.start < end
    )


def is_read_on(supply: Supply, day: date) -> bool:
    """Return whether a local day was read to its end."""
    return _all_read(supply, day_end(day, supply.timeline.versions[0].zone))


def completed_days(supply: Supply, at: int) -> list[date]:
    """Return the newest whole local days that are over and whose energy is still told apart."""
    zone = supply.timeline.versions[0].zone
    today = local_day(at, zone)
    begun = max([supply.account.opened_at, *(meter.assigned_at for meter in supply.meters)])
    days = [today - timedelta(days=ago) for ago in range(1, DAYS_KEPT)]
    return [day for day in days if day_start(day, zone) >= begun and is_read_on(supply, day)]
