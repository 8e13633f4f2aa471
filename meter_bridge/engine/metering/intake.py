"""What the connections hear, on its way into the engine."""

from collections.abc import Sequence
from typing import Final

from meter_bridge.devices.base.driver import Discovered, HeldCutOff, Item, Rejected, Removed, Report
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metering.discovery import Discovery

KINDS_COUNTED: Final = 200
"""Kinds of unreadable payloads told apart; drivers use fewer, this bounds what a bug could do."""


class Intake:
    """Takes items in the order in which they were heard."""

    def __init__(self, engine: Engine, discovery: Discovery) -> None:
        """Keep where items go."""
        self._engine = engine
        self._discovery = discovery

    def take(self, items: Sequence[Item]) -> None:
        """Take the items of one message; never raises for what a device said."""
        engine = self._engine
        try:
            at = engine.clock.now()
            if engine.installation.ahead_ms:
                engine.installation.ahead_ms = engine.clock.ahead()
            for item in items:
                if type(item) is Report:
                    engine.counts.reports += 1
                    # Where nothing can be charged now, the meter's register keeps the record.
                    if engine.broken is not None or not engine.running.is_set():
                        continue
                    if not engine.metering.take(item, at, clock_sure=engine.clock.sure):
                        self._discovery.hear(item, at)
                else:
                    self._take_news(item, at)
        except Exception as error:
            engine.distrust(error)
            raise

    def _take_news(self, item: Item, at: int) -> None:
        """Take what else a device or its gateway said."""
        engine = self._engine
        if isinstance(item, HeldCutOff):
            if engine.broken is None and engine.running.is_set():
                engine.cut_offs.take(item, at)
        elif isinstance(item, Discovered):
            self._discovery.announce(item)
        elif isinstance(item, Removed):
            self._discovery.withdraw(item.address)
        elif isinstance(item, Rejected):
            self._count(item.kind)

    def _count(self, kind: str) -> None:
        """Count an unreadable payload."""
        rejected = self._engine.counts.rejected
        if kind in rejected or len(rejected) < KINDS_COUNTED:
            rejected[kind] = rejected.get(kind, 0) + 1
