"""The supply decision: a pure function of credit, policy, calendar, holds and protections, with its reason.

In this order: who is never cut (life support) is on, whatever else; a hold or a protection keeps off; a hold
keeps on; in credit mode nothing is cut; without credit the supply is cut, or limited to a small load; with
credit it is on. What is on may still use no more than its limit, where it has one.

Cut = exhausted and prepayment and outside friendly hours: at once (GB: the low-credit warnings are the
warning), or, after friendly hours, when their grace is over. Restore = automatic, or armed: the customer
confirms (GB SMETS2; Landis+Gyr E470 manual).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from meter_bridge.core.ledger.credit import CreditPolicy
from meter_bridge.core.supply.friendly_hours import FriendlyHours, FriendlyPeriod
from meter_bridge.core.supply.protection import ProtectionRule, Protections, Trip
from meter_bridge.protocol.vocabulary import HoldPosition, SupplyReason, SupplyState

MAX_HOLDS: Final = 20
"""Holds that may stand on one supply at once."""
MANUAL_HOLD_ID: Final = "switch"
"""Id of the hold that switching a supply off or on by hand places and replaces."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold with its reason."""

    id: str
    position: HoldPosition
    reason: str
    by: str
    since: int


def effective_hold(holds: Sequence[Hold]) -> Hold | None:
    """Return the hold that counts: the newest that keeps off, else the newest; holds stand oldest first."""
    off = [hold for hold in holds if hold.position is HoldPosition.OFF]
    return next(reversed(off or holds), None)


class PaymentMode(StrEnum):
    """Prepayment is cut at depletion; in credit mode the landlord bills later."""

    PREPAYMENT = "prepayment"
    CREDIT = "credit"


class RestoreMode(StrEnum):
    """Whether supply comes back by itself after a top-up or waits for the customer."""

    AUTOMATIC = "automatic"
    ARMED = "armed"


@dataclass(frozen=True, slots=True)
class LoadLimit:
    """What a supply may use: always, or without credit instead of being cut."""

    limit_mw: int
    rule: ProtectionRule
    """How long more is borne, and how soon and how often an hour it is connected again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Supply policy of an account; amounts in the account's currency."""

    payment_mode: PaymentMode = PaymentMode.PREPAYMENT
    restore: RestoreMode = RestoreMode.AUTOMATIC
    never_cut: bool = False
    """Life support and the like; nothing and nobody cuts it."""
    load_limit: LoadLimit | None = None
    """Limit the supply instead of cutting it."""
    power_limit: LoadLimit | None = None
    """Limit the supply always, whatever its credit."""
    minimum_to_restore: int | None = None
    """Credit must be above this before a cut supply comes back; None asks for any that is not exhausted."""
    low_credit: tuple[int, ...] = ()
    """Warning thresholds, highest first."""
    low_credit_hysteresis: int = 0
    """How far above a threshold credit must rise before its warning closes."""
    days_left: int = 0
    """Warn when the credit is foretold to last fewer days; 0 for no such warning."""
    friendly_hours: FriendlyHours = field(default_factory=FriendlyHours)
    """Non-disconnection calendar: credit does not cut inside."""
    building_meter: bool = False
    """Its meters measure the whole building, and with it all other units of the site."""
    contracted_w: int = 0
    """Power agreed for the supply (sanctioned load), for tariffs that charge it."""
    free_units: bool = False
    """The customer is eligible for the tariff's free units."""
    warning_ms: int = 3_600_000
    """How long before the cut at the end of friendly hours the customer is warned; 0 for not at all."""
    switchings_per_day: int | None = 12
    """How often credit may switch the contactor within a day; None for any number."""
    protections: Protections = field(default_factory=Protections)
    top_up_minimum: int = 1
    top_up_maximum: int | None = None
    credit: CreditPolicy = field(default_factory=CreditPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyInputs:
    """What the decision looks at."""

    present: SupplyState
    headroom: int
    """Credit that may still be used before the supply is cut; zero or less means exhausted."""
    available: int
    """Credit left; the minimum to restore is meant of it."""
    hold: HoldPosition | None = None
    tripped: bool = False
    """A protection has tripped."""
    load_trip: Trip | None = None
    """The load limit of a supply without credit has tripped."""
    power_trip: Trip | None = None
    """The limit that the supply always has was exceeded."""
    friendly_period: FriendlyPeriod | None = None
    """Friendly hours or their grace, where either is on."""
    switching_blocked_until: int | None = None
    """Until when a cut waits to spare the contactor."""
    clock_sure: bool = True
    confirmed: bool = False
    """The customer confirms an armed supply just now."""
    ran_out: bool = False
    """Credit ran out and the supply has been off since: the minimum to restore is for such."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A supply state with its reason."""

    state: SupplyState
    reason: SupplyReason
    cut_at: int | None = None
    """When the supply is cut or limited unless somebody pays, where that waits for an instant."""


def decide(policy: Policy, inputs: SupplyInputs) -> Decision:
    """Return the state the supply is to have."""
    if policy.never_cut:
        return Decision(SupplyState.CONNECTED, SupplyReason.NEVER_CUT)
    decision = _decide(policy, inputs)
    if inputs.power_trip is not None and decision.state is SupplyState.CONNECTED:
        return _exceeded(inputs.power_trip)
    return decision


def _exceeded(trip: Trip) -> Decision:
    """Disconnect for a while, or until the customer confirms."""
    state = SupplyState.DISCONNECTED if trip is Trip.RESETTING else SupplyState.ARMED
    return Decision(state, SupplyReason.LOAD_LIMIT_EXCEEDED)


def _decide(policy: Policy, inputs: SupplyInputs) -> Decision:
    if inputs.hold is HoldPosition.OFF:
        return Decision(SupplyState.DISCONNECTED, SupplyReason.LANDLORD_OFF)
    if inputs.tripped:
        return Decision(SupplyState.DISCONNECTED, SupplyReason.PROTECTION)
    if inputs.hold is HoldPosition.ON:
        return Decision(SupplyState.CONNECTED, SupplyReason.LANDLORD_ON)
    if policy.payment_mode is PaymentMode.CREDIT:
        return Decision(SupplyState.CONNECTED, SupplyReason.CREDIT_MODE)
    if inputs.headroom <= 0:
        return _exhausted(policy, inputs)
    if inputs.present is SupplyState.CONNECTED:
        return Decision(SupplyState.CONNECTED, SupplyReason.IN_CREDIT)
    return _restore(policy, inputs)


def _exhausted(policy: Policy, inputs: SupplyInputs) -> Decision:
    """Cut or limit, unless friendly hours or an unsure clock prevent it."""
    if inputs.present is SupplyState.CONNECTED:
        if not inputs.clock_sure:
            return Decision(SupplyState.CONNECTED, SupplyReason.CLOCK_UNSURE)
        if inputs.friendly_period is not None:
            reason = (
                SupplyReason.FRIENDLY_GRACE
                if inputs.friendly_period.in_grace
                else SupplyReason.FRIENDLY_HOURS
            )
            return Decision(SupplyState.CONNECTED, reason, inputs.friendly_period.until)
    if policy.load_limit is not None:
        return _limited(policy, inputs)
    if inputs.present is SupplyState.CONNECTED and inputs.switching_blocked_until is not None:
        return Decision(SupplyState.CONNECTED, SupplyReason.WEAR_LIMIT, inputs.switching_blocked_until)
    return Decision(SupplyState.DISCONNECTED, SupplyReason.CREDIT_EXHAUSTED)


def _limited(policy: Policy, inputs: SupplyInputs) -> Decision:
    """Limit instead of cutting; after too many trips wait until the customer has switched something off."""
    if inputs.load_trip is not None:
        return _exceeded(inputs.load_trip)
    if inputs.present is not SupplyState.CONNECTED and _awaits_customer(policy, inputs):
        return Decision(SupplyState.ARMED, SupplyReason.AWAITING_CONFIRMATION)
    return Decision(SupplyState.CONNECTED, SupplyReason.LOAD_LIMITED)


def _restore(policy: Policy, inputs: SupplyInputs) -> Decision:
    enough = may_restore(policy, inputs.headroom, inputs.available)
    if inputs.present is SupplyState.DISCONNECTED and inputs.ran_out and not enough:
        return Decision(SupplyState.DISCONNECTED, SupplyReason.BELOW_RESTORE_MINIMUM)
    if _awaits_customer(policy, inputs):
        return Decision(SupplyState.ARMED, SupplyReason.AWAITING_CONFIRMATION)
    return Decision(SupplyState.CONNECTED, SupplyReason.IN_CREDIT)


def _awaits_customer(policy: Policy, inputs: SupplyInputs) -> bool:
    return policy.restore is RestoreMode.ARMED and not inputs.confirmed


def has_run_out(policy: Policy, inputs: SupplyInputs, decision: Decision) -> bool:
    """Say whether, after a decision, credit has run out and the supply has been off since."""
    off = decision.state is not SupplyState.CONNECTED
    return off and (inputs.ran_out or (inputs.headroom <= 0 and policy.load_limit is None))


def switches_for_credit(inputs: SupplyInputs, decision: Decision) -> bool:
    """Return whether a decision switches the contactor because credit ended or is there again."""
    if inputs.present is SupplyState.CONNECTED:
        return decision.reason is SupplyReason.CREDIT_EXHAUSTED
    return inputs.ran_out and decision.reason is SupplyReason.IN_CREDIT


def may_restore(policy: Policy, headroom: int, available: int) -> bool:
    """Return whether there is credit enough to restore a supply that was cut."""
    minimum = policy.minimum_to_restore
    return headroom > 0 and (minimum is None or available > minimum)


def low_credit_levels_passed(policy: Policy, available: int, present: int) -> int:
    """Return how many low-credit thresholds are passed, with hysteresis on the way up.

    ``present`` is the level so far. A threshold counts as soon as credit is at or below it, and stops
    counting only when credit is above it by the hysteresis.
    """
    passed = sum(1 for threshold in policy.low_credit if available <= threshold)
    if passed >= present:
        return passed
    held = sum(1 for threshold in policy.low_credit if available <= threshold + policy.low_credit_hysteresis)
    return max(passed, min(held, present))
