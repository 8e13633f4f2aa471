"""When nothing can be stored: told without storage while it lasts, put on record once it is over."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.alerts.alerting import keep_past_alert
from meter_bridge.engine.state.model import Installation, OpenAlert
from meter_bridge.engine.state.transaction import Transaction

UNSTORED_ID: Final = "storage-failing"
"""Id of the alert while it cannot be stored; it gets one of its own with its row."""


@dataclass(slots=True)
class Failing:
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
        return OpenAlert(UNSTORED_ID, message, self.since)

    def tell(self, installation: Installation, unit: Transaction, key: AlertKey, reason: str) -> None:
        """Put on record, as part of a unit, from when to when nothing could be stored."""
        if self.since is None:
            return
        message = (
            f"Nothing was charged or switched, and no top-up was taken, from {iso(self.since)}"
            f" to {iso(unit.at)}: {reason}. What was used is charged from the meters' registers;"
            " look at the disk of the database before it happens again"
        )
        keep_past_alert(installation, unit, key, message, self.since)
        unit.after(self._forget)

    def _forget(self) -> None:
        """Begin anew at the next failure."""
        self.since = None
