"""What goes by the local hour goes by the wall clock, also while event time is ahead of it.

Event time never goes back: once a wall clock that was ahead by hours is set right, event time is ahead of it.
Friendly hours are meant by the clock on the wall.
"""

from meter_bridge.engine.state.session import Session


def update_wall_time(session: Session) -> None:
    """Keep how far event time is ahead, and look at every account when its wall clock says so.

    Nobody can tell beforehand at which event time that will be: the wall clock catches up meanwhile.
    """
    installation, before = session.installation, session.installation.ahead_ms
    installation.ahead_ms = session.clock.ahead_ms()
    if before or installation.ahead_ms:
        for account in installation.accounts.values():
            account.wake_at = min(account.wake_at, account.wake_at_wall + installation.ahead_ms)
