"""Quiet hours: when a message that can wait is let through."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times of day between which nobody is disturbed; they may cross midnight."""

    begin: time
    end: time

    def earliest_delivery(self, at: int, zone: ZoneInfo) -> int:
        """Return when a message of an instant (ms) may go out: then, or at the end of the quiet hours.

        An end that the clocks skip or repeat in spring or autumn is taken as its zone's rules have it.
        """
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        now = local.time()
        if self.begin <= self.end:
            if not self.begin <= now < self.end:
                return at
            day = local.date()
        elif now >= self.begin:
            day = local.date() + timedelta(days=1)
        elif now < self.end:
            day = local.date()
        else:
            return at
        ended = datetime.combine(day, self.end, zone)
        return max(at, int(ended.timestamp() * 1000))
