"""What the pages about all units ask, held against the rows of an installation that the engine made."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
import itertools
from pathlib import Path
import sqlite3

import pytest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.consumption import load_duration
from dashboard.queries.debts import debtors
from dashboard.queries.payments import PaymentFilter, payment_sums
from tests.dashboard.real_house import real_house

LANDLORD = Viewer(every_site=True)
NOBODY = Viewer()
ALL = PaymentFilter(first=date(2026, 10, 1), last=date(2026, 12, 31))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_house(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def books(folder: Path) -> Iterator[sqlite3.Connection]:
    """Return a copy of the database to ask beside; the original is ADBC's alone."""
    copy = folder / "copy.db"
    copy.write_bytes((folder / "bridge.db").read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        yield connection


def seen(folder: Path, kind: str) -> Warehouse:
    return Warehouse(read_snapshot(folder, Scope(kind=kind)))


def test_sums_of_payments_are_those_of_the_journal(folder: Path, books: sqlite3.Connection) -> None:
    days = payment_sums(seen(folder, "top_ups"), LANDLORD, ALL)
    booked = dict(
        books.execute(
            """SELECT j.kind, sum(p.amount) FROM posting p JOIN journal_entry j ON j.seq = p.entry_seq
               WHERE p.bucket = 'funds' GROUP BY j.kind"""
        ).fetchall()
    )
    assert sum(day.amount for day in days) == -booked["top_up"]
    assert sum(day.back for day in days) == booked["reversal"]
    assert {(day.method, day.payments) for day in days} == {("cash", 1), ("card", 1)}


def test_what_is_owed_is_what_the_ledger_says(folder: Path, books: sqlite3.Connection) -> None:
    units = debtors(seen(folder, "debt"), LANDLORD)
    rows = books.execute(
        """SELECT account_id, -sum(amount) FROM balance
           WHERE amount < 0 AND (bucket LIKE 'debt:%' OR bucket IN ('arrears', 'emergency_credit'))
           GROUP BY account_id"""
    ).fetchall()
    assert {
        unit.account_id: unit.owed - unit.overdrawn for unit in units if unit.owed > unit.overdrawn
    } == dict(rows)
    assert {unit.account_id: [plan.id for plan in unit.plans] for unit in units if unit.debt} == {
        "flat-1": ["old"]
    }


def test_the_load_duration_curve_falls_and_holds_all_energy(folder: Path, books: sqlite3.Connection) -> None:
    curve = load_duration(seen(folder, "portfolio"), LANDLORD, FIRST, LAST, points=10_000)
    shares, watts = [share for share, _ in curve], [each for _, each in curve]
    assert shares == sorted(shares)
    assert watts == sorted(watts, reverse=True)
    (slots, wh, most) = books.execute(
        """SELECT max(start_ms) / 900000 - min(start_ms) / 900000 + 1, sum(wh),
                  (SELECT max(wh) FROM (SELECT sum(wh) AS wh FROM segment GROUP BY start_ms / 900000))
           FROM segment WHERE wh > 0"""
    ).fetchone()
    assert watts[0] == most * 4
    area = sum(power * (until - since) for (since, power), (until, _) in itertools.pairwise(curve))
    assert area * slots / 4 == pytest.approx(wh, rel=1e-6)


def test_few_points_keep_the_peak_and_the_end(folder: Path) -> None:
    opened = seen(folder, "portfolio")
    coarse = load_duration(opened, LANDLORD, FIRST, LAST, points=5)
    fine = load_duration(opened, LANDLORD, FIRST, LAST, points=10_000)
    assert len(coarse) <= 7
    assert (coarse[0], coarse[-1]) == (fine[0], fine[-1])


def test_nobody_sees_anything(folder: Path) -> None:
    assert payment_sums(seen(folder, "top_ups"), NOBODY, ALL) == []
    assert debtors(seen(folder, "debt"), NOBODY) == []
    assert load_duration(seen(folder, "portfolio"), NOBODY, FIRST, LAST) == []
