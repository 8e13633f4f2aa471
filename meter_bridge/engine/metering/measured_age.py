"""Whether a reading is as new as its message: judged by the device's own time.

A gateway may send what it remembers of a device as if it were new. Such a reading is hours old, and proves
nothing of now. But a gateway whose clock is wrong sends nothing else: its times go on with those of receipt,
while a remembered one stands still, and held-back ones arrive all at once. So an old time is stale until it
has gone on for half a minute; from then on readings count, at their receipt, and the clock is reported.
"""

from dataclasses import dataclass, replace
import logging
from typing import Final

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.clock import EngineClock
from meter_bridge.engine.state.session import Counts

OLD_MS: Final = 600_000
"""Beyond this a live reading is old, or its device's clock is wrong."""
IN_STEP_MS: Final = 10_000
"""How far two differences between a device's time and the receipt may be apart to be the same clock's."""
PROVEN_AFTER_MS: Final = 30_000
OLD: Final = "old_measurement"
"""Kind under which old readings are counted."""
WRONG_CLOCK: Final = "clock_wrong"
"""Kind under which devices with a wrong clock are counted."""
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Difference:
    """By how much a device's time was behind the time of receipt, and since when it has been."""

    behind_ms: int
    since: int
    told: bool = False


class MeasuredAges:
    """What the times of devices in use tell."""

    def __init__(self, clock: EngineClock, counts: Counts) -> None:
        self._clock = clock
        self._counts = counts
        self._differences: dict[str, _Difference] = {}

    def judge(self, report: Report, measured_at_ms: int, at: int) -> Report:
        """Return a report as it is, or as stale where what it says is old."""
        behind_ms = at - self._clock.to_event_time(measured_at_ms)
        if abs(behind_ms) <= OLD_MS or report.stale or report.buffered:
            return report
        known = self._differences.get(report.address)
        if known is None or abs(known.behind_ms - behind_ms) > IN_STEP_MS:
            known = self._differences[report.address] = _Difference(behind_ms, at)
        if at - known.since >= PROVEN_AFTER_MS:
            self._tell_wrong_clock(report.address, known)
            return report
        if behind_ms < 0:
            return report
        self._tell_old(report.address, behind_ms)
        return replace(report, stale=True, online=None)

    def _tell_wrong_clock(self, address: str, known: _Difference) -> None:
        if known.told:
            return
        known.told = True
        self._counts.count_rejected(WRONG_CLOCK)
        minutes, word = abs(known.behind_ms) // 60_000, "behind" if known.behind_ms > 0 else "ahead"
        _LOGGER.warning(
            "the clock of %s or its gateway is %d minutes %s: correct it; readings count when they arrive",
            address,
            minutes,
            word,
        )

    def _tell_old(self, address: str, behind_ms: int) -> None:
        self._counts.count_rejected(OLD)
        if self._counts.rejected[OLD] == 1:
            _LOGGER.warning(
                "%s told a reading that is %d minutes old and is not used; more of these are only counted",
                address,
                behind_ms // 60_000,
            )
