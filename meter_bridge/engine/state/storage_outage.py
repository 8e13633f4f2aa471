"""A storage outage while it lasts: held in memory, because nothing can be stored."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.core.calendar import iso
from meter_bridge.engine.state.model import OpenAlert

UNSTORED_ALERT_ID: Final = "storage-failing"
"""Id of the alert while it cannot be stored; it gets one of its own with its row."""


@dataclass(slots=True)
class StorageOutage:
    """Since when nothing can be stored, until that is on record."""

    since: int | None = None

    def begin(self, at: int) -> None:
        """Note when it began; a failure before the last one came on record goes on."""
        if self.since is None:
            self.since = at

    def alert(self, reason: str | None) -> OpenAlert | None:
        """Return the alert as long as there is a reason for it."""
        if self.since is None or reason is None:
            return None
        message = (
            f"Nothing is charged or switched, and no top-up is taken, since {iso(self.since)}: {reason}."
            " Look at the disk of the database; what is used meanwhile stays on the meters' registers"
        )
        return OpenAlert(UNSTORED_ALERT_ID, message, self.since)

    def end(self) -> None:
        """Note that the outage is on record; the next failure begins another."""
        self.since = None
