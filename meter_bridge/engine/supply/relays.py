"""Relay commands: the outbox, read-back and retry.

A command goes out only after its decision was committed, only while connected, and only in its newest
revision;
it is repeated, with growing pauses, until a report proves the relay there. A relay of which no report says
anything for long is told to people as well.
"""

from collections.abc import Callable
from functools import partial
import logging
from typing import Final

from meter_bridge.core.supply import relay as rules
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.core.supply.relay import Observation, Relay
from meter_bridge.devices.addresses import is_same_device
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.state.transport import Transport
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof, SupplyState
from meter_bridge.storage import changeset as ops

READ_BACK_MS: Final = 400
"""Pause between a command and the question whether it was obeyed."""
TAMPER_MEMORY_MS: Final = 600_000
UNPROVEN_DETAIL: Final = "unproven"
"""Detail of the alert of a relay of which no report says where it is."""
_LOGGER: Final = logging.getLogger(__name__)


class Relays:
    """Every relay of the installation that is not yet where it is to be."""

    def __init__(self, session: Session, transport: Transport) -> None:
        self._session = session
        self._transport = transport
        self._now = session.clock.now
        self._steady = session.clock.steady_ms
        """Never slower, as event time may be."""
        self.may_close: Callable[[Meter], bool] = lambda _meter: True
        """Says whether a relay may be told to close now, or its device is told something first."""
        self.on_device_back: Callable[[Meter], None] = lambda _meter: None
        """Called when a device was away or restarted."""
        self.attach()

    def attach(self) -> None:
        """Begin with the session's present state."""
        self.installation = self._session.installation
        meters = self.installation.meters.values()
        self._unproven = {meter.id: meter for meter in meters if _is_unproven(meter)}
        """Relays with work to do; after a start those whose commands were not settled before."""
        self._sent_at: dict[str, int] = {}
        """When each relay was told last, by the steady clock."""
        self._read_back: dict[str, int] = {}
        self._awaiting_commit: dict[str, int] = {}
        """Newest revision of each relay whose decision is on its way to disk: nothing is sent meanwhile."""

    def request(self, account: Account, tx: Transaction) -> None:
        """Ask every relay of the account to follow its supply state, as part of the unit."""
        position = RelayPosition.CLOSED if account.state is SupplyState.CONNECTED else RelayPosition.OPEN
        asked = [meter for meter in account.meters if meter.plan.relay_address is not None]
        moving = [meter for meter in asked if meter.relay.requested is not position]
        if not moving:
            return
        account.revision += 1
        for meter in moving:
            meter.relay = rules.with_command(meter.relay, position, account.revision, tx.at, meter.power_mw)
            set_alert(self.installation, account, tx, _unproven_key(meter), None)
            meter.relay_opened_at = None
            tx.changeset.add(ops.SUPERSEDE_OUTBOX, _outcome_row(meter, tx.at, "superseded"))
            tx.changeset.add(ops.INSERT_OUTBOX, self._outbox_row(meter, tx.at))
            store_relay(meter, tx)
            self._awaiting_commit[meter.id] = account.revision
            tx.after_commit(partial(self._on_committed, meter, account.revision))

    def _on_committed(self, meter: Meter, revision: int) -> None:
        """Send a command, now that its decision is on disk (invariant 10), unless a newer one waits."""
        if self._awaiting_commit.get(meter.id) == revision:
            del self._awaiting_commit[meter.id]
        self.send_until_proven(meter)

    def _outbox_row(self, meter: Meter, at: int) -> dict[str, object]:
        return {
            "meter_id": meter.id,
            "revision": meter.relay.revision,
            "position": meter.relay.requested,
            "decision_seq": self.installation.sequences.decision,
            "created_at": at,
            "settled_at": None,
            "outcome": None,
        }

    def send_until_proven(self, meter: Meter) -> None:
        """Send a relay's command if it is due, and go on until it is proven."""
        if rules.retry_at(meter.relay) is None:
            self._unproven.pop(meter.id, None)
            return
        self._unproven[meter.id] = meter
        self._send_if_due(meter, self._now())

    def _send_if_due(self, meter: Meter, now: int) -> None:
        if meter.relay.requested is None or meter.id in self._awaiting_commit or not self._is_due(meter, now):
            return
        if meter.relay.requested is RelayPosition.CLOSED and not self.may_close(meter):
            return
        if self._transport.switch(meter, meter.relay.requested):
            meter.relay = rules.after_sent(meter.relay, now)
            self._alert_if_unproven(meter, now)
            self._sent_at[meter.id] = self._steady()
            self._read_back[meter.id] = self._steady() + READ_BACK_MS

    def _alert_if_unproven(self, meter: Meter, now: int) -> None:
        """Tell of a relay that is told for long, and reports nothing, although its device is there."""
        silent = meter.relay.proof is RelayProof.PENDING and meter.online is not False
        if not (silent and rules.is_unproven_for_long(meter.relay) and self._session.can_change):
            return
        account, key = meter.supply.account, _unproven_key(meter)
        tx = Transaction(now)
        opening = meter.relay.requested is RelayPosition.OPEN
        facts = {"case": "open_unproven" if opening else "closed_unproven"}
        set_alert(self.installation, account, tx, key, facts)
        self._session.submit(tx)

    def _is_due(self, meter: Meter, now: int) -> bool:
        """Return whether a command is due (again): by event time or, where that is slow, by its pause."""
        due = rules.retry_at(meter.relay)
        if due is None or due <= now:
            return due is not None
        told = self._sent_at.setdefault(meter.id, self._steady())
        return meter.relay.attempts > 0 and self._steady() - told >= rules.retry_pause_ms(meter.relay)

    def tick(self) -> None:
        """Send what is due again and ask back where an answer is due."""
        now = self._now()
        for meter in list(self._unproven.values()):
            if rules.retry_at(meter.relay) is None or meter.id not in self.installation.meters:
                self._unproven.pop(meter.id, None)
            else:
                self._send_if_due(meter, now)
        for meter_id, due in list(self._read_back.items()):
            if due <= self._steady():
                del self._read_back[meter_id]
                meter_or_none = self._unproven.get(meter_id)
                if meter_or_none is not None:
                    self._transport.query(meter_or_none)

    def query(self, meter: Meter) -> None:
        """Ask a meter for a fresh reading, where there is a way to it."""
        self._transport.query(meter)

    def apply_observation(self, meter: Meter, seen: Observation, tx: Transaction) -> None:
        """Take a report of a relay; a change of its proof is stored, told and acted on."""
        before = meter.relay
        meter.relay = rules.observe(before, seen)
        if meter.relay.proof is not before.proof or meter.relay.reported is not before.reported:
            store_relay(meter, tx)
        if meter.relay.proof is not before.proof:
            self._proof_changed(meter, before, tx)
        moved = before.proof in rules.SETTLED and _is_unproven(meter)
        if meter.relay.proof is RelayProof.DISOBEYS or moved:
            tx.after_commit(lambda: self.send_until_proven(meter))

    def _proof_changed(self, meter: Meter, before: Relay, tx: Transaction) -> None:
        account = meter.supply.account
        meter.proven_at = tx.at
        if meter.relay.proof is RelayProof.PENDING:
            meter.relay_opened_at = None
        elif remains_open(meter.relay) and (
            meter.relay_opened_at is None or before.proof is RelayProof.DISOBEYS
        ):
            meter.relay_opened_at = tx.at
        disobeys = meter.relay.proof is RelayProof.DISOBEYS
        key = AlertKey(AlertKind.RELAY_DISOBEYS, account.id, meter.id)
        facts = {"case": "open" if meter.relay.requested is RelayPosition.OPEN else "closed"}
        proven = meter.relay.proof in rules.PROVEN
        if disobeys or proven:  # a new attempt alone ends no alert that the next reading would open again
            set_alert(self.installation, account, tx, key, facts if disobeys else None)
        if meter.relay.proof is not RelayProof.PENDING:
            set_alert(self.installation, account, tx, _unproven_key(meter), None)
        if proven:
            tx.changeset.add(ops.SETTLE_OUTBOX, _outcome_row(meter, tx.at, meter.relay.proof))

    def note_absence(self, meter: Meter, tx: Transaction) -> None:
        """Take it that a relay whose device went away is no longer proven to be where it was."""
        away = rules.after_absence(meter.relay)
        if away is not meter.relay:
            meter.relay, meter.proven_at = away, tx.at
            store_relay(meter, tx)
            tx.touch(meter.supply.account)

    def note_deafness(self) -> None:
        """Take it that reports are missed from now on: what is proven open may be closed meanwhile."""
        if not self._session.can_change:
            return
        tx = Transaction(self._now())
        for meter in self.installation.meters.values():
            doubted = rules.after_deafness(meter.relay)
            if doubted is not meter.relay and _is_behind_broker(meter):
                meter.relay, meter.proven_at = doubted, tx.at
                self._unproven[meter.id] = meter
                store_relay(meter, tx)
                tx.touch(meter.supply.account)
        self._session.submit(tx)

    def resend(self, meter: Meter, tx: Transaction) -> None:
        """Tell a relay again what it is to be, after its device was away or restarted."""
        self.on_device_back(meter)
        again = rules.after_restart(meter.relay)
        if again is not meter.relay:
            self._command_again(meter, again, tx)

    def reassert(self, meter: Meter, tx: Transaction) -> None:
        """Tell a relay again what it is to be, because its device moved it by itself."""
        self._command_again(meter, rules.after_reassert(meter.relay), tx)

    def _command_again(self, meter: Meter, relay: Relay, tx: Transaction) -> None:
        meter.relay, meter.proven_at = relay, tx.at
        store_relay(meter, tx)
        tx.after_commit(lambda: self.send_until_proven(meter))

    def raise_tamper(self, meter: Meter, tx: Transaction) -> None:
        """Raise tamper: energy was used although the relay was proven open."""
        meter.tampered_at = tx.at
        account = meter.supply.account
        set_alert(self.installation, account, tx, AlertKey(AlertKind.TAMPER, account.id, meter.id), {})

    def clear_tamper(self, meter: Meter, tx: Transaction) -> None:
        """Close tamper when the relay is meant to be closed again or nothing was used for ten minutes."""
        if meter.tampered_at is None:
            return
        meant_closed = meter.relay.requested is not RelayPosition.OPEN
        if meant_closed or tx.at - meter.tampered_at > TAMPER_MEMORY_MS:
            meter.tampered_at = None
            account = meter.supply.account
            set_alert(self.installation, account, tx, AlertKey(AlertKind.TAMPER, account.id, meter.id), None)

    def drop_command(self, meter: Meter, tx: Transaction) -> None:
        """Forget what a relay was told: another device takes its place, or nobody switches it any more."""
        if _is_unproven(meter):
            tx.changeset.add(ops.SETTLE_OUTBOX, _outcome_row(meter, tx.at, "abandoned"))
        meter.relay = Relay(revision=meter.relay.revision)
        set_alert(self.installation, meter.supply.account, tx, _unproven_key(meter), None)
        store_relay(meter, tx)

    def resume(self) -> None:
        """Take up every command that is not proven, as after a start or a reconnection."""
        for meter in self.installation.meters.values():
            if meter.plan.relay_address is not None:
                self.send_until_proven(meter)


def _unproven_key(meter: Meter) -> AlertKey:
    return AlertKey(AlertKind.RELAY_DISOBEYS, meter.supply.account.id, meter.id, UNPROVEN_DETAIL)


def _is_unproven(meter: Meter) -> bool:
    return meter.plan.relay_address is not None and rules.retry_at(meter.relay) is not None


def _outcome_row(meter: Meter, at: int, outcome: str) -> dict[str, object]:
    return {
        "row_meter_id": meter.id,
        "row_revision": meter.relay.revision,
        "new_settled_at": at,
        "new_outcome": outcome,
    }


def remains_open(relay: Relay) -> bool:
    """Return whether a relay was proven open as it was told to, and nothing told otherwise since."""
    return relay.requested is RelayPosition.OPEN and relay.proof in rules.SETTLED


def reports_open(meter: Meter, since: int) -> bool:
    """Return whether a relay had proven open by an instant, and its device says that it still is."""
    opened = meter.relay_opened_at is not None and since >= meter.relay_opened_at
    return (
        opened and meter.relay.requested is RelayPosition.OPEN and meter.relay.reported is RelayPosition.OPEN
    )


def store_relay(meter: Meter, tx: Transaction) -> None:
    """Add a relay's state to the unit."""
    relay = meter.relay
    tx.changeset.add(
        ops.UPSERT_RELAY,
        {
            "meter_id": meter.id,
            "requested": relay.requested,
            "requested_at": relay.requested_at or None,
            "revision": relay.revision,
            "reported": relay.reported,
            "reported_at": relay.reported_at or None,
            "proof": relay.proof,
            "proof_at": tx.at,
        },
    )


def _is_behind_broker(meter: Meter) -> bool:
    """Return whether the relay of a meter is reached through the broker, not at the meter's own address."""
    plan = meter.plan
    if plan.relay_address is None or plan.host is None:
        return True
    return not is_same_device(plan.energy_address, plan.relay_address)
