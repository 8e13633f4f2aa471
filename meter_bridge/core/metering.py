"""Register arithmetic: energy is charged from the meter's cumulative register and from nothing else.

Whatever is lost, repeated or reordered, the energy charged of a meter and epoch is its watermark minus its
start (invariant 5). A register that falls, or rises faster than the rating allows, never charges by itself
(invariant 6): it is doubted first, since messages may arrive late, and quarantined when the doubt persists.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from meter_bridge.core.energy import possible_wh

GRACE_MS: Final = 60_000
"""Time added to the elapsed time when judging a rise: readings may be held back on their way."""
DOUBTS_BEFORE_QUARANTINE: Final = 3
"""Readings in a row that contradict the watermark before a person is asked; a late message comes alone."""


class Cause(StrEnum):
    """Why a register was quarantined."""

    FELL = "fell"
    JUMPED = "jumped"


class Decision(StrEnum):
    """What a person may decide of a quarantined register."""

    ACCEPT = "accept"
    """The jump is true consumption: charge it."""
    DISCARD = "discard"
    """The present register is right, the difference is nobody's: go on from it, charge nothing of it."""
    NEW_EPOCH = "new_epoch"
    """The meter was replaced or reset: a new epoch starts at the present register."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Readings in a row that contradict the watermark."""

    cause: Cause
    count: int
    register_wh: int
    """Newest doubted register."""
    at: int
    witness: str | None = None
    """Witness of the newest doubted reading."""
    jumped_to_wh: int | None = None
    """Lowest of the doubted registers above the watermark, if any was."""


@dataclass(slots=True)
class Register:
    """State of a meter's register; functions here return a new one, only the fast lane moves it on."""

    epoch: int
    start_wh: int
    watermark_wh: int
    at: int
    witness: str | None = None
    doubt: Doubt | None = None
    skipped_wh: int = 0
    """Energy of this epoch that a person decided not to charge."""
    retired: str | None = None
    """Witness of the epoch before; a reading that still carries it is late."""

    @property
    def charged_wh(self) -> int:
        """Return the energy charged in this epoch."""
        return self.watermark_wh - self.start_wh - self.skipped_wh

    @property
    def quarantined(self) -> bool:
        """Say whether a person has to decide."""
        return self.doubt is not None and self.doubt.count >= DOUBTS_BEFORE_QUARANTINE


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """One reading of a register."""

    wh: int
    at: int
    step_wh: int = 1
    witness: str | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """Result of a reading: the new state and the energy to charge over (``from_at``, ``state.at``]."""

    state: Register
    delta_wh: int = 0
    from_at: int = 0


def first(reading: RegisterReading) -> Register:
    """Return the state after a meter's first reading; nothing is charged for what was before."""
    return Register(0, reading.wh, reading.wh, reading.at, reading.witness)


def advance(state: Register, reading: RegisterReading, rating_w: int) -> Advance:
    """Judge a reading against the watermark.

    ``rating_w`` is the largest power the supply can deliver. A reading within one step below the watermark is
    the same value (float32 registers); a device that says its register was reset starts a new epoch.
    """
    if reading.at < state.at:
        reading = replace(reading, at=state.at)
    rise = reading.wh - state.watermark_wh
    if reading.witness is not None and reading.witness == state.retired:
        return Advance(_doubted(state, reading, Cause.JUMPED if rise > 0 else Cause.FELL))
    if _was_reset(state, reading):
        return _start_epoch(state, reading, rating_w)
    if -reading.step_wh <= rise <= 0:
        return Advance(replace(state, at=reading.at, doubt=None, witness=reading.witness or state.witness))
    if rise < 0:
        return Advance(_doubted(state, reading, Cause.FELL))
    if rise > plausible_wh(state, reading, rating_w) or _stands_on_jump(state, reading):
        return Advance(_doubted(state, reading, Cause.JUMPED))
    charged = replace(
        state,
        watermark_wh=reading.wh,
        at=reading.at,
        witness=reading.witness or state.witness,
        doubt=None,
    )
    return Advance(charged, rise, state.at)


def plausible_wh(state: Register, reading: RegisterReading, rating_w: int) -> int:
    """Return the largest rise since the watermark that the rating allows."""
    return possible_wh(rating_w, reading.at - state.at + GRACE_MS) + reading.step_wh


def _stands_on_jump(state: Register, reading: RegisterReading) -> bool:
    """Say whether a quarantined jump is still there; the passing of time alone does not make it possible."""
    jumped_to = state.doubt.jumped_to_wh if state.doubt is not None and state.quarantined else None
    return jumped_to is not None and reading.wh >= jumped_to


def _was_reset(state: Register, reading: RegisterReading) -> bool:
    """Say whether the device itself tells that its register started anew."""
    changed = reading.witness is not None and state.witness is not None and reading.witness != state.witness
    return changed and reading.wh < state.watermark_wh


def _start_epoch(state: Register, reading: RegisterReading, rating_w: int) -> Advance:
    """Begin an epoch after a witnessed reset; what the new counter shows is charged where it is plausible."""
    plausible = reading.wh <= plausible_wh(state, reading, rating_w)
    begin = 0 if plausible else reading.wh
    fresh = Register(state.epoch + 1, begin, reading.wh, reading.at, reading.witness, retired=state.witness)
    return Advance(fresh, reading.wh - begin, state.at)


def _doubted(state: Register, reading: RegisterReading, cause: Cause) -> Register:
    """Return the state with one more reading that contradicts the watermark; the watermark stays."""
    before = state.doubt
    count = min(before.count + 1, DOUBTS_BEFORE_QUARANTINE) if before is not None else 1
    jumps = [] if before is None or before.jumped_to_wh is None else [before.jumped_to_wh]
    if reading.wh > state.watermark_wh:
        jumps.append(reading.wh)
    doubt = Doubt(cause, count, reading.wh, reading.at, reading.witness, min(jumps, default=None))
    return replace(state, doubt=doubt)


def decide(state: Register, decision: Decision) -> Advance:
    """Apply a person's decision on a quarantined register; raises ``ValueError`` if there is none."""
    doubt = state.doubt
    if doubt is None or not state.quarantined:
        msg = "the register is not in quarantine; there is nothing to decide"
        raise ValueError(msg)
    witness, retired = _witnesses(state, doubt)
    fresh = Register(
        state.epoch + 1, doubt.register_wh, doubt.register_wh, doubt.at, witness, retired=retired
    )
    if decision == Decision.NEW_EPOCH:
        return Advance(fresh)
    rise = doubt.register_wh - state.watermark_wh
    if rise < 0:
        if decision == Decision.ACCEPT:
            msg = "a register that fell has nothing to charge; discard it or start a new epoch"
            raise ValueError(msg)
        return Advance(fresh)
    moved = replace(
        state, watermark_wh=doubt.register_wh, at=doubt.at, doubt=None, witness=witness, retired=retired
    )
    if decision == Decision.ACCEPT:
        return Advance(moved, rise, state.at)
    return Advance(replace(moved, skipped_wh=state.skipped_wh + rise))


def _witnesses(state: Register, doubt: Doubt) -> tuple[str | None, str | None]:
    """Return the witness in force and the retired one once a doubted reading is believed."""
    if doubt.witness is None or doubt.witness == state.witness:
        return state.witness, state.retired
    return doubt.witness, state.witness
