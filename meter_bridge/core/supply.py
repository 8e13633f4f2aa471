"""The supply decision: a pure function of credit, policy, calendar and holds, with its reason.

Cut = exhausted and prepayment and outside friendly hours and not protected. Restore = automatic, or armed:
the customer confirms (GB SMETS2; Landis+Gyr E470 manual).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from meter_bridge.core.credit import CreditPolicy
from meter_bridge.core.friendly import FriendlyHours, Respite


class SupplyState(StrEnum):
    """State of a supply; armed may be reconnected by the customer."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ARMED = "armed"


class Reason(StrEnum):
    """Why a supply is in its state."""

    IN_CREDIT = "in_credit"
    CREDIT_EXHAUSTED = "credit_exhausted"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    BELOW_RESTORE_MINIMUM = "below_restore_minimum"
    FRIENDLY_HOURS = "friendly_hours"
    FRIENDLY_GRACE = "friendly_grace"
    NEVER_CUT = "never_cut"
    CREDIT_MODE = "credit_mode"
    LANDLORD_OFF = "landlord_off"
    LANDLORD_ON = "landlord_on"
    CLOCK_UNSURE = "clock_unsure"


class PaymentMode(StrEnum):
    """Prepayment is cut at depletion; in credit mode the landlord bills later."""

    PREPAYMENT = "prepayment"
    CREDIT = "credit"


class RestoreMode(StrEnum):
    """Whether supply comes back by itself after a top-up or waits for the customer."""

    AUTOMATIC = "automatic"
    ARMED = "armed"


class Hold(StrEnum):
    """What the landlord keeps a supply at, whatever the credit."""

    OFF = "off"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Policy:
    """Supply policy of an account; amounts in the account's currency."""

    payment_mode: PaymentMode = PaymentMode.PREPAYMENT
    restore: RestoreMode = RestoreMode.AUTOMATIC
    never_cut: bool = False
    """Life support and the like; credit never cuts it."""
    minimum_to_restore: int = 0
    """Credit must be above this before a cut supply comes back; zero asks for any at all."""
    low_credit: tuple[int, ...] = ()
    """Warning thresholds, highest first."""
    low_credit_hysteresis: int = 0
    """How far above a threshold credit must rise before its warning closes."""
    friendly_hours: FriendlyHours = field(default_factory=FriendlyHours)
    """Non-disconnection calendar: credit does not cut inside."""
    contracted_w: int = 0
    """Power agreed for the supply (sanctioned load), for tariffs that charge it."""
    free_units: bool = False
    """The customer is eligible for the tariff's free units."""
    top_up_minimum: int = 1
    top_up_maximum: int | None = None
    credit: CreditPolicy = field(default_factory=CreditPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the decision looks at."""

    present: SupplyState
    headroom: int
    """Credit that may still be used before the supply is cut; zero or less means exhausted."""
    available: int
    """Credit left; the minimum to restore is meant of it."""
    hold: Hold | None = None
    respite: Respite | None = None
    """Friendly hours or their grace, where either is on."""
    clock_sure: bool = True
    confirmed: bool = False
    """The customer confirms an armed supply just now."""
    released: bool = False
    """The landlord lifts a hold just now: the minimum to restore is for supplies that ran out of credit."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A supply state with its reason."""

    state: SupplyState
    reason: Reason


def decide(policy: Policy, now: Situation) -> Decision:
    """Return the state the supply is to have.

    A protected account (life support) is never cut, by nobody; a hold by the landlord comes next and is
    lifted by nobody's money; a cut needs a sure clock.
    """
    if policy.never_cut:
        return Decision(SupplyState.CONNECTED, Reason.NEVER_CUT)
    if now.hold is Hold.OFF:
        return Decision(SupplyState.DISCONNECTED, Reason.LANDLORD_OFF)
    if now.hold is Hold.ON:
        return Decision(SupplyState.CONNECTED, Reason.LANDLORD_ON)
    if policy.payment_mode is PaymentMode.CREDIT:
        return Decision(SupplyState.CONNECTED, Reason.CREDIT_MODE)
    if now.headroom <= 0:
        return _exhausted(now)
    if now.present is SupplyState.CONNECTED:
        return Decision(SupplyState.CONNECTED, Reason.IN_CREDIT)
    return _restore(policy, now)


def _exhausted(now: Situation) -> Decision:
    """Return the decision without credit: cut, unless this is not the hour or the clock is unsure."""
    if now.present is SupplyState.CONNECTED and not now.clock_sure:
        return Decision(SupplyState.CONNECTED, Reason.CLOCK_UNSURE)
    if now.present is SupplyState.CONNECTED and now.respite is not None:
        grace = now.respite.grace
        return Decision(SupplyState.CONNECTED, Reason.FRIENDLY_GRACE if grace else Reason.FRIENDLY_HOURS)
    return Decision(SupplyState.DISCONNECTED, Reason.CREDIT_EXHAUSTED)


def _restore(policy: Policy, now: Situation) -> Decision:
    """Return the decision for a cut supply that has credit again."""
    enough = restorable(policy, now.headroom, now.available)
    if now.present is SupplyState.DISCONNECTED and not enough and not now.released:
        return Decision(SupplyState.DISCONNECTED, Reason.BELOW_RESTORE_MINIMUM)
    if policy.restore is RestoreMode.AUTOMATIC or now.confirmed:
        return Decision(SupplyState.CONNECTED, Reason.IN_CREDIT)
    return Decision(SupplyState.ARMED, Reason.AWAITING_CONFIRMATION)


def restorable(policy: Policy, headroom: int, available: int) -> bool:
    """Say whether there is credit enough to restore a supply that was cut."""
    return headroom > 0 and (policy.minimum_to_restore == 0 or available > policy.minimum_to_restore)


def low_credit_level(policy: Policy, available: int, present: int) -> int:
    """Return how many low-credit thresholds are passed, with hysteresis on the way up.

    ``present`` is the level so far. A threshold counts as soon as credit is at or below it, and stops
    counting only when credit is above it by the hysteresis.
    """
    passed = sum(1 for threshold in policy.low_credit if available <= threshold)
    if passed >= present:
        return passed
    held = sum(1 for threshold in policy.low_credit if available <= threshold + policy.low_credit_hysteresis)
    return max(passed, min(held, present))
