"""Replacing a meter once per key: its old counter is closed and a new one opened, here or elsewhere."""

from dataclasses import astuple, dataclass, field
from typing import ClassVar, override

from meter_bridge.config.plan import InstallationPlan, MeterPlan
from meter_bridge.core.calendar import iso
from meter_bridge.core.register.register import (
    ImplausibleError,
    RegisterReading,
    RegisterStep,
    Replacement,
    replace_meter,
)
from meter_bridge.engine.ledger.journal import post_accruals
from meter_bridge.engine.metering.manual_readings import (
    ReportedReading,
    dated_too_early,
    parse_reading,
    parse_register_text,
    record_reading_event,
    require_sure_clock,
    save_reading,
)
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.operations.operation import Operation
from meter_bridge.engine.sites.apply import change_meter, present_plan
from meter_bridge.engine.sites.device_change import ReplacementOrder, plan_with_new_device
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, MeterView


@dataclass(frozen=True, slots=True)
class _CheckedReplacement:
    """A replacement that can be carried out."""

    closing: ReportedReading
    replacement: Replacement
    plan: MeterPlan


@dataclass(slots=True)
class ReplaceMeter(Operation[MeterView]):
    """A meter that was replaced."""

    readings: MeterReports
    meter_id: str
    order: ReplacementOrder
    applied: tuple[str, InstallationPlan] | None = field(default=None, init=False)
    """The site file that holds now."""
    checked: _CheckedReplacement | None = field(default=None, init=False)

    name: ClassVar[str] = "meter_replacement"
    answer: ClassVar[type] = MeterView
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        return [self.meter_id, *astuple(self.order)]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the site file that a new address is written into."""
        with session.reader.connect() as connection:
            self.applied = present_plan(connection, session.installation)

    @override
    def check(self, session: Session, account: Account) -> None:
        """Refuse what is no register, no instant, no address, or implausible."""
        require_sure_clock(session)
        closing = parse_reading(session, "closing", self.order.closing, self.order.at, session.clock.now())
        opening_wh, _ = parse_register_text("opening", self.order.opening)
        meter = self._meter(account)
        plan = plan_with_new_device(session.installation, meter, self.order)
        done = _replacement_of(meter, closing, opening_wh, confirmed=self.order.confirmed)
        self.checked = _CheckedReplacement(closing, done, plan)

    def _meter(self, account: Account) -> Meter:
        """Return the meter, which a site file may have taken away meanwhile."""
        found = next((meter for meter in account.meters if meter.id == self.meter_id), None)
        if found is None or self.applied is None:
            raise storage_unavailable()
        return found

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> tuple[int | None, MeterView]:
        """Close the old counter, open the new one, and decide what follows."""
        assert self.checked is not None
        assert self.applied is not None
        meter, closing, done = self._meter(account), self.checked.closing, self.checked.replacement
        self._change_counters(session, meter, tx, done)
        if self.checked.plan != meter.plan:
            change_meter(session, self.readings, tx, meter, self.checked.plan, self.applied)
        record_reading_event(
            session, meter, tx, EventKind.METER_REPLACED, self._event_data(meter, tx, closing, done)
        )
        save_reading(
            session,
            meter,
            tx,
            closing,
            EventKind.METER_REPLACED,
            opening_wh=done.new_register.start_wh,
            address=meter.plan.energy_address,
            confirmed=self.order.confirmed,
            reason=self.order.reason,
        )
        evaluate(session, account, tx)
        return None, meter_view(meter)

    def _change_counters(self, session: Session, meter: Meter, tx: Transaction, done: Replacement) -> None:
        """Charge the old counter to its end, post that, and begin the new one."""
        self.readings.charge_step(meter, tx, done.closing_step)
        post_accruals(session.installation, meter.supply.account, tx)
        self.readings.charge_step(meter, tx, RegisterStep(done.new_register))
        if meter.quarantine_id is not None:
            self.readings.end_quarantine(meter, tx, "replaced", tx.actor, self.order.reason)
        meter.reverse_energy = None
        self.readings.relays.resend(meter, tx)
        tx.save_supply(meter.supply)

    def _event_data(
        self, meter: Meter, tx: Transaction, closing: ReportedReading, done: Replacement
    ) -> dict[str, object]:
        """Return what is told of a replacement."""
        return {
            "at": iso(closing.at),
            "closing_wh": closing.wh,
            "opening_wh": done.new_register.start_wh,
            "charged_wh": done.closing_step.delta_wh,
            "epoch": done.new_register.epoch,
            "address": meter.plan.energy_address,
            "confirmed": self.order.confirmed,
            "by": tx.actor,
            "reason": self.order.reason,
        }


def _replacement_of(
    meter: Meter, reading: ReportedReading, opening_wh: int, *, confirmed: bool
) -> Replacement:
    """Return what a replacement does; raises ``RequestRefused`` where it cannot be."""
    before = meter.register
    if before is None:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{meter.id} has not been read yet: there is no old counter to close",
            remedy="let the new meter be read; it begins at its first reading",
        )
    if reading.at < before.since:
        raise dated_too_early(meter, before, "replacement")
    closing = RegisterReading(
        reading.wh,
        reading.at,
        reading.step_wh,
        modulus_wh=meter.plan.register_modulus_wh,
        ahead_ms=reading.ahead_ms,
    )
    try:
        return replace_meter(before, closing, opening_wh, meter.plan.rating_w, confirmed=confirmed)
    except ImplausibleError as error:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{meter.id}: {error}",
            field="closing",
            value=str(reading.wh),
            remedy="look at the old register again; if it is true, say so with 'confirmed'",
        ) from error
