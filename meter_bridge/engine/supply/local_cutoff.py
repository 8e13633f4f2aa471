"""Local cut-offs: which register value each device is to cut at, written, read back and kept up.

A device that is to cut by itself gets its value from ``core.cutoff``. What it is to hold is on disk before
anything is sent, by the device and not by the meter: so a value is taken out again wherever a meter went, and
whatever became of its unit. The device is asked before it is written to, and what it holds counts only as it
says it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from meter_bridge.core.calendar import DAY_MS
from meter_bridge.core.ledger.credit import headroom
from meter_bridge.core.supply import local_cutoff as rules, relay as relay_rules
from meter_bridge.core.supply.alerts import (
    AlertFacts,
    AlertKey,
    Fact,
)
from meter_bridge.core.supply.decision import PaymentMode, Policy
from meter_bridge.core.supply.friendly_hours import longest_friendly_period
from meter_bridge.core.supply.local_cutoff import (
    VALID_DAYS,
    CutOffBasis,
    SlotState,
    WithoutBridge,
)
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.devices.addresses import unsupported_reason
from meter_bridge.devices.base.driver import ReportedCutOff
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.state.model import Account, CutOffSlot, DeviceCutOff, Meter, Supply
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.state.transport import Transport
from meter_bridge.protocol.vocabulary import AlertKind, HoldPosition, RelayPosition, SupplyReason
from meter_bridge.storage import changeset as ops

REFRESH_MS: Final = 60_000
"""How often a value is worked out anew; a change of balance, hold or register does it at once."""
REFRESHES_PER_TICK: Final = 200
"""How many of them are worked out before messages get their turn again."""
UNCONFIRMED_ALERT_MS: Final = 600_000
"""How long a device may leave a value unconfirmed before people hear of it."""
OPENING_ATTRIBUTED_MS: Final = 60_000
"""How long after it took a higher value a device's opening may still be due to the lower one."""
MAX_CLOSING_WAIT_MS: Final = 5_000
"""How long a relay waits to close until its device has confirmed a value that lets it stay closed."""
SLOTS: Final = (1, 2, 3)
"""Where a device may keep a value: its rule sets."""
NO_VALUE: Final = "no_value"
NOT_WITHDRAWN: Final = "not_withdrawn"
PROBLEMS: Final = (NO_VALUE, SlotState.FOREIGN.value, SlotState.UNABLE.value, "unconfirmed", NOT_WITHDRAWN)


@dataclass(slots=True, eq=False)
class _CutOffMeter:
    """A meter whose device is to cut by itself, with when its value was worked out last, and from what."""

    place: CutOffSlot
    meter: Meter
    at: int = 0
    basis: tuple[object, ...] | None = None


class CutOffs:
    """Every local cut-off of the installation."""

    def __init__(
        self, session: Session, transport: Transport, reassert: Callable[[Meter, Transaction], None]
    ) -> None:
        self._session = session
        self._transport = transport
        self._now = session.clock.now
        self._submit = session.submit
        self._reassert = reassert
        self.attach()

    def attach(self) -> None:
        """Begin with the session's present state."""
        self._installation = self._session.installation
        self._cut_off_meters: dict[CutOffSlot, _CutOffMeter] = {}
        self._waiting_to_close: dict[str, int] = {}
        """Since when a relay waits to close."""
        self.meters_changed()

    def meters_changed(self) -> None:
        """Take the meters as they are in use now: which are to cut by themselves, and which no longer."""
        cutting = [meter for meter in self._installation.meters.values() if _cuts_locally(meter)]
        self._cut_off_meters = {slot_of(meter): _CutOffMeter(slot_of(meter), meter) for meter in cutting}
        for meter in self._installation.meters.values():
            meter.cut_offs = []
        for kept in self._installation.cut_offs.values():
            kept.meter = self._installation.by_energy_address.get(kept.slot.address)
            kept.unassigned = kept.slot not in self._cut_off_meters
            if kept.meter is not None:
                kept.meter.cut_offs.append(kept)

    def tick(self) -> None:
        """Work out what is due, send what is due, and see what devices did by themselves."""
        now, looks = self._now(), REFRESHES_PER_TICK
        for watched in self._cut_off_meters.values():
            looks -= self._refresh_if_due(watched, now, by_time=looks > 0)
        for kept in list(self._installation.cut_offs.values()):
            if kept.unassigned:
                self._set_target(kept, None, now)
                if kept.meter is not None and slot_of(kept.meter) not in self._cut_off_meters:
                    self._update_alert(kept.meter, kept, None, now)
            self._send_if_due(kept, now)
            self._check_opening(kept, now)

    def _refresh_if_due(self, cut_off_meter: _CutOffMeter, now: int, *, by_time: bool) -> bool:
        """Work a value out again where something it rests on changed, or some time passed; return whether."""
        account, register = cut_off_meter.meter.supply.account, cut_off_meter.meter.register
        counter = None if register is None else (register.epoch, register.doubt)
        credit = (account.balance, account.emergency_used, account.emergency_selected)
        basis = (*credit, account.last_top_up, account.hold, account.reason, counter)
        same = cut_off_meter.basis is None or basis == cut_off_meter.basis
        if same and not (by_time and now - cut_off_meter.at >= REFRESH_MS):
            return False
        cut_off_meter.at, cut_off_meter.basis = now, basis
        self._refresh(cut_off_meter.place, cut_off_meter.meter, now)
        return True

    def _refresh(self, slot: CutOffSlot, meter: Meter, now: int) -> None:
        device = self._installation.cut_offs.get(slot)
        limit = limit_wh(meter, now)
        if device is None and limit is not None:
            device = DeviceCutOff(slot, meter.plan.relay_address or "", meter=meter)
            self._installation.cut_offs[slot] = device
            meter.cut_offs.append(device)
        if device is not None:
            if device.relay_address != meter.plan.relay_address:
                device.relay_address = meter.plan.relay_address or ""
                device.state = rules.set_target(device.state, None, now)
            self._set_target(device, limit, now)
        self._update_alert(meter, device, limit, now)

    def _set_target(self, device: DeviceCutOff, limit: int | None, now: int) -> None:
        """Keep what a device is to hold; it is on disk before anything is sent."""
        before = device.state
        device.state = rules.set_target(before, limit, now)
        if device.state is not before:
            held = rules.reported_cut_off_wh(before)
            if held is not None and device.may_open_from_wh is None:
                device.may_open_from_wh = held
            device.unconfirmed_since = device.unconfirmed_since or now
            wanted, now_wanted = before.target_wh, device.state.target_wh
            lowered = wanted is not None and now_wanted is not None and now_wanted < wanted
            device.stored = device.stored and lowered
            self._store(device, now)

    def _store(self, device: DeviceCutOff, now: int) -> None:
        tx = Transaction(now)
        cut_off = device.state
        tx.changeset.add(
            ops.UPSERT_CUT_OFF,
            {
                "address": device.slot.address,
                "slot": device.slot.number,
                "relay_address": device.relay_address,
                "wanted_wh": cut_off.target_wh,
                "held": cut_off.slot_state,
                "held_wh": cut_off.reported_wh,
                "held_at": cut_off.reported_at,
                "written_at": cut_off.written_at,
            },
        )
        tx.after_commit(lambda: device.mark_stored(cut_off))
        self._submit(tx)

    def _send_if_due(self, device: DeviceCutOff, now: int) -> None:
        if now < device.state.due_at or not device.stored:
            return
        step = rules.next_request(device.state, now)
        if step is None:
            return
        limit = device.state.target_wh
        if self._transport.cut_off(device.slot, step, device.relay_address, limit):
            device.state = rules.after_request(device.state, step, now)

    def handle(self, report: ReportedCutOff, at: int) -> None:
        """Take what a device says of its slot."""
        device = self._installation.cut_offs.get(CutOffSlot(report.address, report.slot))
        if device is None:
            return
        held = report.held
        if held is SlotState.ARMED and report.relay_address != device.relay_address:
            held = SlotState.UNARMED
        before = device.state
        device.state, device.answered = rules.observe(before, held, report.limit_wh, at), True
        device.unconfirmed_since = 0 if rules.is_confirmed(device.state) else device.unconfirmed_since or at
        if (before.slot_state, before.reported_wh) != (held, report.limit_wh):
            self._store(device, at)
        if not device.unassigned and device.meter is not None:
            self._update_alert(device.meter, device, device.state.target_wh, at)
        elif rules.is_confirmed(device.state):
            self._remove(device, at)
        self._send_if_due(device, at)

    def _remove(self, device: DeviceCutOff, at: int) -> None:
        """Stop tracking a device with no cut-off set and none wanted."""
        del self._installation.cut_offs[device.slot]
        if device.meter is not None:
            device.meter.cut_offs.remove(device)
            self._update_alert(device.meter, None, 0, at)

    def recheck(self, meter: Meter) -> None:
        """Ask a device that was away or restarted what it still holds."""
        for slot in SLOTS:
            device = self._installation.cut_offs.get(CutOffSlot(meter.plan.energy_address, slot))
            if device is not None:
                device.state = rules.ask_again(device.state, self._now())

    def resume(self) -> None:
        """Pursue at once what waits for an answer, as after a reconnection."""
        for kept in self._installation.cut_offs.values():
            if not rules.is_confirmed(kept.state):
                kept.state = rules.ask_again(kept.state, self._now())

    def may_close(self, meter: Meter) -> bool:
        """Return whether a relay may be told to close, or first its device a value that leaves it closed."""
        device = self._installation.cut_offs.get(slot_of(meter))
        if device is None or not rules.has_reached(device.state, max_register_wh(meter)):
            self._waiting_to_close.pop(meter.id, None)
            return True
        now = self._now()
        if meter.id not in self._waiting_to_close:
            self._waiting_to_close[meter.id] = now
            self._refresh_if_cutting(device, meter, now)
        if rules.is_confirmed(device.state) or now - self._waiting_to_close[meter.id] >= MAX_CLOSING_WAIT_MS:
            del self._waiting_to_close[meter.id]
            return True
        return False

    def _refresh_if_cutting(self, device: DeviceCutOff, meter: Meter, now: int) -> None:
        """Work a value out again and tell the device at once, however long it was silent."""
        if not device.unassigned:
            self._refresh(device.slot, meter, now)
        if not rules.is_confirmed(device.state):
            device.state = rules.ask_again(device.state, now)
            self._send_if_due(device, now)

    def _check_opening(self, device: DeviceCutOff, now: int) -> None:
        """Command a relay again that its device opened where the decision is that it be closed."""
        if device.meter is None or device.meter.relay.requested is not RelayPosition.CLOSED:
            return
        meter, relay = device.meter, device.meter.relay
        if relay.reported is not RelayPosition.OPEN:
            if rules.is_confirmed(device.state) and now - device.state.reported_at > OPENING_ATTRIBUTED_MS:
                device.may_open_from_wh = None
            return
        limits = [
            limit
            for limit in (device.may_open_from_wh, rules.reported_cut_off_wh(device.state))
            if limit is not None
        ]
        if relay.proof in relay_rules.PROVEN and limits and max_register_wh(meter) >= min(limits):
            device.may_open_from_wh = None
            tx = Transaction(now)
            self._reassert(meter, tx)
            self._submit(tx)

    def _update_alert(self, meter: Meter, device: DeviceCutOff | None, limit: int | None, now: int) -> None:
        problem = _problem(meter, device, limit, now)
        account = meter.supply.account
        tx = Transaction(now)
        for code in PROBLEMS:
            key = AlertKey(AlertKind.LOCAL_CUT_OFF, account.id, meter.id, code)
            facts = _facts(meter, device, code) if code == problem else None
            set_alert(self._installation, account, tx, key, facts)
        self._submit(tx)


def slot_of(meter: Meter) -> CutOffSlot:
    """Return where a meter's device keeps its cut-off."""
    return CutOffSlot(meter.plan.energy_address, meter.plan.rule_slot)


def _cuts_locally(meter: Meter) -> bool:
    plan = meter.plan
    wanted = plan.without_bridge is WithoutBridge.LOCAL_CUT_OFF
    return wanted and unsupported_reason(plan.energy_address, plan.relay_address) is None


def is_never_cut(account: Account) -> bool:
    """Return whether credit never cuts an account now, so that no device may either."""
    policy = account.policy
    spared = policy.never_cut or policy.load_limit is not None or policy.payment_mode is PaymentMode.CREDIT
    return spared or account.hold is HoldPosition.ON


def meters_to_withdraw(account: Account) -> tuple[str, ...]:
    """Return the meters whose device may still cut an account that credit is never to cut.

    Such an account is protected only once every device said that it holds nothing of ours any more.
    """
    policy = account.policy
    if not policy.never_cut and policy.payment_mode is not PaymentMode.CREDIT:
        return ()
    return tuple(meter.id for meter in account.meters if not all(map(_is_withdrawn, meter.cut_offs)))


def _is_withdrawn(device: DeviceCutOff) -> bool:
    return device.state.target_wh is None and rules.is_confirmed(device.state)


def is_spared(account: Account) -> bool:
    """Return whether a device must not cut now, because the bridge itself would not without credit."""
    return is_never_cut(account) or account.reason in (SupplyReason.WEAR_LIMIT, SupplyReason.CLOCK_UNSURE)


def max_register_wh(meter: Meter) -> int:
    """Return where a meter's register stands at most, doubted readings included."""
    register = meter.register
    if register is None:
        return 0
    doubt = register.doubt
    return max(register.watermark_wh, 0 if doubt is None else doubt.register_wh)


def limit_wh(meter: Meter, now: int) -> int | None:
    """Return the register value at which a meter's device is to cut, or None where it is to at none."""
    account, supply = meter.supply.account, meter.supply
    if is_spared(account) or meter.register is None:
        return None
    return rules.cut_off_wh(
        CutOffBasis(
            max_register_wh(meter),
            supply.rating.units + free_wh(supply, now),
            spendable_credit(account),
            rules.price_range(tariff_versions(supply, now))[0],
            meter.plan.rating_w,
            longest_friendly_ms(account.policy, account.site.time_zone, now // DAY_MS * DAY_MS),
        )
    )


def spendable_credit(account: Account) -> int:
    """Return what may still be used before the bridge cuts: credit and the emergency credit selected."""
    return headroom(account.policy.credit, credit_now(account))


def tariff_versions(supply: Supply, now: int) -> list[TariffVersion]:
    """Return the tariff versions in force while a value worked out now is to hold."""
    until = now + VALID_DAYS * DAY_MS
    coming = [version for version in supply.timeline.versions if now < version.valid_from < until]
    return [supply.timeline.at(now), *coming]


def free_wh(supply: Supply, now: int) -> int:
    """Return the free units of the billing periods in which a value worked out now is to hold."""
    if not supply.rating.terms.free_units:
        return 0
    return sum(
        version.free_wh * len({version.period(now + day * DAY_MS) for day in range(VALID_DAYS + 1)})
        for version in tariff_versions(supply, now)
    )


@lru_cache(maxsize=512)
def longest_friendly_ms(policy: Policy, time_zone: str, start: int) -> int | None:
    """Return the longest stretch in the days from an instant on in which credit cuts nothing, in ms."""
    return longest_friendly_period(policy.friendly_hours, start, start + (VALID_DAYS + 1) * DAY_MS, time_zone)


def _problem(meter: Meter, device: DeviceCutOff | None, limit: int | None, now: int) -> str | None:
    if device is None or (limit is None and rules.is_confirmed(device.state)):
        free = limit is None and meter.register is not None and not is_spared(meter.supply.account)
        return NO_VALUE if free else None
    if device.state.target_wh is not None and device.state.slot_state in (
        SlotState.FOREIGN,
        SlotState.UNABLE,
    ):
        return device.state.slot_state.value
    if meter.id in meters_to_withdraw(meter.supply.account):
        return NOT_WITHDRAWN  # at once: until it is withdrawn, somebody who must not be cut may be
    if device.unconfirmed_since and now - device.unconfirmed_since >= UNCONFIRMED_ALERT_MS:
        return NOT_WITHDRAWN if device.state.target_wh is None else "unconfirmed"
    return None


def _facts(meter: Meter, device: DeviceCutOff | None, code: str) -> AlertFacts:
    facts: dict[str, Fact] = {"case": code, "slot": meter.plan.rule_slot}
    if code == NOT_WITHDRAWN and device is not None and device.state.reported_wh is not None:
        facts |= {"case": "not_withdrawn_at", "held_wh": device.state.reported_wh}
    return facts
