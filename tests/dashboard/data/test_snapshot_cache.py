"""Snapshots are read once for all who ask, and so seldom that reading leaves the processor to the pages."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import cast

from dashboard.data.cache import FRESH_TIMES, SHARED_SECONDS, SnapshotCache
from dashboard.data.snapshot_sql import PORTFOLIO, Scope
from dashboard.data.warehouse import Warehouse

FOLDER = Path("data")
DEBT = Scope(kind="debt")


class Reading:
    """Reads snapshots that are nothing but their number, in a time of its own."""

    def __init__(self, took: Mapping[Scope, float]) -> None:
        self.now = 0.0
        self.read: Counter[Scope] = Counter()
        self.took = took

    def __call__(self, folder: Path, scope: Scope) -> Warehouse:
        self.now += self.took[scope]
        self.read[scope] += 1
        return cast("Warehouse", (scope, self.read[scope]))

    def keeper(self) -> SnapshotCache:
        return SnapshotCache(self, clock=lambda: self.now)


def test_who_asks_at_once_waits_for_one_reading() -> None:
    reading = Reading({PORTFOLIO: 1})
    keeper, all_here = reading.keeper(), Barrier(8)

    def ask(_: int) -> Warehouse:
        all_here.wait()
        return keeper.get(FOLDER, PORTFOLIO)

    with ThreadPoolExecutor(8) as people:
        answers = set(people.map(ask, range(8)))
    assert len(answers) == 1
    assert reading.read[PORTFOLIO] == 1


def test_a_snapshot_is_fresh_for_eight_times_as_long_as_all_of_late_took_to_read() -> None:
    reading = Reading({PORTFOLIO: 1, DEBT: 1})
    keeper = reading.keeper()
    alone = keeper.get(FOLDER, PORTFOLIO)
    other = keeper.get(FOLDER, DEBT)
    reading.now += 2 * FRESH_TIMES - 1
    assert keeper.get(FOLDER, DEBT) is other
    assert reading.read[DEBT] == 1
    assert keeper.get(FOLDER, PORTFOLIO) is alone


def test_other_pages_let_nobody_wait_for_news_for_long() -> None:
    slow = Scope(kind="report")
    reading = Reading({DEBT: 0.1, slow: 30})
    keeper = reading.keeper()
    keeper.get(FOLDER, slow)
    keeper.get(FOLDER, DEBT)
    reading.now += SHARED_SECONDS - 1
    keeper.get(FOLDER, DEBT)
    assert reading.read[DEBT] == 1
    reading.now += 60
    keeper.get(FOLDER, DEBT)
    assert reading.read[DEBT] == 2
