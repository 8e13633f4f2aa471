"""Replacing a meter once per key: its old counter is closed and a new one opened, here or elsewhere."""

from dataclasses import astuple, dataclass, field
from typing import ClassVar, override

from meter_bridge.config.plan import InstallationPlan, MeterPlan
from meter_bridge.core.calendar import iso
from meter_bridge.core.register.register import Advance, RegisterReading
from meter_bridge.core.register.replacement import ImplausibleError, Replacement, replaced
from meter_bridge.engine.accounts.view import meter_view
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.ledger.fixed_charges import settle_all
from meter_bridge.engine.metering.manual_reading import (
    Told,
    check_clock,
    keep,
    read_register,
    read_told,
    tell,
    too_early,
)
from meter_bridge.engine.operations.operation import Operation, storage_unavailable
from meter_bridge.engine.restore import present_plan
from meter_bridge.engine.sites.apply import change_meter
from meter_bridge.engine.sites.device_change import ReplacementOrder, new_plan
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, MeterView


@dataclass(frozen=True, slots=True)
class _Checked:
    """A replacement that can be carried out."""

    closing: Told
    done: Replacement
    plan: MeterPlan


@dataclass(slots=True)
class ReplaceMeter(Operation[MeterView]):
    """A meter that was replaced."""

    meter_id: str
    order: ReplacementOrder
    applied: tuple[str, InstallationPlan] | None = field(default=None, init=False)
    """The site file that holds now."""
    checked: _Checked | None = field(default=None, init=False)

    name: ClassVar[str] = "meter_replacement"
    answer: ClassVar[type] = MeterView
    alone: ClassVar[bool] = True

    @override
    def content(self) -> list[object]:
        return [self.meter_id, *astuple(self.order)]

    @override
    def look_up(self, engine: Engine, account_id: str) -> None:
        """Read the site file that a new address is written into."""
        with engine.reader.connect() as connection:
            self.applied = present_plan(connection, engine.installation)

    @override
    def check(self, engine: Engine, account: Account) -> None:
        """Refuse what is no register, no instant, no address, or implausible."""
        check_clock(engine)
        closing = read_told(engine, "closing", self.order.closing, self.order.at, engine.clock.now())
        opening_wh, _ = read_register("opening", self.order.opening)
        meter = self._meter(account)
        plan = new_plan(engine.installation, meter, self.order)
        done = _replaced(meter, closing, opening_wh, confirmed=self.order.confirmed)
        self.checked = _Checked(closing, done, plan)

    def _meter(self, account: Account) -> Meter:
        """Return the meter, which a site file may have taken away meanwhile."""
        found = next((meter for meter in account.meters if meter.id == self.meter_id), None)
        if found is None or self.applied is None:
            raise storage_unavailable()
        return found

    @override
    def carry_out(self, engine: Engine, account: Account, unit: Transaction) -> tuple[int | None, MeterView]:
        """Close the old counter, open the new one, and decide what follows."""
        assert self.checked is not None
        assert self.applied is not None
        meter, closing, done = self._meter(account), self.checked.closing, self.checked.done
        self._change_counters(engine, meter, unit, done)
        if self.checked.plan != meter.plan:
            change_meter(engine, unit, meter, self.checked.plan, self.applied)
        tell(engine, meter, unit, EventKind.METER_REPLACED, self._what_happened(meter, unit, closing, done))
        keep(
            engine,
            meter,
            unit,
            closing,
            EventKind.METER_REPLACED,
            opening_wh=done.opened.start_wh,
            address=meter.plan.energy_address,
            confirmed=self.order.confirmed,
            reason=self.order.reason,
        )
        engine.evaluate(account, unit)
        return None, meter_view(meter)

    def _change_counters(self, engine: Engine, meter: Meter, unit: Transaction, done: Replacement) -> None:
        """Charge the old counter to its end, post that, and begin the new one."""
        engine.metering.charge(meter, unit, done.closed)
        settle_all(engine.installation, meter.supply.account, unit)
        engine.metering.charge(meter, unit, Advance(done.opened))
        if meter.quarantine_id is not None:
            engine.metering.end_quarantine(meter, unit, "replaced", unit.actor, self.order.reason)
        meter.returned = None
        engine.relays.told_again(meter, unit)
        unit.keep(meter.supply)

    def _what_happened(
        self, meter: Meter, unit: Transaction, closing: Told, done: Replacement
    ) -> dict[str, object]:
        """Return what is told of a replacement."""
        return {
            "at": iso(closing.at),
            "closing_wh": closing.wh,
            "opening_wh": done.opened.start_wh,
            "charged_wh": done.closed.delta_wh,
            "epoch": done.opened.epoch,
            "address": meter.plan.energy_address,
            "confirmed": self.order.confirmed,
            "by": unit.actor,
            "reason": self.order.reason,
        }


def _replaced(meter: Meter, told: Told, opening_wh: int, *, confirmed: bool) -> Replacement:
    """Return what a replacement does; raises ``RequestRefused`` where it cannot be."""
    before = meter.register
    if before is None:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{meter.id} has not been read yet: there is no old counter to close",
            remedy="let the new meter be read; it begins at its first reading",
        )
    if told.at < before.since:
        raise too_early(meter, before, "replacement")
    closing = RegisterReading(
        told.wh,
        told.at,
        told.step_wh,
        modulus_wh=meter.plan.register_modulus_wh,
        ahead_ms=told.ahead_ms,
    )
    try:
        return replaced(before, closing, opening_wh, meter.plan.rating_w, confirmed=confirmed)
    except ImplausibleError as error:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            f"{meter.id}: {error}",
            field="closing",
            value=str(told.wh),
            remedy="look at the old register again; if it is true, say so with 'confirmed'",
        ) from error
