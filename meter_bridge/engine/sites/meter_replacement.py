"""Replacing a meter once per key: its old counter is closed and a new one opened, here or elsewhere."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, override

from msgspec.structs import astuple

from meter_bridge.config.plan import InstallationPlan, MeterPlan
from meter_bridge.core.calendar import iso
from meter_bridge.core.register.register import (
    ImplausibleError,
    RegisterReading,
    RegisterStep,
    Replacement,
    replace_meter,
)
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.devices.addresses import (
    AddressError,
    address_mistake,
    has_relay,
    parse_address,
    unsupported_reason,
)
from meter_bridge.devices.family import FamilySettings
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
from meter_bridge.engine.state.model import Account, Installation, Meter
from meter_bridge.engine.state.session import Session, storage_unavailable
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, MeterView
from meter_bridge.protocol.requests import ReplacementRequest


@dataclass(frozen=True, slots=True)
class _CheckedReplacement:
    closing: ReportedReading
    replacement: Replacement
    plan: MeterPlan


@dataclass(slots=True)
class ReplaceMeter(Operation[MeterView]):
    """A meter that was replaced."""

    readings: MeterReports
    meter_id: str
    request: ReplacementRequest
    applied: tuple[str, InstallationPlan] | None = field(init=False)
    """The site file that holds now."""
    checked: _CheckedReplacement = field(init=False)

    name: ClassVar[str] = "meter_replacement"
    answer: ClassVar[type] = MeterView
    exclusive: ClassVar[bool] = True

    @override
    def fingerprint(self) -> list[object]:
        return [self.meter_id, *astuple(self.request)]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Read the site file that a new address is written into."""
        with session.reader.connect() as connection:
            self.applied = present_plan(connection, session.installation)

    @override
    def check(self, session: Session, account: Account) -> None:
        """Refuse an unreadable register, instant or address, and an implausible reading."""
        require_sure_clock(session)
        closing = parse_reading(
            session, "closing", self.request.closing, self.request.at, session.clock.now()
        )
        opening_wh, _ = parse_register_text("opening", self.request.opening)
        meter = self._meter(account)
        plan = plan_with_new_device(session.installation, meter, self.request)
        done = _replacement_of(meter, closing, opening_wh, confirmed=self.request.confirmed)
        self.checked = _CheckedReplacement(closing, done, plan)

    def _meter(self, account: Account) -> Meter:
        meter = next((meter for meter in account.meters if meter.id == self.meter_id), None)
        if meter is None or self.applied is None:
            raise storage_unavailable()
        return meter

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> tuple[int | None, MeterView]:
        """Close the old counter, open the new one, and decide what follows."""
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
            confirmed=self.request.confirmed,
            reason=self.request.reason,
        )
        evaluate(session, account, tx)
        return None, meter_view(meter)

    def _change_counters(self, session: Session, meter: Meter, tx: Transaction, done: Replacement) -> None:
        """Charge the old counter to its end, post that, and begin the new one."""
        self.readings.charge_step(meter, tx, done.closing_step)
        post_accruals(session.installation, meter.supply.account, tx)
        self.readings.charge_step(meter, tx, RegisterStep(done.new_register))
        if meter.quarantine_id is not None:
            self.readings.end_quarantine(meter, tx, "replaced", tx.actor, self.request.reason)
        meter.reverse_energy = None
        self.readings.relays.resend(meter, tx)
        tx.save_supply(meter.supply)

    def _event_data(
        self, meter: Meter, tx: Transaction, closing: ReportedReading, done: Replacement
    ) -> dict[str, object]:
        return {
            "at": iso(closing.at),
            "closing_wh": closing.wh,
            "opening_wh": done.new_register.start_wh,
            "charged_wh": done.closing_step.delta_wh,
            "epoch": done.new_register.epoch,
            "address": meter.plan.energy_address,
            "confirmed": self.request.confirmed,
            "by": tx.actor,
            "reason": self.request.reason,
        }


def _replacement_of(
    meter: Meter, reading: ReportedReading, opening_wh: int, *, confirmed: bool
) -> Replacement:
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


def plan_with_new_device(installation: Installation, meter: Meter, request: ReplacementRequest) -> MeterPlan:
    """Return the plan of a meter whose device is replaced.

    Raises ``RequestRefused`` for addresses not to be had.
    """
    for name, text in (("address", request.address), ("relay", request.relay)):
        _check_address(name, text)
    address = request.address or meter.plan.energy_address
    follows = meter.plan.relay_address == meter.plan.energy_address
    relay = request.relay or (address if follows else meter.plan.relay_address)
    plan = replace(meter.plan, energy_address=address, relay_address=relay)
    if plan != meter.plan:
        _check_device(meter, plan, installation.families)
        _check_claims(installation, meter, plan)
    return plan


def _check_address(field: str, text: str | None) -> None:
    try:
        if text is not None:
            parse_address(text)
    except AddressError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field=field,
            value=text,
            remedy="take an address that 'meter-bridge meters' lists, or see docs/meters.md",
        ) from error


def _check_device(meter: Meter, plan: MeterPlan, families: FamilySettings) -> None:
    if plan.host is not None:
        raise RequestRefused(
            ErrorCode.NOT_SUPPORTED,
            f"{meter.id} is spoken to at {plan.host} without a broker; the site file changes its address",
            field="address",
            remedy="leave the address out here, then change address and host in the site file and apply it",
        )
    addresses = (("address", plan.energy_address), ("relay", plan.relay_address))
    for part, address in addresses:
        mistake = None if address is None else address_mistake(address, families)
        if mistake is not None:
            message, remedy = mistake
            raise RequestRefused(ErrorCode.BAD_REQUEST, message, field=part, value=address, remedy=remedy)
    reason = unsupported_reason(plan.energy_address, plan.relay_address)
    if plan.without_bridge is WithoutBridge.LOCAL_CUT_OFF and reason is not None:
        raise RequestRefused(
            ErrorCode.NOT_SUPPORTED,
            f"{reason} ({plan.energy_address}), but {meter.id} is to cut by itself without the bridge",
            field="address",
            remedy="write without the bridge: hold for it in the site file and apply it first",
        )
    if plan.relay_address == plan.energy_address and not has_relay(plan.energy_address, families):
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{plan.energy_address!r} only measures",
            field="relay",
            remedy="name the address of the relay that switches it",
        )


def _check_claims(installation: Installation, meter: Meter, plan: MeterPlan) -> None:
    """Refuse a register that another meter charges, and a relay that switches another account."""
    reader = installation.by_energy_address.get(plan.energy_address, meter)
    if reader is not meter:
        raise _address_taken("address", plan.energy_address, reader)
    for other in installation.by_relay_address.get(plan.relay_address or "", []):
        if other.supply.account is not meter.supply.account:
            raise _address_taken("relay", plan.relay_address, other)


def _address_taken(field: str, address: str | None, owner: Meter) -> RequestRefused:
    return RequestRefused(
        ErrorCode.CONFLICT,
        f"{address} serves {owner.id} already",
        field=field,
        value=address,
        remedy="take it from that meter in the site file first",
    )
