"""Whether the channels of notices work: who is told of nothing cannot notice it."""

from collections import Counter
from typing import Final

from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.vocabulary import AlertKind

MOST_REFUSALS: Final = 3
"""In a row, after which a channel counts as broken."""


class ChannelHealth:
    """Keeps the alert of channels that take no message."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._refusals: Counter[str] = Counter()

    def note(self, channel: str, recipient: str, *, taken: bool) -> None:
        """Count what a channel refused in a row; once it takes a message it works."""
        name = f"{channel} ({recipient})"
        if taken:
            self._refusals.pop(name, None)
        else:
            self._refusals[name] += 1
        broken = sorted(each for each, refused in self._refusals.items() if refused >= MOST_REFUSALS)
        facts = {"channels": ", ".join(broken)} if broken else None
        set_installation_alert(self._session, AlertKind.NOTICES_FAILING, facts)
