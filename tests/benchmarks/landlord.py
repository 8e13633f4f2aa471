"""An installation of many units as a dashboard finds it: exported files, a tail, and every table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
import json
from pathlib import Path
import random
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import Connection, Table, create_engine, event, insert

from meter_bridge.core.calendar import day_start
from meter_bridge.core.forecast.consumption_model import PPM
from meter_bridge.core.forecast.cost_projection import Point
from meter_bridge.core.forecast.prediction_interval import PredictionInterval
from meter_bridge.engine.forecasting.stored_forecast import intervals_text, pack_points
from meter_bridge.storage import tables
from tests.dashboard.sample_details import debt_terms, supply_document, version_document
from tests.dashboard.sample_house import site_version

SITE: Final = "protea"
TARIFF: Final = "home-protea"
ZONE: Final = ZoneInfo("Africa/Johannesburg")
QUARTER_MS: Final = 900_000
DAY_MS: Final = 86_400_000
STEPS: Final = 1_000_000
POINT_MS: Final = 4 * 3_600_000
POINTS: Final = 190
BATCH: Final = 500
"""Units whose segments make one file of a month."""
FULL: Final = "unit-00042"
"""The unit with a journal of the whole year."""
BUILDING: Final = "unit-00000"
_SEGMENTS: Final = """
    COPY (
        WITH used AS (
            SELECT printf('unit-%05d', u.range) AS account_id, $begin::BIGINT + t.range * 900000 AS start_ms,
                   (t.range % 96)::SMALLINT AS local_slot,
                   $first::DATE + (t.range // 96)::INTEGER AS local_day,
                   (20 + (hash(u.range, t.range) % 150) * (1 + u.range % 7) // 4
                    * (1 + (t.range % 96 BETWEEN 68 AND 88)::INTEGER))::BIGINT
                    * CASE WHEN u.range = 0 THEN 3000 ELSE 1 END AS wh
            FROM range($low, $high) u, range($quarters) t)
        SELECT 1::BIGINT AS entry_seq, 0::INTEGER AS n, 'consumption' AS kind, account_id,
               account_id || '-supply' AS supply_id, account_id || '-meter' AS meter_id, start_ms,
               start_ms + 900000 AS end_ms, wh, local_day, local_slot,
               CASE WHEN local_slot BETWEEN 28 AND 35 OR local_slot BETWEEN 68 AND 79 THEN 'peak'
                    WHEN local_slot >= 88 OR local_slot < 24 THEN 'off_peak' ELSE 'standard' END AS band,
               (1 + (day(local_day) > 8)::INTEGER + (day(local_day) > 22)::INTEGER)::SMALLINT AS block,
               'home-2026' AS version_id, wh * 2640 AS amount, wh * 396 AS tax, false AS estimated
        FROM used ORDER BY account_id, start_ms)
    TO {path} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 32768)"""
_ROLLUP: Final = """
    COPY (
        SELECT account_id, supply_id, local_day, kind, band, block, version_id, min(start_ms) AS start_ms,
               max(end_ms) AS end_ms, sum(wh)::BIGINT AS wh, sum(amount)::BIGINT AS amount,
               sum(tax)::BIGINT AS tax
        FROM read_parquet({source})
        GROUP BY account_id, supply_id, local_day, kind, band, block, version_id, (local_slot >= 24)::INTEGER
            + (local_slot >= 28)::INTEGER + (local_slot >= 36)::INTEGER + (local_slot >= 68)::INTEGER
            + (local_slot >= 80)::INTEGER + (local_slot >= 88)::INTEGER
        ORDER BY account_id, local_day)
    TO {path} (FORMAT parquet, COMPRESSION zstd)"""
_OLD_ROLLUP: Final = """
    COPY (
        SELECT printf('unit-%05d', u.range) AS account_id, account_id || '-supply' AS supply_id,
               $first::DATE + d.range::INTEGER AS local_day, 'consumption' AS kind, b.band,
               (1 + (day(local_day) > 8)::INTEGER + (day(local_day) > 22)::INTEGER)::SMALLINT AS block,
               'home-2026' AS version_id,
               $begin::BIGINT + d.range * 86400000 + b.first * 900000 AS start_ms,
               $begin::BIGINT + d.range * 86400000 + b.after * 900000 AS end_ms,
               ((b.after - b.first) * (60 + hash(u.range, d.range, b.first) % 90
                * (1 + u.range % 7) // 4))::BIGINT AS wh, wh * 2640 AS amount, wh * 396 AS tax
        FROM range($units) u, range($days) d, (VALUES ('off_peak', 0, 24), ('standard', 24, 28),
            ('peak', 28, 36), ('standard', 36, 68), ('peak', 68, 80), ('standard', 80, 88),
            ('off_peak', 88, 96)) b(band, first, after)
        ORDER BY account_id, local_day)
    TO {path} (FORMAT parquet, COMPRESSION zstd)"""


type Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is."""

    units: int
    months: int
    """Of segments; before them a year of daily sums."""


def write_installation(folder: Path, size: Size, now: int, progress: Callable[[float], None]) -> None:
    """Write database and export of an installation whose newest instant is now."""
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.fromtimestamp(now / 1000, ZONE).date()
    files = list(_export(folder / "export", size, today, progress))
    engine = create_engine(f"sqlite:///{folder / 'bridge.db'}")
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode = WAL"))
    tables.metadata.create_all(engine)
    with engine.begin() as connection:
        _fill(connection, size, now, today)
        for kind, name in files:
            _add(connection, tables.export_file, [_file_row(kind, name, now)])
        _add(connection, tables.export_watermark, [{"id": 1, "seq": 9_999_999}])
    engine.dispose()


def _export(
    folder: Path, size: Size, today: date, progress: Callable[[float], None]
) -> Iterator[tuple[str, str]]:
    """Write the files of closed days, and yield kind and name of each."""
    with duckdb.connect(":memory:") as database:
        database.execute("SET memory_limit = '4GB'")
        first = today.replace(day=1)
        months = []
        for _ in range(size.months):
            months.append(first)
            first = (first - timedelta(days=1)).replace(day=1)
        batches = range(0, size.units, BATCH)
        done, many = 0, len(months) * len(batches)
        (folder / "rollup").mkdir(parents=True, exist_ok=True)
        for month in months:
            days = (min(_after(month), today) - month).days
            if not days:
                continue
            (folder / f"segments/month={month:%Y-%m}").mkdir(parents=True, exist_ok=True)
            for low in batches:
                name = f"segments/month={month:%Y-%m}/1-1-{low // BATCH}.parquet"
                given = {
                    "low": low,
                    "high": min(low + BATCH, size.units),
                    "quarters": days * 96,
                    "begin": day_start(month, ZONE),
                    "first": month,
                }
                database.execute(_SEGMENTS.format(path=_quoted(folder / name)), given)
                yield "segments", name
                done += 1
                progress(done / many)
            name = f"rollup/{month:%Y-%m}.parquet"
            source = _quoted(folder / f"segments/month={month:%Y-%m}/*.parquet")
            database.execute(_ROLLUP.format(path=_quoted(folder / name), source=source))
            yield "rollup", name
        name = "rollup/before.parquet"
        begin = today - timedelta(days=365)
        given = {
            "units": size.units,
            "days": max((months[-1] - begin).days, 1),
            "first": begin,
            "begin": day_start(begin, ZONE),
        }
        database.execute(_OLD_ROLLUP.format(path=_quoted(folder / name)), given)
        yield "rollup", name


def _after(month: date) -> date:
    """Return the first day of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def _quoted(path: Path) -> str:
    """Return a path as SQL writes it; DuckDB takes no parameter there."""
    return "'" + str(path).replace("'", "''") + "'"


def _file_row(kind: str, name: str, now: int) -> dict[str, object]:
    """Return the manifest's row of a file."""
    known: dict[str, object] = {"name": name, "kind": kind, "rows": 1, "retired_at": None}
    for column in tables.export_file.columns:
        if column.name not in known:
            known[column.name] = now if column.name.endswith("_at") else 1
    return known


def _add(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    """Insert rows, many at a time."""
    for first in range(0, len(rows), 50_000):
        connection.execute(insert(table), rows[first : first + 50_000])


def _fill(connection: Connection, size: Size, now: int, today: date) -> None:
    """Fill every table that pages read."""
    rng = random.Random(1)
    opened = now - 400 * DAY_MS
    units = [f"unit-{number:05d}" for number in range(size.units)]
    _add(connection, tables.installation, [
        {"id": "many", "name": "Many", "created_at": opened, "last_instant": now}])  # fmt: skip
    _add(connection, tables.site, [
        {"id": SITE, "name": "Protea Court", "time_zone": ZONE.key, "currency": "ZAR"}])  # fmt: skip
    _add(connection, tables.tariff, [{"id": TARIFF, "site_id": SITE, "name": "Home"}])
    version = site_version(SITE)
    _add(connection, tables.tariff_version, [
        {"id": "home-2026", "tariff_id": TARIFF, "valid_from": 0, "document": version_document(version),
         "withdrawn_at": None}])  # fmt: skip
    policy = json.dumps({"payment_mode": "prepayment", "low_credit": [30 * STEPS, 10 * STEPS]})
    later = json.dumps({"payment_mode": "credit"})
    _add(connection, tables.account, [
        {"id": unit, "site_id": SITE, "name": f"Flat {unit[5:]}", "customer": f"Customer {unit[5:]}",
         "policy": later if unit == BUILDING else policy, "opened_at": opened, "closed_at": None}
        for unit in units])  # fmt: skip
    _add(connection, tables.supply, [
        {"id": f"{unit}-supply", "account_id": unit, "commodity": "electricity", "closed_at": None}
        for unit in units])  # fmt: skip
    _add(connection, tables.supply_tariff, [
        {"supply_id": f"{unit}-supply", "valid_from": 0, "tariff_id": TARIFF} for unit in units])  # fmt: skip
    _add(connection, tables.meter, [
        {"id": f"{unit}-meter", "supply_id": f"{unit}-supply", "name": "Meter",
         "energy_address": f"tasmota:{unit}/1", "relay_address": f"tasmota:{unit}/1", "settings": "{}",
         "assigned_at": opened, "removed_at": None} for unit in units])  # fmt: skip
    _states(connection, units, now, rng)
    _journal(connection, units, now, rng)
    document = supply_document(now, ZONE.key, 120_000, version)
    _add(connection, tables.supply_status, [
        {"supply_id": f"{unit}-supply", "account_id": unit, "at": now - rng.randrange(60_000),
         "accrued": 1_234_567, "energy_wh": 9_000_000, "power_mw": 420_000, "document": document}
        for unit in units])  # fmt: skip
    _foresight(connection, units, now, rng)
    _tail(connection, units, now, today)


def _foresight(connection: Connection, units: list[str], now: int, rng: random.Random) -> None:
    """Add what is foretold of every supply: a point for each change of price of the coming weeks."""
    bands = intervals_text({days: PredictionInterval(PPM * 8 // 10, PPM * 13 // 10) for days in range(1, 15)})
    rows = []
    for unit in units:
        pace = rng.randrange(STEPS, 4 * STEPS)
        points = [Point(now + n * POINT_MS, n * pace) for n in range(1, POINTS + 1)]
        rows.append(
            {
                "supply_id": f"{unit}-supply", "account_id": unit, "made_at": now, "in_units": False,
                "points": pack_points(points), "bands": bands,
            }
        )  # fmt: skip
    _add(connection, tables.foresight, rows)


def _states(connection: Connection, units: list[str], now: int, rng: random.Random) -> None:
    """Add balances, debts, supplies, relays and alerts."""
    balances: list[Row] = []
    statuses: list[Row] = []
    relays: list[Row] = []
    alerts: list[Row] = []
    for number, unit in enumerate(units):
        cut = number % 40 == 7
        balance = -2 * STEPS if cut else rng.randrange(5, 400) * STEPS
        balances.append({"account_id": unit, "bucket": "balance", "asset": "ZAR", "amount": balance})
        if number % 20 == 3:
            balances.append(
                {"account_id": unit, "bucket": "debt:arrears-2025", "asset": "ZAR", "amount": -640 * STEPS}
            )
        statuses.append(
            {
                "account_id": unit,
                "supply_state": "disconnected" if cut else "connected",
                "reason": "credit_exhausted" if cut else "in_credit",
                "since": now - DAY_MS,
                "hold": None,
                "note": None,
                "revision": 1,
                "low_credit_level": 0,
                "document": json.dumps({"debts": [debt_terms(0, now + DAY_MS)]} if number % 20 == 3 else {}),
            }
        )
        relays.append(
            {
                "meter_id": f"{unit}-meter",
                "requested": "open" if cut else "closed",
                "requested_at": now - DAY_MS,
                "revision": 1,
                "reported": "open" if cut else "closed",
                "reported_at": now - DAY_MS,
                "proof": "confirmed",
                "proof_at": now - DAY_MS,
            }
        )
        if number % 25 == 0:
            alerts.append(
                {
                    "id": f"{unit}-alert", "kind": ("meter_offline", "low_credit", "tamper")[number % 3],
                    "key": unit, "site_id": SITE, "account_id": unit, "meter_id": f"{unit}-meter",
                    "facts": '{"message":"See the unit"}', "opened_at": now - DAY_MS, "acknowledged_at": None,
                    "acknowledged_by": None, "closed_at": None,
                }
            )  # fmt: skip
    _add(connection, tables.balance, balances)
    _add(connection, tables.account_status, statuses)
    _add(connection, tables.relay_status, relays)
    _add(connection, tables.alert, alerts)


def _journal(connection: Connection, units: list[str], now: int, rng: random.Random) -> None:
    """Add a year of top-ups of every unit, and a year of hourly charges of one."""
    kinds = [(now - rng.randrange(365 * DAY_MS), unit, "top_up") for unit in units for _ in range(48)]
    kinds += [(now - hour * 3_600_000, FULL, "charge") for hour in range(365 * 24)]
    kinds += [(now - 80 * DAY_MS, unit, "debt") for unit in units[3::20]]
    kinds.sort()
    entries: list[Row] = []
    postings: list[Row] = []
    for seq, (at, unit, kind) in enumerate(kinds, 2):
        amount = {"top_up": rng.choice((100, 150, 200)) * STEPS, "charge": -STEPS, "debt": -640 * STEPS}[kind]
        bucket = "debt:arrears-2025" if kind == "debt" else "balance"
        detail: dict[str, object] = {}
        if kind == "top_up":
            method = rng.choice(("cash", "card", "voucher"))
            detail = {"method": method, "reference": f"R{seq}", "split": {"balance": amount}}
        entries.append(
            {
                "seq": seq, "id": f"entry-{seq}", "account_id": unit, "at": at, "kind": kind,
                "description": "", "actor": "benchmark", "refers_to": None, "balance_after": 100 * STEPS,
                "detail": json.dumps(detail),
            }
        )  # fmt: skip
        for n, (name, signed) in enumerate(((bucket, amount), ("funds", -amount))):
            postings.append(
                {
                    "entry_seq": seq,
                    "n": n,
                    "account_id": unit,
                    "bucket": name,
                    "asset": "ZAR",
                    "amount": signed,
                }
            )
    _add(connection, tables.journal_entry, entries)
    _add(connection, tables.posting, postings)


def _tail(connection: Connection, units: list[str], now: int, today: date) -> None:
    """Add what was posted since the last export: the last hour of every unit."""
    begin = now // QUARTER_MS * QUARTER_MS - 4 * QUARTER_MS
    local = datetime.fromtimestamp(begin / 1000, ZONE)
    _add(connection, tables.segment, [
        {"entry_seq": 10_000_000 + number, "n": quarter, "kind": "consumption", "account_id": unit,
         "supply_id": f"{unit}-supply", "meter_id": f"{unit}-meter", "start_ms": begin + quarter * QUARTER_MS,
         "end_ms": begin + (quarter + 1) * QUARTER_MS, "wh": 120, "register_wh": None,
         "local_day": today.isoformat(), "local_slot": min(local.hour * 4 + local.minute // 15 + quarter, 95),
         "band": "standard", "block": 3, "version_id": "home-2026", "amount": 316_800, "tax": 47_520,
         "estimated": False}
        for number, unit in enumerate(units) for quarter in range(4)])  # fmt: skip
