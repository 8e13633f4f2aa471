"""A house whose ledger the core itself charged: real price lists, drawn loads, every fact posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
import json
from pathlib import Path
import random

from meter_bridge.config.codec import encode
from meter_bridge.core.calendar import SLOT_MS, day_start, local_day, local_quarter_hour
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import NO_BLOCK, Charges, Rating, Segment, SupplyTerms, allocate
from meter_bridge.core.supply.decision import Policy
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from meter_bridge.storage import tables
from tests.dashboard.sample_house import House

ZONE = "Europe/London"
SITE = "house"


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A unit with its meters and how much it uses."""

    id: str
    meters: int = 1
    watts: int = 500
    first: date | None = None
    """Day on which its account opens; None is well before the span."""


@dataclass
class _Books:
    """A unit's ledger on its way."""

    house: House
    tenant: Tenant
    timeline: Timeline
    currency: str
    rating: Rating
    balance: int = 0

    def book(self, settlement: Charges) -> None:
        """Add an entry for a settlement."""
        if not settlement.segments:
            return
        house, seq = self.house, self.house.seq + 1
        house.seq = seq
        at = max(segment.end for segment in settlement.segments)
        self.balance -= settlement.total
        house.add(
            tables.journal_entry,
            seq=seq,
            id=f"entry-{seq}",
            account_id=self.tenant.id,
            at=at,
            kind="charge",
            description="Electricity used",
            actor="bridge",
            refers_to=None,
            balance_after=self.balance,
            detail=json.dumps({}),
        )
        for n, (bucket, amount) in enumerate((("balance", -settlement.total), ("sales", settlement.total))):
            values = {
                "account_id": self.tenant.id,
                "bucket": bucket,
                "asset": self.currency,
                "amount": amount,
            }
            house.add(tables.posting, entry_seq=seq, n=n, **values)
        for n, segment in enumerate(settlement.segments):
            house.add(tables.segment, entry_seq=seq, n=n, **self._row(segment))

    def _row(self, segment: Segment) -> dict[str, object]:
        """Return a fact as the engine writes it."""
        zone = self.timeline.version(segment.key.version_id).zone
        return {
            "kind": str(segment.kind),
            "account_id": self.tenant.id,
            "supply_id": f"{self.tenant.id}-supply",
            "meter_id": segment.meter_id,
            "start_ms": segment.start,
            "end_ms": segment.end,
            "wh": segment.wh,
            "register_wh": None,
            "local_day": local_day(segment.start, zone).isoformat(),
            "local_slot": local_quarter_hour(segment.start, zone),
            "band": segment.key.band or None,
            "block": None if segment.key.block == NO_BLOCK else segment.key.block + 1,
            "version_id": segment.key.version_id,
            "amount": segment.amount,
            "tax": segment.tax,
            "estimated": segment.estimated,
        }


def priced_house(
    folder: Path,
    versions: Sequence[TariffVersion],
    tenants: Sequence[Tenant],
    first: date,
    days: int,
    *,
    other_tariffs: Mapping[str, TariffVersion] | None = None,
    write: bool = True,
) -> House:
    """Return a house whose units were charged by a tariff's versions for some days, not exported yet."""
    timeline = Timeline(tuple(versions))
    zone = timeline.versions[0].zone
    end = day_start(first + timedelta(days=days), zone)
    house = House(folder, end)
    currency = versions[0].currency
    house.add(tables.installation, id="house", name="House", created_at=0, last_instant=end)
    house.add(tables.site, id=SITE, name="House", time_zone=versions[0].time_zone, currency=currency)
    _add_tariffs(house, versions, other_tariffs or {})
    for tenant in tenants:
        _add_tenant(house, tenant, timeline, (first, end))
    if write:
        house.write()
    return house


def _add_tariffs(
    house: House, versions: Sequence[TariffVersion], others: Mapping[str, TariffVersion]
) -> None:
    """Add the tariff of all units as ``t1``, and others beside it."""
    for tariff_id, all_versions in {
        "t1": versions,
        **{name: (each,) for name, each in others.items()},
    }.items():
        house.add(tables.tariff, id=tariff_id, site_id=SITE, name=tariff_id)
        for version in all_versions:
            house.add(
                tables.tariff_version,
                id=version.id if tariff_id == "t1" else f"{tariff_id}@{version.valid_from}",
                tariff_id=tariff_id,
                valid_from=version.valid_from,
                document=encode(replace(version, tariff_id=tariff_id)),
                withdrawn_at=None,
            )


def _add_tenant(house: House, tenant: Tenant, timeline: Timeline, span: tuple[date, int]) -> None:
    """Add a unit and charge its life."""
    zone = timeline.versions[0].zone
    opened_on = tenant.first or span[0] - timedelta(days=400)
    opened = day_start(opened_on, zone)
    currency = timeline.versions[0].currency
    house.add(
        tables.account,
        id=tenant.id,
        site_id=SITE,
        name=tenant.id,
        customer=None,
        policy=encode(Policy()),
        opened_at=opened,
        closed_at=None,
    )
    supply = f"{tenant.id}-supply"
    house.add(tables.supply, id=supply, account_id=tenant.id, commodity="electricity", closed_at=None)
    house.add(tables.supply_tariff, supply_id=supply, valid_from=0, tariff_id="t1")
    house.add(
        tables.tenancy, account_id=tenant.id, n=1, start_ms=opened, end_ms=None, first_seq=1, first_event=1
    )
    books = _Books(house, tenant, timeline, currency, Rating(terms=SupplyTerms(opened_on)))
    _live(books, max(opened_on, span[0]), span[1])
    house.add(tables.balance, account_id=tenant.id, bucket="balance", asset=currency, amount=books.balance)


def _live(books: _Books, day: date, end: int) -> None:
    """Charge a unit's quarter hours and midnights."""
    rng = random.Random(books.tenant.id)
    timeline, rating = books.timeline, books.rating
    zone = timeline.versions[0].zone
    while (start := day_start(day, zone)) < end:
        if rating.terms.started is None or day > rating.terms.started:
            books.book(charge_day(rating, timeline, start))
        following = day_start(day + timedelta(days=1), zone)
        for at in range(start, following, SLOT_MS):
            for meter in range(books.tenant.meters):
                wh = rng.randrange(books.tenant.watts // 2)
                allocate(rating, timeline, f"{books.tenant.id}-{meter}", at, at + SLOT_MS, wh)
        books.book(close_segments(rating, timeline))
        day += timedelta(days=1)
    books.book(charge_day(rating, timeline, end))
