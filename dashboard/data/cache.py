"""Where pages get their data: snapshots shared by all sessions, seconds old while people click."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
import time
from typing import Final

import streamlit as st

from dashboard.data.scope import PORTFOLIO, Scope
from dashboard.data.snapshot import SourceError, read_snapshot
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
MOST_KEPT: Final = 24


@dataclass(slots=True)
class _CachedSnapshot:
    """A snapshot with when it was read, and how long that took."""

    opened: Warehouse
    at: float
    took: float
    renewing: bool = False


@dataclass
class SnapshotCache:
    """Keeps the newest snapshot of each scope, and reads the next while the last is shown."""

    read: Callable[[Path, Scope], Warehouse]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[Path, Scope], _CachedSnapshot] = field(default_factory=dict)
    _locks: dict[tuple[Path, Scope], Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, folder: Path, scope: Scope) -> Warehouse:
        """Return a snapshot that is fresh, or was a moment ago. Raises ``SourceError``."""
        key = (folder, scope)
        found = self._kept.get(key)
        age = 0.0 if found is None else self.clock() - found.at
        fresh = 0.0 if found is None else self._fresh_for(found)
        if found is not None and age <= fresh:
            return found.opened
        if found is not None and age <= max(SERVED_SECONDS, 2 * fresh):
            self._renew_behind(key, found)
            return found.opened
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            newer = self._kept.get(key)
            if newer is not None and newer is not found:
                return newer.opened
            return self._take(key, None).opened

    def _fresh_for(self, found: _CachedSnapshot) -> float:
        """Return for how many seconds nobody reads a snapshot anew."""
        now = self.clock()
        lately = sum(each.took for each in list(self._kept.values()) if now - each.at <= SERVED_SECONDS)
        shared = min(FRESH_TIMES * lately, SHARED_SECONDS)
        return max(FRESH_SECONDS, FRESH_TIMES * found.took, shared)

    def forget(self) -> None:
        """Read anew at the next question, because something changed."""
        with self._lock:
            self._kept.clear()

    def _renew_behind(self, key: tuple[Path, Scope], found: _CachedSnapshot) -> None:
        """Read the next snapshot without letting anybody wait."""
        with self._lock:
            if found.renewing:
                return
            found.renewing = True
        Thread(target=self._renew, args=(key, found), name="renew snapshot", daemon=True).start()

    def _renew(self, key: tuple[Path, Scope], found: _CachedSnapshot) -> None:
        """Read the next snapshot and answer ahead there; keep the last where reading fails."""
        try:
            self._take(key, found.opened)
        except SourceError:
            found.renewing = False

    def _take(self, key: tuple[Path, Scope], before: Warehouse | None) -> _CachedSnapshot:
        """Read a snapshot and keep it."""
        begun = self.clock()
        opened = self.read(*key)
        if before is not None:
            opened.answer_as(before)
        now = self.clock()
        taken = _CachedSnapshot(opened, now, now - begun)
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = taken
        return taken


def data_dir() -> Path:
    """Return the folder that holds the bridge's database and export."""
    return settings().data


@st.cache_resource(show_spinner=False)
def _keeper() -> SnapshotCache:
    """Return the keeper of this process."""
    database = settings().database
    return SnapshotCache(lambda folder, scope: Warehouse(read_snapshot(folder, scope, database)))


def warehouse(folder: Path, scope: Scope | None = None) -> Warehouse:
    """Return a snapshot of what a page is about. Raises ``SourceError``."""
    return _keeper().get(folder, scope or PORTFOLIO)


def invalidate() -> None:
    """Let every page read anew, because something was changed here."""
    _keeper().forget()
