"""Snapshots shared by all sessions, seconds old while people click."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
import time
from typing import Final

import streamlit as st

from dashboard.data.snapshot import SnapshotError, read_snapshot
from dashboard.data.snapshot_sql import PORTFOLIO, Scope
from dashboard.data.warehouse import Warehouse
from dashboard.settings import DATA_VARIABLE, settings

__all__ = ["DATA_VARIABLE", "data_dir", "invalidate", "warehouse"]

FRESH_SECONDS: Final = 3.0
FRESH_TIMES: Final = 8.0
"""What took long to read counts as fresh for longer, so that all reading takes an eighth of a core."""
SHARED_SECONDS: Final = 20.0
"""No longer than this because other pages are read as well."""
SERVED_SECONDS: Final = 60.0
"""Until this age a snapshot is shown at once while the next is read."""
MAX_CACHED: Final = 24


@dataclass(slots=True)
class _CachedSnapshot:
    warehouse: Warehouse
    read_at: float
    read_seconds: float
    is_refreshing: bool = False


@dataclass
class SnapshotCache:
    """Keeps the newest snapshot of each scope, and reads the next while the last is shown."""

    read: Callable[[Path, Scope], Warehouse]
    clock: Callable[[], float] = time.monotonic
    _snapshots: dict[tuple[Path, Scope], _CachedSnapshot] = field(default_factory=dict)
    _locks: dict[tuple[Path, Scope], Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, folder: Path, scope: Scope) -> Warehouse:
        """Return a snapshot that is fresh, or was a moment ago. Raises ``SnapshotError``."""
        key = (folder, scope)
        found = self._snapshots.get(key)
        age = 0.0 if found is None else self.clock() - found.read_at
        fresh = 0.0 if found is None else self._fresh_seconds(found)
        if found is not None and age <= fresh:
            return found.warehouse
        if found is not None and age <= max(SERVED_SECONDS, 2 * fresh):
            self._refresh_in_background(key, found)
            return found.warehouse
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            newer = self._snapshots.get(key)
            if newer is not None and newer is not found:
                return newer.warehouse
            return self._read_and_store(key, None).warehouse

    def _fresh_seconds(self, found: _CachedSnapshot) -> float:
        """Return for how many seconds a snapshot is served without reading another."""
        now = self.clock()
        lately = sum(
            each.read_seconds
            for each in list(self._snapshots.values())
            if now - each.read_at <= SERVED_SECONDS
        )
        shared = min(FRESH_TIMES * lately, SHARED_SECONDS)
        return max(FRESH_SECONDS, FRESH_TIMES * found.read_seconds, shared)

    def clear(self) -> None:
        """Drop all snapshots, because something changed."""
        with self._lock:
            self._snapshots.clear()

    def _refresh_in_background(self, key: tuple[Path, Scope], found: _CachedSnapshot) -> None:
        with self._lock:
            if found.is_refreshing:
                return
            found.is_refreshing = True
        Thread(target=self._refresh, args=(key, found), name="renew snapshot", daemon=True).start()

    def _refresh(self, key: tuple[Path, Scope], found: _CachedSnapshot) -> None:
        try:
            self._read_and_store(key, found.warehouse)
        except SnapshotError:
            found.is_refreshing = False

    def _read_and_store(self, key: tuple[Path, Scope], before: Warehouse | None) -> _CachedSnapshot:
        begun = self.clock()
        opened = self.read(*key)
        if before is not None:
            opened.precompute_from(before)
        now = self.clock()
        taken = _CachedSnapshot(opened, now, now - begun)
        with self._lock:
            self._snapshots.pop(key, None)
            while len(self._snapshots) >= MAX_CACHED:
                self._snapshots.pop(next(iter(self._snapshots)))
            self._snapshots[key] = taken
        return taken


def data_dir() -> Path:
    """Return the folder that holds the bridge's database and export."""
    return settings().data


@st.cache_resource(show_spinner=False)
def _snapshot_cache() -> SnapshotCache:
    database = settings().database
    return SnapshotCache(lambda folder, scope: Warehouse(read_snapshot(folder, scope, database)))


def warehouse(folder: Path, scope: Scope | None = None) -> Warehouse:
    """Return a snapshot of what a page is about. Raises ``SnapshotError``."""
    return _snapshot_cache().get(folder, scope or PORTFOLIO)


def invalidate() -> None:
    """Drop all snapshots, because something was changed from here."""
    _snapshot_cache().clear()
