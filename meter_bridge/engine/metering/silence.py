"""Silence is an alarm: whatever a meter in use tells, it is to tell its register.

What is used while it does not is charged to nobody. It may never have been heard (a mistake in its address),
be heard only as a relay, or tell everything but its register. Silence counts from the last instant at which
the bridge itself could not hear, or not take what it heard. Neither a device nor a broker that comes and goes
begins it anew.
"""

from typing import Final

from meter_bridge.core.supply.alerts import AlertFacts
from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.registry import families
from meter_bridge.engine.alerts.alerting import CASE, update_alert
from meter_bridge.engine.metering.readings import MeterReports, offline_key
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction

SHORT_PAUSE_MS: Final = 60_000
"""A pause in which a meter can at most have told its register once or twice."""


class SilenceWatch:
    """Keeps the alert of every meter that tells no register for longer than it may be silent."""

    def __init__(self, session: Session, reports: MeterReports) -> None:
        self._session = session
        self._reports = reports
        self._deaf_since: int | None = session.clock.now()
        self.restart()

    def pause(self) -> None:
        """Note that from now on nothing can be heard."""
        if self._deaf_since is None:
            self._deaf_since = self._session.clock.now()

    def resume(self) -> None:
        """Note that everything can be heard again; what was missed for a moment excuses no meter."""
        if self._deaf_since is not None and self._session.clock.now() - self._deaf_since >= SHORT_PAUSE_MS:
            self.restart()
        self._deaf_since = None

    def restart(self) -> None:
        """Count silence from now on: until now the bridge could not hear, or not take what it heard."""
        self._since = self._session.clock.now()

    def check(self, now: int) -> None:
        """Find the meters that fell silent, and those that tell their register again."""
        stopped = self._session.stopped_sites
        for meter in self._session.installation.meters.values():
            if meter.supply.account.site.id in stopped:
                continue  # nothing that it tells is taken
            if meter.silent_at <= now and meter.online is not False and not meter.plan.read_by_hand:
                self._judge(meter, now)

    def _judge(self, meter: Meter, now: int) -> None:
        since = max(self._since, meter.assigned_at, meter.present_since)
        may_last = meter.plan.offline_after_s * 1000
        meter.silent_at = max(since, meter.last_seen or 0) + may_last
        if now > meter.silent_at:
            if meter.last_seen is meter.online is None:
                self._tell(meter, now, _facts(meter, "never_heard"))
            elif meter.register is None:  # only that it is there was heard, from itself or from the broker
                self._tell(meter, now, _facts(meter, "no_register"))
            self._reports.set_online(meter, Transaction(now), online=False)
        elif meter.online and self._session.clock.sure:  # else no register is taken
            told_at = meter.told_at
            meter.silent_at = min(meter.silent_at, max(since, told_at) + may_last)
            self._judge_register(meter, told_at, now)

    def _judge_register(self, meter: Meter, told_at: int, now: int) -> None:
        alert = meter.supply.account.alerts.get(offline_key(meter))
        if now > meter.silent_at:
            only_relay = meter.power_mw is meter.voltage_mv is None and meter.relay.reported is not None
            self._tell(meter, now, _facts(meter, "relay_only" if only_relay else "no_register"))
        elif alert is not None and told_at > alert.opened_at:
            self._tell(meter, now, None)
        elif alert is not None:
            meter.silent_at = now  # not yet told, but soon enough after something changed

    def _tell(self, meter: Meter, now: int, facts: AlertFacts | None) -> None:
        tx = Transaction(now)
        update_alert(self._session.installation, meter.supply.account, tx, offline_key(meter), facts)
        self._session.submit(tx)


def _facts(meter: Meter, case: str) -> AlertFacts:
    address = meter.plan.energy_address
    advice = families()[parse_address(address).family].no_register
    facts: AlertFacts = {CASE: case, "address": address, "advice_text": advice}
    unread = meter.unread
    if unread is None or case != "no_register":
        return facts
    looked = {"topic": unread.topic, "path": unread.path, "payload": unread.payload}
    return {**facts, **looked, CASE: "register_not_found"}
