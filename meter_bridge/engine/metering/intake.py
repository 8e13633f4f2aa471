"""What the connections hear, on its way into the session."""

from collections.abc import Sequence
from typing import Final

from meter_bridge.devices.base.driver import Discovered, Item, Rejected, Removed, Report, ReportedCutOff
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.supply.local_cutoff import CutOffs

MAX_KINDS: Final = 200
"""Kinds of unreadable payloads told apart; drivers use fewer, this bounds what a bug could do."""


class ReportHandler:
    """Takes items in the order in which they were heard."""

    def __init__(
        self, session: Session, readings: MeterReports, cut_offs: CutOffs, discovery: Discovery
    ) -> None:
        self._session = session
        self._readings = readings
        self._cut_offs = cut_offs
        self._discovery = discovery

    def handle(self, items: Sequence[Item]) -> None:
        """Take the items of one message; never raises for what a device said."""
        session = self._session
        try:
            at = session.clock.now()
            for item in items:
                if type(item) is Report:
                    session.counts.reports += 1
                    # Where nothing can be charged now, the meter's register keeps the record.
                    if session.storage_error is not None or not session.accepting.is_set():
                        continue
                    if not self._readings.handle(item, at, clock_sure=session.clock.sure):
                        self._discovery.observe(item, at)
                else:
                    self._handle_notice(item, at)
        except Exception as error:
            session.invalidate(error)
            raise

    def _handle_notice(self, item: Item, at: int) -> None:
        session = self._session
        if isinstance(item, ReportedCutOff):
            if session.can_change:
                self._cut_offs.handle(item, at)
        elif isinstance(item, Discovered):
            self._discovery.add(item)
        elif isinstance(item, Removed):
            self._discovery.remove(item.address)
        elif isinstance(item, Rejected):
            self._count_rejected(item.kind)

    def _count_rejected(self, kind: str) -> None:
        rejected = self._session.counts.rejected
        if kind in rejected or len(rejected) < MAX_KINDS:
            rejected[kind] = rejected.get(kind, 0) + 1
