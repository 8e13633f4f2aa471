"""An invented landlord's house in a real database: months of segments that agree with journal and balances.

``python tests/dashboard/sample_house.py DIR`` writes one to look at.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
import json
from pathlib import Path
import random
import sys
import tempfile
import time
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Table, create_engine, event, insert

from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.engine.export.exporter import Exporter, manifest_rows, watermark_row
from meter_bridge.storage import tables
from tests.dashboard.sample_details import (
    debt_terms,
    foresight_row,
    home_version,
    supply_document,
    version_document,
)

QUARTER_MS = 15 * 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = int(datetime(2026, 11, 20, 16, 40, tzinfo=UTC).timestamp() * 1000)
STEPS = 1_000_000
"""Steps of an amount in one rand or euro: two minor digits and four below."""
LIMITS_WH = (80_000, 250_000)
PRICES = (1_850_000, 2_640_000, 3_480_000)
BAND_PERCENT = {"off_peak": 80, "standard": 100, "peak": 145}
STANDING_PER_DAY = 4_250_000
TAX_PERCENT = 15

type Row = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What a unit is to look like."""

    id: str
    name: str
    customer: str | None = None
    site: str = "protea"
    days: int = 60
    vacant_days: int = 0
    """For so many days nobody has lived there."""
    kwh_per_day: float = 8.0
    top_ups: bool = True
    end_balance: int | None = None
    """Posted balance to arrive at, by the size of the opening entry."""
    state: str = "connected"
    reason: str = "in_credit"
    hold: str | None = None
    alerts: tuple[tuple[str, str], ...] = ()
    """Kinds and messages of open alerts."""
    power_w: int | None = 420
    debt: int = 0
    """Owed on a plan of weekly instalments and a share of each top-up."""
    arrears: int = 0
    emergency: int = 0
    """Emergency credit out."""
    relay: str | None = None
    """Proof of its relay; None where it has none."""
    quarantine: bool = False
    closed_alerts: int = 0
    billed_later: bool = False
    measures: float = 0.0
    """So many times what all units before it on the site used: the building's own meter."""


@dataclass
class House:
    """Rows of every table, and the folder they are written to."""

    folder: Path
    now: int = NOW_MS
    rows: dict[str, list[Row]] = field(default_factory=dict)
    seq: int = 0

    @property
    def database(self) -> Path:
        """Return where the database is."""
        return self.folder / "bridge.db"

    @property
    def export_dir(self) -> Path:
        """Return where exports are."""
        return self.folder / "export"

    def add(self, table: Table, **values: object) -> None:
        """Remember a row."""
        self.rows.setdefault(table.name, []).append(values)

    def of(self, table: Table, **wanted: object) -> list[Row]:
        """Return the remembered rows of a table with these values."""
        rows = self.rows.get(table.name, [])
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def count(self, table: Table) -> int:
        """Return how many rows of a table are remembered."""
        return len(self.rows.get(table.name, ()))

    def engine(self) -> Engine:
        """Return an engine that writes as the bridge does."""
        engine = create_engine(f"sqlite:///{self.database}")
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode = WAL"))
        return engine

    def write(self) -> None:
        """Create the database and commit every remembered row."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database.write_bytes(_without_rows())
        engine = self.engine()
        with engine.begin() as connection:
            for table in tables.metadata.sorted_tables:
                if rows := self.rows.get(table.name):
                    # Not through SQLAlchemy, which looks at every value of a hundred thousand rows.
                    names, values = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
                    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({values})", rows)
        engine.dispose()

    def export(self, upto: int | None = None, *, after: int = 0) -> None:
        """Export through the real child and commit manifest and watermark, as the engine does."""
        last = self.seq if upto is None else upto
        files = asyncio.run(Exporter(self.database, self.export_dir).run(after, last))
        engine = self.engine()
        with engine.begin() as connection:
            if files:
                connection.execute(insert(tables.export_file), manifest_rows(files, self.now))
            connection.execute(tables.export_watermark.delete())
            connection.execute(insert(tables.export_watermark), [watermark_row(last)])
        engine.dispose()


@cache
def _without_rows() -> bytes:
    """Return a database with every table and no row: making it takes longer than most houses."""
    with tempfile.TemporaryDirectory(prefix="prepaid-invented-") as name:
        made = House(Path(name))
        engine = made.engine()
        tables.metadata.create_all(engine)
        engine.dispose()
        return made.database.read_bytes()


@dataclass
class Account:
    """Running state of one unit while its past is invented."""

    house: House
    unit: Unit
    zone: ZoneInfo
    currency: str
    random: random.Random
    balance: int = 0
    month: str = ""
    month_wh: int = 0
    energy_wh: int = 0
    measured: dict[int, int] = field(default_factory=dict)
    """Energy of all units before by quarter of an hour, for the building's own meter."""

    def entry(self, at: int, kind: str, amount: int, description: str, detail: Row | None = None) -> int:
        """Add a journal entry with its postings and return its seq."""
        self.house.seq += 1
        self.balance += amount
        seq = self.house.seq
        self.house.add(
            tables.journal_entry,
            seq=seq,
            id=f"entry-{seq}",
            account_id=self.unit.id,
            at=at,
            kind=kind,
            description=description,
            actor="test",
            refers_to=None,
            balance_after=self.balance,
            detail=json.dumps(detail or {}),
        )
        for n, (bucket, signed) in enumerate((("balance", amount), ("world", -amount))):
            self.house.add(
                tables.posting,
                entry_seq=seq,
                n=n,
                account_id=self.unit.id,
                bucket=bucket,
                asset=self.currency,
                amount=signed,
            )
        return seq

    def top_up(self, at: int, amount: int, method: str) -> None:
        """Add a top-up."""
        detail: Row = {
            "method": method,
            "reference": f"R{self.random.randrange(10**6):06d}",
            "split": {"balance": amount},
        }
        self.entry(at, "top_up", amount, "Top-up", detail)

    def charge(self, parts: Sequence[Row]) -> None:
        """Add the charge of some segments: one entry, one line per segment."""
        total = sum(int(str(part["amount"])) + int(str(part["tax"])) for part in parts)
        seq = self.entry(int(str(parts[-1]["end_ms"])), "charge", -total, "Energy used")
        for n, part in enumerate(parts):
            self.house.add(tables.segment, entry_seq=seq, n=n, **part)

    def quarter(self, start: int, wh: int) -> Iterator[Row]:
        """Yield the segments of a quarter of an hour, cut where a block begins."""
        local = datetime.fromtimestamp(start / 1000, self.zone)
        month = f"{local.year}-{local.month:02}"
        if month != self.month:
            self.month, self.month_wh = month, 0
        begin, left = start, wh
        while left or begin == start:
            block = sum(self.month_wh >= limit for limit in LIMITS_WH)
            room = LIMITS_WH[block] - self.month_wh if block < len(LIMITS_WH) else left
            part = min(left, room)
            end = start + QUARTER_MS if part == left else begin + QUARTER_MS * part // max(wh, 1)
            yield self.segment(begin, max(end, begin + 1), part, local, block)
            self.month_wh, self.energy_wh, left, begin = (
                self.month_wh + part,
                self.energy_wh + part,
                left - part,
                end,
            )
            if not left:
                return

    def segment(self, start: int, end: int, wh: int, local: datetime, block: int) -> Row:
        """Return one priced segment of consumption."""
        band = band_of(local)
        # The building's own meter costs nobody anything.
        amount = 0 if self.unit.measures else PRICES[block] * BAND_PERCENT[band] * wh // 100_000
        return {
            "kind": "consumption",
            "account_id": self.unit.id,
            "supply_id": f"{self.unit.id}-supply",
            "meter_id": f"{self.unit.id}-meter",
            "start_ms": start,
            "end_ms": end,
            "wh": wh,
            "local_day": local.date().isoformat(),
            "local_slot": local.hour * 4 + local.minute // 15,
            "band": band,
            "block": block + 1,
            "version_id": "home-2026",
            "amount": amount,
            "tax": amount * TAX_PERCENT // 100,
            "estimated": False,
        }

    def standing(self, start: int, day: date) -> Row:
        """Return the standing charge of a day."""
        amount = 0 if self.unit.measures else STANDING_PER_DAY
        return {
            "kind": "standing",
            "account_id": self.unit.id,
            "supply_id": f"{self.unit.id}-supply",
            "meter_id": None,
            "start_ms": start,
            "end_ms": start + 1,
            "wh": 0,
            "local_day": day.isoformat(),
            "local_slot": 0,
            "band": None,
            "block": None,
            "version_id": "home-2026",
            "amount": amount,
            "tax": amount * TAX_PERCENT // 100,
            "estimated": False,
        }


def band_of(local: datetime) -> str:
    """Return the time-of-use band of a local time."""
    if local.hour >= 22 or local.hour < 6:
        return "off_peak"
    return "peak" if local.weekday() < 5 and local.hour in {7, 8, 17, 18, 19} else "standard"


def load_wh(account: Account, local: datetime) -> int:
    """Return the energy of a quarter of an hour: a base, a morning and an evening."""
    if account.unit.measures:
        at = int(local.timestamp() * 1000)
        return int(account.measured.get(at, 0) * account.unit.measures)
    shape = (
        0.4 + 1.6 * (local.hour in {6, 7, 8}) + 2.4 * (17 <= local.hour < 22) + 0.5 * (9 <= local.hour < 17)
    )
    season = 1.0 + 0.25 * (local.weekday() >= 5)
    mean = account.unit.kwh_per_day * 1000 / 96 / 0.98
    return int(mean * shape * season * account.random.uniform(0.55, 1.45))


def measured_on(house: House, site_id: str) -> dict[int, int]:
    """Return what all units of a site used so far, by quarter of an hour."""
    here = {row["id"] for row in house.of(tables.account, site_id=site_id)}
    sums: dict[int, int] = {}
    for row in house.of(tables.segment):
        if row["account_id"] in here:
            quarter = int(str(row["start_ms"])) // QUARTER_MS * QUARTER_MS
            sums[quarter] = sums.get(quarter, 0) + int(str(row["wh"]))
    return sums


def live(account: Account) -> None:
    """Invent the unit's past up to the house's present, an hour of charges at a time."""
    house, unit = account.house, account.unit
    end = house.now - house.now % QUARTER_MS
    start = end - unit.days * DAY_MS
    account.entry(start - 1, "opening", 0, "Account opened")
    day: date | None = None
    for hour in range(start, end, HOUR_MS):
        parts: list[Row] = []
        local = datetime.fromtimestamp(hour / 1000, account.zone)
        if local.date() != day:
            day = local.date()
            parts.append(account.standing(hour, day))
        for quarter in range(hour, min(hour + HOUR_MS, end), QUARTER_MS):
            moment = datetime.fromtimestamp(quarter / 1000, account.zone)
            parts += account.quarter(quarter, load_wh(account, moment))
        account.charge(parts)
        if unit.top_ups and account.balance < 25 * STEPS and 7 <= local.hour <= 20:
            wanted = account.random.choice((100, 150, 200, 300))
            method = account.random.choice(("cash", "voucher", "card"))
            account.top_up(hour + HOUR_MS, wanted * STEPS, method)


def add_unit(house: House, unit: Unit) -> None:
    """Add a unit with its past, state and alerts."""
    site = next(iter(house.of(tables.site, id=unit.site)))
    seed = random.Random(unit.id)
    account = Account(house, unit, ZoneInfo(str(site["time_zone"])), str(site["currency"]), seed)
    mode = "credit" if unit.billed_later else "prepayment"
    policy: Row = {"payment_mode": mode, "low_credit": [30 * STEPS, 10 * STEPS]}
    if unit.measures:
        policy["building_meter"] = True
    if unit.measures:
        account.measured = measured_on(house, unit.site)
    opened = house.now - max(unit.days, 1) * DAY_MS
    house.add(
        tables.account,
        id=unit.id,
        site_id=unit.site,
        name=unit.name,
        customer=unit.customer,
        policy=json.dumps(policy, separators=(",", ":")),
        opened_at=opened,
        closed_at=None,
    )
    if unit.vacant_days:
        house.add(
            tables.tenancy, account_id=unit.id, n=1, customer=unit.customer, start_ms=opened,
            end_ms=house.now - unit.vacant_days * DAY_MS, first_seq=1, first_event=1,
        )  # fmt: skip
    house.add(
        tables.supply, id=f"{unit.id}-supply", account_id=unit.id, commodity="electricity", closed_at=None
    )
    house.add(
        tables.meter,
        id=f"{unit.id}-meter",
        supply_id=f"{unit.id}-supply",
        name="Main meter",
        energy_address=f"{FAMILIES[sum(unit.id.encode()) % len(FAMILIES)]}:{unit.id}",
        relay_address=None if unit.relay is None else f"tasmota:{unit.id}/1",
        settings="{}",
        assigned_at=opened,
        removed_at=None,
    )
    house.add(
        tables.supply_tariff, supply_id=f"{unit.id}-supply", valid_from=opened, tariff_id=f"home-{unit.site}"
    )
    if unit.days:
        live(account)
    else:
        account.entry(house.now - HOUR_MS, "opening", 0, "Account opened")
    owe(account)
    settle(account)
    present(account)
    details(account)


def settle(account: Account) -> None:
    """Bring the balance to what the unit is to have, by a correction a moment ago."""
    wanted = account.unit.end_balance
    if wanted is not None and wanted != account.balance:
        account.entry(account.house.now - 60_000, "correction", wanted - account.balance, "Correction")


def owe(account: Account) -> None:
    """Add what the customer owes besides: a debt three months old, arrears of a month, emergency credit."""
    house, unit = account.house, account.unit
    for bucket, amount, days in (
        ("debt:arrears-2025", unit.debt, 80),
        ("arrears", unit.arrears, 35),
        ("emergency_credit", unit.emergency, 2),
    ):
        if not amount:
            continue
        house.seq += 1
        house.add(
            tables.journal_entry,
            seq=house.seq,
            id=f"entry-{house.seq}",
            account_id=unit.id,
            at=(at := house.now - days * DAY_MS),
            kind="debt" if bucket.startswith("debt") else "correction",
            description="Owed",
            actor="test",
            refers_to=None,
            balance_after=balance_at(house, unit.id, at),
            detail="{}",
        )
        for n, (name, signed) in enumerate(((bucket, -amount), ("world", amount))):
            house.add(
                tables.posting,
                entry_seq=house.seq,
                n=n,
                account_id=unit.id,
                bucket=name,
                asset=account.currency,
                amount=signed,
            )
        house.add(tables.balance, account_id=unit.id, bucket=bucket, asset=account.currency, amount=-amount)


def balance_at(house: House, account_id: str, at: int) -> int:
    """Return the balance at an instant; a debt does not change it."""
    entries = house.of(tables.journal_entry, account_id=account_id)
    before = [entry for entry in entries if int(str(entry["at"])) <= at]
    return int(str(before[-1]["balance_after"])) if before else 0


def details(account: Account) -> None:
    """Add relays, quarantines and what was wrong before."""
    house, unit = account.house, account.unit
    meter = f"{unit.id}-meter"
    if unit.relay is not None:
        position = "open" if unit.state == "disconnected" else "closed"
        house.add(
            tables.relay_status,
            meter_id=meter,
            requested=position,
            requested_at=house.now - 5 * HOUR_MS,
            revision=3,
            reported="closed" if unit.relay == "disobeys" else position,
            reported_at=house.now - 4 * HOUR_MS,
            proof=unit.relay,
            proof_at=house.now - 4 * HOUR_MS,
        )
        house.add(
            tables.outbox,
            meter_id=meter,
            revision=3,
            position=position,
            decision_seq=house.count(tables.supply_decision),
            created_at=house.now - 5 * HOUR_MS,
            settled_at=house.now - 4 * HOUR_MS,
            outcome=unit.relay,
        )
    if unit.quarantine:
        house.add(
            tables.quarantine,
            id=f"{unit.id}-quarantine",
            meter_id=meter,
            opened_at=house.now - 2 * HOUR_MS,
            cause="fell",
            watermark_wh=account.energy_wh,
            register_wh=1_200,
            closed_at=None,
            decision=None,
            actor=None,
            reason=None,
        )
    for number in range(unit.closed_alerts):
        begun = house.now - (3 + 9 * number) * DAY_MS
        house.add(
            tables.alert,
            id=f"{unit.id}-closed-{number}",
            kind=("low_credit", "meter_offline")[number % 2],
            key=str(number),
            site_id=unit.site,
            account_id=unit.id,
            meter_id=meter,
            facts=json.dumps({"message": "Credit was low"}),
            opened_at=begun,
            acknowledged_at=begun + HOUR_MS,
            acknowledged_by="Sipho",
            closed_at=begun + 7 * HOUR_MS,
        )


def present(account: Account) -> None:
    """Add the balance, states and alerts of now."""
    house, unit = account.house, account.unit
    house.add(
        tables.balance, account_id=unit.id, bucket="balance", asset=account.currency, amount=account.balance
    )
    since = house.now - 5 * HOUR_MS
    house.add(
        tables.account_status,
        account_id=unit.id,
        supply_state=unit.state,
        reason=unit.reason,
        since=since,
        hold=unit.hold,
        note=None,
        revision=3,
        low_credit_level=0,
        document=json.dumps(_terms(account)),
    )
    if unit.days:
        house.add(
            tables.supply_status,
            supply_id=f"{unit.id}-supply",
            account_id=unit.id,
            at=house.now if unit.power_w is not None else since,
            accrued=0 if unit.measures else 1_234_567,
            energy_wh=account.energy_wh,
            power_mw=None if unit.power_w is None else unit.power_w * 1000,
            document=supply_document(
                house.now, account.zone.key, account.month_wh, site_version(account.unit.site)
            ),
        )
        foretell(account)
    states = [(since - DAY_MS, "connected", "in_credit"), (since, unit.state, unit.reason)]
    for n, (at, state, reason) in enumerate(states):
        house.add(
            tables.supply_decision,
            seq=house.count(tables.supply_decision) + 1,
            account_id=unit.id,
            at=at,
            state=state,
            reason=reason,
            actor="bridge",
            note=None,
            available=account.balance,
            revision=n,
        )
    for kind, message in unit.alerts:
        house.add(
            tables.alert,
            id=f"{unit.id}-{kind}",
            kind=kind,
            key=kind,
            site_id=unit.site,
            account_id=unit.id,
            meter_id=f"{unit.id}-meter",
            facts=json.dumps({"message": message}),
            opened_at=since,
            acknowledged_at=None,
            acknowledged_by=None,
            closed_at=None,
        )


def foretell(account: Account) -> None:
    """Add what the bridge would foretell of the unit."""
    house, unit = account.house, account.unit
    if unit.billed_later:
        return
    uses: dict[str, int] = {}
    for row in house.of(tables.segment, account_id=unit.id):
        day = str(row["local_day"])
        uses[day] = uses.get(day, 0) + int(str(row["wh"]))
    version = site_version(unit.site)
    document = supply_document(house.now, account.zone.key, account.month_wh, version)
    opened = house.now - unit.days * DAY_MS
    row = foresight_row(f"{unit.id}-supply", unit.id, uses, document, version, (opened, house.now))
    house.add(tables.foresight, **row)


def _terms(account: Account) -> Row:
    """Return what the account's decision rests on besides."""
    unit = account.unit
    if not unit.debt:
        return {}
    return {
        "debts": [debt_terms(0, account.house.now + 4 * DAY_MS)],
        "emergency_selected": unit.emergency > 0,
    }


def site_version(site_id: str) -> TariffVersion:
    """Return the price list of a site, with which its segments agree."""
    site = next(site for site in SITES if site["id"] == site_id)
    return home_version(
        str(site["time_zone"]),
        str(site["currency"]),
        PRICES,
        BAND_PERCENT,
        LIMITS_WH,
        standing=STANDING_PER_DAY,
        version_id="home-2026",
    )


FAMILIES = ("tasmota", "shelly", "zigbee2mqtt")
SITES: tuple[Row, ...] = (
    {"id": "protea", "name": "Protea Court", "time_zone": "Africa/Johannesburg", "currency": "ZAR"},
    {"id": "flores", "name": "Rua das Flores 12", "time_zone": "Europe/Lisbon", "currency": "EUR"},
)

SHOW: tuple[Unit, ...] = (
    Unit(
        id="flat-1a",
        name="Flat 1A",
        customer="N. Dlamini",
        days=95,
        kwh_per_day=7.4,
        relay="confirmed",
        closed_alerts=2,
    ),
    Unit(id="flat-1b", name="Flat 1B", customer="J. van Wyk", days=95, kwh_per_day=11.2, relay="no_load"),
    Unit(
        id="flat-2a",
        name="Flat 2A",
        customer="S. Naidoo",
        days=95,
        kwh_per_day=6.1,
        end_balance=-1_180_000,
        state="disconnected",
        reason="credit_exhausted",
        alerts=(("supply_cut", "Supply was cut: no credit left"),),
        power_w=0,
        debt=640_000_000,
        arrears=85_500_000,
        relay="confirmed",
        closed_alerts=4,
    ),
    Unit(
        id="flat-2b",
        name="Flat 2B",
        customer="T. Mokoena",
        days=95,
        kwh_per_day=9.0,
        end_balance=22_400_000,
        alerts=(("low_credit", "Credit is below ZAR 30.00"),),
        emergency=15_000_000,
        relay="pending",
    ),
    Unit(
        id="flat-3a",
        name="Flat 3A",
        customer="A. Petersen",
        days=95,
        kwh_per_day=5.2,
        alerts=(("meter_offline", "Main meter has been silent for 5 hours"),),
        power_w=None,
    ),
    Unit(
        id="flat-3b",
        name="Flat 3B",
        customer="L. Khumalo",
        days=95,
        kwh_per_day=8.3,
        alerts=(
            ("tamper", "Energy flowed while the relay was open"),
            ("relay_disobeys", "The relay is closed though it was opened three times"),
        ),
        relay="disobeys",
    ),
    Unit(
        id="shop",
        name="Corner shop",
        customer="Kaap Trading",
        days=95,
        kwh_per_day=24.0,
        end_balance=612_350_000,
        debt=2_150_000_000,
        quarantine=True,
        alerts=(("register_quarantined", "The register fell from 2,291.4 to 1.2 kWh"),),
    ),
    Unit(
        id="cottage",
        name="Garden cottage",
        customer="M. Botha",
        days=0,
        end_balance=100_000_000,
        power_w=None,
    ),
    Unit(
        id="flat-4a",
        name="Flat 4A",
        customer="P. Adams",
        days=95,
        kwh_per_day=6.6,
        end_balance=55_000_000,
        state="armed",
        reason="awaiting_confirmation",
        power_w=0,
    ),
    Unit(
        id="building",
        name="Building's meter",
        days=95,
        top_ups=False,
        end_balance=0,
        reason="credit_mode",
        billed_later=True,
        measures=1.07,
        power_w=5_400,
    ),
)


def build(folder: Path, units: Sequence[Unit] = SHOW, *, now: int = NOW_MS, write: bool = True) -> House:
    """Return a house with these units; written to its database, not yet exported."""
    house = House(folder, now)
    house.add(
        tables.installation,
        id="house",
        name="Invented house",
        created_at=now - 365 * DAY_MS,
        last_instant=now,
    )
    used = {unit.site for unit in units}
    for site in SITES:
        if site["id"] in used:
            house.add(tables.site, **site)
            add_tariff(house, str(site["id"]))
    for unit in units:
        add_unit(house, unit)
    number_by_time(house)
    if write:
        house.write()
    return house


def add_tariff(house: House, site_id: str) -> None:
    """Add the price list of a site."""
    tariff_id = f"home-{site_id}"
    house.add(tables.tariff, id=tariff_id, site_id=site_id, name="Home, blocks and peak hours")
    house.add(
        tables.tariff_version,
        id=f"{tariff_id}@2026",
        tariff_id=tariff_id,
        valid_from=0,
        document=version_document(site_version(site_id)),
        withdrawn_at=None,
    )


def number_by_time(house: House) -> None:
    """Give journal entries numbers in the order of their instants, as one writer does."""
    entries = house.of(tables.journal_entry)
    entries.sort(key=lambda entry: (int(str(entry["at"])), int(str(entry["seq"]))))
    numbers = {entry["seq"]: place for place, entry in enumerate(entries, 1)}
    house.rows[tables.journal_entry.name] = [entry | {"seq": numbers[entry["seq"]]} for entry in entries]
    for table in (tables.posting, tables.segment):
        for row in house.of(table):
            row["entry_seq"] = numbers[row["entry_seq"]]


def yesterday(house: House) -> int:
    """Return the last journal seq of the day before the newest, where a nightly export would have stopped."""
    before = [entry for entry in house.of(tables.journal_entry) if int(str(entry["at"])) < house.now - DAY_MS]
    return len(before)


def main() -> None:
    """Write the show house of this moment to a folder."""
    folder = Path(sys.argv[1])
    house = build(folder, now=int(time.time() * 1000))
    house.export(yesterday(house))
    print(f"{house.database}: {len(house.of(tables.segment))} segments, {timedelta(days=95)}")  # noqa: T201


if __name__ == "__main__":
    main()
