"""Handling of meter reports: counted and timed as they arrive, then from the reading to the account."""

from collections.abc import Sequence
from dataclasses import replace
import logging
from typing import Final

from meter_bridge.core.calendar import next_slot
from meter_bridge.core.clock import reading_instant
from meter_bridge.core.rating.period_to_date import close_segments, has_closed_segments
from meter_bridge.core.rating.rating import allocate
from meter_bridge.core.register import register as rules
from meter_bridge.core.register.power_comparison import Finding, possible_by_power_wh
from meter_bridge.core.register.register import (
    Doubt,
    Register,
    RegisterReading,
    update_reverse_energy,
)
from meter_bridge.core.supply import alerts as alert_rules
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.core.supply.relay import (
    NO_LOAD_MW,
    PROVEN,
    Observation,
    Relay,
)
from meter_bridge.devices.base.driver import (
    Discovered,
    Item,
    Rejected,
    Removed,
    Report,
    ReportedCutOff,
    Unread,
)
from meter_bridge.engine.alerts.alerting import CASE, set_alert
from meter_bridge.engine.ledger.journal import DeferredPostings, book_charges, may_defer, post_deferred
from meter_bridge.engine.metering import fast_path
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.measured_age import MeasuredAges
from meter_bridge.engine.metering.power_check import conclude, note_phases, update_alert
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Absence, Account, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import protections
from meter_bridge.engine.supply.evaluation import EvaluationContext, evaluate_account
from meter_bridge.engine.supply.local_cutoff import CutOffs
from meter_bridge.engine.supply.relays import Relays, reports_open
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof
from meter_bridge.storage import changeset as ops

RELAY_SETTLING_MS: Final = 30_000
"""After a relay moved, for so long a reading may still be from before."""
BOOT_IS_TOLD_MS: Final = 60_000
"""How long a device that came back is given to say whether it restarted; some are asked at once."""
DEVICE_IS_TOLD_MS: Final = 60_000
"""How long a device that used to say which one it is, or its gateway, is given to say it again."""
REVERSE_ENERGY_DETAIL: Final = "reverse energy"
"""Detail of the tamper alert of energy that flows back."""
_LOGGER: Final = logging.getLogger(__name__)


class MeterReports:
    """Turns reports into state, charges and decisions."""

    def __init__(self, session: Session, relays: Relays, postings: DeferredPostings) -> None:
        self._session = session
        self.relays = relays
        self._submit = session.submit
        self._dirty = session.changed_supplies
        self._postings = postings
        self._clock = session.clock
        self._ages = MeasuredAges(session.clock, session.counts)
        self.attach()

    def attach(self) -> None:
        """Begin with the session's present state."""
        self.installation = self._session.installation

    def handle(self, report: Report, at: int, *, clock_sure: bool) -> bool:
        """Take one report; False if its address belongs to no meter."""
        meter = self.installation.by_energy_address.get(report.address)
        switched = self.installation.by_relay_address.get(report.address)
        if self._session.stopped_sites and self._is_stopped(meter, switched):
            return True
        measured = report.measured_at_ms
        if measured is not None and (meter is not None or switched):
            report = self._ages.judge(report, measured, at)
        if meter is not None:
            if report.power_mw is not None and not report.stale and not report.buffered:
                meter.power_record.add(report.power_mw, at)
                if report.phases:
                    note_phases(meter, report.phases)
            if clock_sure and fast_path.try_report(meter, report, at):
                self._dirty.add(meter.supply)
                return True
            self._handle_values(meter, report, at, clock_sure=clock_sure)
            if report.relay is None and meter.relay.requested is None:
                return True
        if switched:
            for switched_meter in switched:
                self._handle_relay(switched_meter, report.relay, report, at)
        return meter is not None or bool(switched)

    def _is_stopped(self, meter: Meter | None, switched: Sequence[Meter] | None) -> bool:
        """Return whether a report is of a site that is stopped; its registers keep the record."""
        meters = (*(() if meter is None else (meter,)), *(switched or ()))
        return any(each.supply.account.site.id in self._session.stopped_sites for each in meters)

    def account_of(self, item: Item) -> Account | None:
        """Return the account that a report is of."""
        meter = self.installation.by_energy_address.get(item.address) if isinstance(item, Report) else None
        return None if meter is None else meter.supply.account

    def _handle_values(self, meter: Meter, report: Report, at: int, *, clock_sure: bool) -> None:
        self._dirty.add(meter.supply)
        meter.update_values(report)
        if meter.online is not True or report.online is False:
            self._handle_presence(meter, report, at)
        if report.boot_id is not None:
            if meter.absence is not None and meter.absence.restarted is None:
                meter.absence.restarted = report.boot_id != meter.boot_id
            if report.boot_id != meter.boot_id:
                self._handle_boot(meter, report.boot_id, at)
        if not report.stale:
            meter.last_seen = at
            if report.register_wh is not None and clock_sure:
                self._handle_register(meter, report, report.register_wh, at)
            if report.returned_wh is not None:
                self._handle_reverse_energy(meter, report.returned_wh, at)
        if not fast_path.needs_no_check(meter, report):
            self._update_limit_alarms(meter, report, at)
            self._update_protections(meter, report, at, clock_sure=clock_sure)
        if meter.plan.relay_address not in (None, report.address):
            self._handle_relay(meter, None, report, at)

    def _handle_presence(self, meter: Meter, report: Report, at: int) -> None:
        """Record whether the meter is online; any fresh reading proves that it is."""
        online = report.online if report.online is not None else not report.stale
        _note_absence(meter, at, online=online, gone=report.online is False)
        if online != meter.online:
            tx = Transaction(at)
            if online and meter.online is False:
                self.relays.resend(meter, tx)
            self.set_online(meter, tx, online=online)

    def _handle_boot(self, meter: Meter, boot: str, at: int) -> None:
        """Record the boot of the device; a different one than before means that it restarted."""
        before, meter.boot_id = meter.boot_id, boot
        tx = Transaction(at)
        tx.touch(meter.supply.account)
        if before is not None:
            self.relays.resend(meter, tx)
        self._submit(tx)

    def set_online(self, meter: Meter, tx: Transaction, *, online: bool) -> None:
        """Keep whether a meter is there, with its alert; that does not end the silence of a register."""
        meter.note_presence(tx.at, online=online)
        account, key = meter.supply.account, offline_key(meter)
        if not online:
            self.relays.note_absence(meter, tx)
        alert = account.alerts.get(key)
        if not online or alert is None or CASE not in alert.facts:  # a case is about more than its presence
            set_alert(self.installation, account, tx, key, None if online else {})
        if tx.changeset:
            tx.save_supply(meter.supply)
        self._dirty.add(meter.supply)
        self._submit(tx)

    def _handle_register(self, meter: Meter, report: Report, register_wh: int, at: int) -> None:
        measured = report.measured_at_ms
        when = at
        if measured is not None:
            when = reading_instant(at, self._clock.to_event_time(measured), buffered=report.buffered)
        if fast_path.try_reading(meter, register_wh, report.reset_marker, when):
            return
        if fast_path.try_next_slot(meter, register_wh, report.reset_marker, when, at):
            self._postings.defer(meter.supply, at)
            self._compare_with_power(meter, report, when, rose=True)
            return
        register, meter.fast_path = meter.register, None
        absence = meter.absence
        if absence is not None and absence.restarted is None and at - absence.back_at < BOOT_IS_TOLD_MS:
            return
        if _may_be_another_device(meter, register, report, at):
            return
        reading = RegisterReading(
            register_wh,
            when,
            report.register_step_wh,
            report.reset_marker,
            meter.plan.register_modulus_wh or report.register_modulus_wh,
            meter.boot_id,
            self._clock.ahead_ms_at(when),
            0 if absence is None else absence.without_power_ms,
            possible_by_power_wh(meter.power_record, when, meter.plan.rating_w),
        )
        if register is None:
            self._store_first_reading(meter, rules.first_reading(reading))
            return
        if _changes_nothing(meter, register, reading, at):
            register.at = max(when, register.at)
            register.ahead_ms = reading.ahead_ms
            self._compare_with_power(meter, report, when, rose=False)
            return
        charged_wh = meter.energy_wh
        self._advance(meter, register, reading, at)
        self._compare_with_power(meter, report, when, rose=meter.energy_wh != charged_wh)

    def _compare_with_power(self, meter: Meter, report: Report, at: int, *, rose: bool) -> None:
        """Compare the register with the power that the device reports, if that is due, and act on it."""
        found = conclude(meter, at, report.register_step_wh, rose=rose)
        if rose:
            meter.power_record.rise(at)
        if found is None or meter.register is None:
            return
        tx = Transaction(at)
        if found.finding is Finding.FAR_TOO_MUCH and not meter.register.believed:
            meter.register = rules.hold(meter.register)
            self._update_quarantine(meter, tx)
        else:
            update_alert(self.installation, meter, tx, found)
        if found.finding is Finding.AGREES and meter.register.believed:
            meter.register = replace(meter.register, believed=False)
            tx.save_supply(meter.supply)
        if tx.changeset:
            tx.save_supply(meter.supply)
        self._submit(tx)

    def adjust_to_clock(self, before_ms: int | None) -> None:
        """Note on every register how far event time was ahead of the wall clock as it is set now."""
        after_ms = self._clock.ahead_ms()
        if after_ms == before_ms:
            return
        for meter in self.installation.meters.values():
            meter.power_record.invalidate()
            if meter.register is not None:
                meter.register = rules.adjust_to_clock(meter.register, before_ms, after_ms)

    def _handle_reverse_energy(self, meter: Meter, returned_wh: int, at: int) -> None:
        before = meter.reverse_energy
        if before is not None and before.wh == returned_wh and before.flowed_at is None:
            return
        meter.reverse_energy = update_reverse_energy(before, returned_wh, at)
        if meter.reverse_energy.flowed_at is None and (before is None or before.flowed_at is None):
            return
        account = meter.supply.account
        alarming = meter.reverse_energy.flowed_at is not None and not meter.plan.returns_energy
        facts: AlertFacts = {"case": "reverse_energy", "returned_wh": returned_wh}
        key = AlertKey(AlertKind.TAMPER, account.id, meter.id, REVERSE_ENERGY_DETAIL)
        tx = Transaction(at)
        set_alert(self.installation, account, tx, key, facts if alarming else None)
        if tx.changeset:
            tx.save_supply(meter.supply)
            self._submit(tx)

    def _store_first_reading(self, meter: Meter, register: Register) -> None:
        """Store at once from where a meter is charged, so that a crash loses no energy."""
        meter.register = register
        tx = Transaction(register.at)
        tx.save_supply(meter.supply)
        self._submit(tx)

    def _advance(self, meter: Meter, register: Register, reading: RegisterReading, at: int) -> None:
        """Take a reading the full path: judge, allocate, post what closed, decide."""
        tx = Transaction(max(at, register.at))
        self.apply_reading(meter, tx, register, reading)
        self.evaluate(meter, tx)

    def apply_reading(
        self, meter: Meter, tx: Transaction, register: Register, reading: RegisterReading
    ) -> rules.RegisterStep:
        """Judge a reading and charge what it is believed; deciding what follows is left to the caller."""
        step = rules.advance(register, reading, meter.plan.rating_w)
        self.charge_step(meter, tx, step)
        self._record_counter_event(meter, tx, register, step)
        self._update_quarantine(meter, tx)
        if step.delta_wh > reading.resolution_wh and reports_open(meter, step.from_at):
            self.relays.raise_tamper(meter, tx)
        self.relays.clear_tamper(meter, tx)
        return step

    def _record_counter_event(
        self, meter: Meter, tx: Transaction, before: Register, step: rules.RegisterStep
    ) -> None:
        after = step.register
        if after.epoch == before.epoch and after.turned_wh == before.turned_wh:
            return
        reset = after.epoch != before.epoch
        data = {"from_wh": before.watermark_wh, "to_wh": after.watermark_wh, "charged_wh": step.delta_wh}
        record_event(
            self.installation,
            tx,
            EventKind.REGISTER_RESET if reset else EventKind.REGISTER_ROLLED_OVER,
            account_id=meter.supply.account.id,
            meter_id=meter.id,
            data=data | {"epoch": after.epoch},
        )
        tx.save_supply(meter.supply)

    def charge_step(self, meter: Meter, tx: Transaction, step: rules.RegisterStep) -> None:
        """Put a step's energy on its lines and post what closed."""
        supply, register = meter.supply, meter.register
        post_deferred(self.installation, supply.account, tx)
        if register is not None and _is_moved(register, step.register):
            book_charges(self.installation, supply, tx, close_segments(supply.rating, supply.timeline))
        if step.delta_wh:
            allocate(
                supply.rating,
                supply.timeline,
                meter.id,
                step.from_at,
                step.register.at,
                step.delta_wh,
                moved_in=supply.account.tenancy.replaced_at,
                timed=not (step.register.ahead_ms or (register is not None and register.ahead_ms)),
            )
        if register is not None and step.register.epoch != register.epoch:
            meter.earlier_wh += register.charged_wh
        meter.register = step.register
        if step.register.doubt is None:
            meter.absence = None
            if register is not None and (register.quarantined or step.register.epoch != register.epoch):
                meter.power_record.invalidate()
        if not has_closed_segments(supply.rating, tx.at):
            return
        if may_defer(supply, tx.at):
            self._postings.defer(supply, tx.at)
        else:
            charges = close_segments(supply.rating, supply.timeline, upto=tx.at)
            book_charges(self.installation, supply, tx, charges)

    def evaluate(self, meter: Meter, tx: Transaction) -> None:
        """Decide what follows for the account, store it, and put its meters on the fast path."""
        account = meter.supply.account
        evaluate_account(self._session, account, tx, EvaluationContext())
        self._dirty.add(meter.supply)
        self._submit(tx)
        fast_path.activate(account, tx.at)

    def _update_quarantine(self, meter: Meter, tx: Transaction) -> None:
        register = meter.register
        if register is None or register.quarantined == (meter.quarantine_id is not None):
            return
        if register.quarantined and register.doubt is not None:
            doubt = register.doubt
            meter.quarantine_id = f"quarantine-{self.installation.sequences.event + 1}"
            self._store_quarantine(meter, tx, register, doubt)
            facts = {
                "case": doubt.cause.value,
                "before_wh": register.watermark_wh,
                "after_wh": doubt.register_wh,
            }
            self._alert_quarantine(meter, tx, facts)
        else:
            self.end_quarantine(
                meter, tx, "explained", "bridge", "later readings agree with the register again"
            )

    def end_quarantine(self, meter: Meter, tx: Transaction, decision: str, actor: str, reason: str) -> None:
        """Close a meter's quarantine with who decided what."""
        end = {"closed_at": tx.at, "decision": decision, "actor": actor, "reason": reason}
        tx.changeset.add(
            ops.END_QUARANTINE, {"row_id": meter.quarantine_id} | {f"new_{k}": v for k, v in end.items()}
        )
        meter.quarantine_id = None
        tx.save_supply(meter.supply)
        self._alert_quarantine(meter, tx, None)

    def _store_quarantine(self, meter: Meter, tx: Transaction, register: Register, doubt: Doubt) -> None:
        row = dict.fromkeys(("closed_at", "decision", "actor", "reason"))
        opened = {"id": meter.quarantine_id, "meter_id": meter.id, "opened_at": tx.at, "cause": doubt.cause}
        registers = {"watermark_wh": register.watermark_wh, "register_wh": doubt.register_wh}
        tx.changeset.add(ops.INSERT_QUARANTINE, {**row, **opened, **registers})
        tx.save_supply(meter.supply)

    def _alert_quarantine(self, meter: Meter, tx: Transaction, facts: AlertFacts | None) -> None:
        account = meter.supply.account
        key = AlertKey(AlertKind.REGISTER_QUARANTINED, account.id, meter.id)
        set_alert(self.installation, account, tx, key, facts)

    def _update_limit_alarms(self, meter: Meter, report: Report, at: int) -> None:
        limits = meter.plan.limits
        moving = at - meter.proven_at < RELAY_SETTLING_MS
        dark = moving or RelayPosition.OPEN in (meter.relay.reported, meter.relay.requested)
        alarm = alert_rules.voltage_alarm(limits, report.voltage_mv, meter.voltage_alarm, relay_open=dark)
        overloaded = alert_rules.overloaded(limits, report.power_mw, present=meter.overloaded)
        if alarm is meter.voltage_alarm and overloaded == meter.overloaded:
            return
        meter.voltage_alarm, meter.overloaded = alarm, overloaded
        tx = Transaction(at)
        account = meter.supply.account
        facts = {"power_mw": meter.power_mw or 0, "voltage_mv": meter.voltage_mv or 0}
        tx.touch(account)
        for kind, wanted in (
            (AlertKind.OVER_VOLTAGE, alarm is AlertKind.OVER_VOLTAGE),
            (AlertKind.UNDER_VOLTAGE, alarm is AlertKind.UNDER_VOLTAGE),
            (AlertKind.POWER_OUTAGE, alarm is AlertKind.POWER_OUTAGE),
            (AlertKind.OVERLOAD, overloaded),
        ):
            key = AlertKey(kind, account.id, meter.id)
            set_alert(self.installation, account, tx, key, facts if wanted else None)
        self._submit(tx)

    def _update_protections(self, meter: Meter, report: Report, at: int, *, clock_sure: bool) -> None:
        """Show the protection timers a report that is not old; decide at once where one trips or resets."""
        account = meter.supply.account
        seen = (
            protections.UpdateResult()
            if report.stale or report.buffered
            else protections.update(meter, report, at)
        )
        tx = Transaction(at)
        if seen.alarm_began:
            self.relays.query(meter)
            tx.touch(account)
        if seen.changed:
            tx.save_account(account)
            evaluate_account(self._session, account, tx, EvaluationContext(clock_sure))
        self._submit(tx)

    def _handle_relay(self, meter: Meter, position: RelayPosition | None, report: Report, at: int) -> None:
        load = report.power_mw if report.address == meter.plan.energy_address else None
        gone = report.online is False
        if not gone and _is_repetition(meter.relay, position, load):
            return
        tx = Transaction(at)
        if gone:
            self.relays.note_absence(meter, tx)
        elif _is_back(meter, position, stale=report.stale):
            self.relays.resend(meter, tx)
        self.relays.apply_observation(meter, Observation(at, position, load, report.stale), tx)
        self._submit(tx)


def _note_absence(meter: Meter, at: int, *, online: bool, gone: bool) -> None:
    """Note for how long a device that tells its boots was away; only its next boot says what that was."""
    if gone and meter.gone_at is None:
        meter.gone_at = at
    elif online and meter.gone_at is not None:
        lasted_ms, meter.gone_at = at - meter.gone_at, None
        if meter.absence is not None:
            meter.absence.lasted_ms += lasted_ms
        elif meter.boot_id is not None:
            meter.absence = Absence(lasted_ms, at)
        if meter.fast_path is not None:
            meter.fast_path.flush()
            meter.fast_path = None


def _may_be_another_device(meter: Meter, register: Register | None, report: Report, at: int) -> bool:
    """Return whether a reading has to wait for its device to say which one it is, as after a start."""
    if report.reset_marker is not None or register is None or register.witness is None:
        return False
    if meter.unmarked_since is None or register.at > meter.unmarked_since:
        meter.unmarked_since = at
    return at - meter.unmarked_since < DEVICE_IS_TOLD_MS


def offline_key(meter: Meter) -> AlertKey:
    """Return the key of the alert of a meter that is silent."""
    return AlertKey(AlertKind.METER_OFFLINE, meter.supply.account.id, meter.id)


def _is_repetition(relay: Relay, position: RelayPosition | None, load: int | None) -> bool:
    """Return quickly whether a report only repeats what is known of a relay."""
    if position is not None and position is not relay.reported:
        return False
    if relay.requested is None:
        return True
    if relay.proof not in PROVEN or relay.attempts > 1:
        return False
    return relay.requested is RelayPosition.CLOSED or load is None or abs(load) <= NO_LOAD_MW


def _is_back(meter: Meter, position: RelayPosition | None, *, stale: bool) -> bool:
    """Return whether a relay on a device of its own is heard again, beside its meter."""
    heard = position is not None and not stale and meter.online is not False
    return heard and meter.relay.proof is RelayProof.NO_ANSWER


def _is_moved(before: Register, after: Register) -> bool:
    """Return whether the register continues elsewhere, so that what was used so far ends here."""
    return (before.epoch, before.skipped_wh) != (after.epoch, after.skipped_wh)


def _changes_nothing(meter: Meter, register: Register, reading: RegisterReading, at: int) -> bool:
    return (
        reading.wh == register.watermark_wh
        and register.doubt is None
        and reading.reset_marker in (None, register.witness)
        and reading.boot_id == register.boot
        and _nothing_open(meter)
        and not meter.supply.account.is_due(at, at - reading.ahead_ms)
    )


def _nothing_open(meter: Meter) -> bool:
    """Return whether all that was used is posted, or waits for its turn to be."""
    supply = meter.supply
    parts = supply.rating.open_segments.get(meter.id)
    return not parts or (
        supply.deferred_posting is not None and next_slot(parts[-1].start) <= supply.deferred_posting.at
    )


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
        item: Item | None = None
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
            session.invalidate(error, None if item is None else self._readings.account_of(item))
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
            session.counts.count_rejected(item.kind)
        elif isinstance(item, Unread):
            meter = session.installation.by_energy_address.get(item.address)
            if meter is not None:
                meter.unread = item
