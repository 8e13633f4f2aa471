"""Register arithmetic: energy is charged from the meter's cumulative register and from nothing else.

Whatever is lost, repeated or reordered, the energy charged for a meter and epoch is its watermark minus its
start, plus the full turns of a register that rolled over (invariant 5). A register that falls, or rises
faster than the rating allows, is never charged automatically (invariant 6): it is doubted, since messages
may arrive late, and quarantined if the doubt persists.

A fall is explained by a short rollover that modulus and rating allow, or by a reset that the device
reports. A restart (boot identity) is weaker evidence, since most registers survive one: it counts once the
fall persists, and charges nothing.

Another counter is never charged as a rise. A higher register under another reset marker is doubted like a
fall, and of what another device shows nothing is charged, as nobody knows when it was counted; after a
restart a rise is bounded by the time that the device had power, and waiting makes it no more plausible (a
plug was seen to add 2.868 kWh in an outage); and a register that fell and then shows the old total again goes
on from there.

Event time that is ahead of a correct wall clock passes slowly (``clock.confirm``). The real duration
follows from how far ahead it was at either end.

When a meter is replaced, the old counter ends at its closing reading and a new epoch begins at the opening
one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from meter_bridge.core.energy import format_kwh, max_energy_wh

GRACE_MS: Final = 60_000
"""Time added to the elapsed time when judging a rise: readings may be held back on their way."""
DOUBTS_BEFORE_QUARANTINE: Final = 3
"""Readings in a row that contradict the watermark before a person is asked; a late message comes alone."""
MIN_DOUBT_MS: Final = 10_000
"""Least time over which they do: messages that were kept somewhere come late too, but all at once."""
ROLLOVER_DIVISOR: Final = 10
"""A rollover is at most a tenth of the register's range long, so from near its end to near its beginning."""
LARGEST_UTC_OFFSET_MS: Final = 14 * 3_600_000
"""No place is further from UTC: a reset marker is a time of day by a clock whose place is not known."""
DEVICE_ADDRESS: Final = "0x"
"""Begins a reset marker that says which device answers, and nothing of when its counter began."""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a marker's time has no zone either


class Cause(StrEnum):
    """Why a register was quarantined."""

    FELL = "fell"
    JUMPED = "jumped"
    OTHER_COUNTER = "other_counter"
    """Higher, under another reset marker."""
    CONTRADICTS_POWER = "contradicts_power"
    """Far more than the power that the device reports can have been."""


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
    modulus_wh: int | None = None
    """Modulus of the newest doubted reading."""
    since: int | None = None
    """When the first of them was read, earlier by what event time was too slow since; None in a state that an
    older version stored."""
    ahead_ms: int = 0
    """How far event time was ahead of the wall clock when the newest was read."""
    held: bool = False
    """Only a person ends it; no later reading does."""


@dataclass(frozen=True, slots=True)
class CounterEnd:
    """Where a counter stood that a lower one replaced without saying why."""

    wh: int
    at: int
    charged_wh: int = 0
    """Energy charged by lower counters since, but for the present one; it flowed for the old one as well."""


@dataclass(slots=True)
class Register:
    """State of a meter's register; functions here return a new one, only the fast path moves it on."""

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
    turned_wh: int = 0
    """Full turns of this epoch: the modulus, added each time the register rolled over."""
    boot: str | None = None
    """Boot of the device under which the watermark was read."""
    since: int = 0
    """When this epoch began."""
    ahead_ms: int = 0
    """How far event time was ahead of the wall clock at ``at``."""
    ended: CounterEnd | None = None
    """Where the epoch before stopped, if its counter may come back."""
    believed: bool = False
    """A person has accepted what the power contradicted; it is told and charged until both agree again."""

    @property
    def charged_wh(self) -> int:
        """Return the energy charged in this epoch."""
        return self.watermark_wh + self.turned_wh - self.start_wh - self.skipped_wh

    @property
    def quarantined(self) -> bool:
        """Return whether a person has to decide."""
        return self.doubt is not None and self.doubt.count >= DOUBTS_BEFORE_QUARANTINE


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """One reading of a register."""

    wh: int
    at: int
    resolution_wh: int = 1
    reset_marker: str | None = None
    modulus_wh: int | None = None
    """Where the register begins again at zero; None where it is not known to."""
    boot_id: str | None = None
    """Boot of the device, where it tells one."""
    ahead_ms: int = 0
    """How far event time was ahead of the wall clock at ``at``."""
    away_ms: int = 0
    """For how long of the time since the watermark the device had no power, as far as that is known."""
    possible_wh: int | None = None
    """Largest rise that the power which the device reports does not rule out; None if unknown."""


@dataclass(frozen=True, slots=True)
class RegisterStep:
    """Result of a reading: the new state and the energy to charge over (``from_at``, ``state.at``]."""

    register: Register
    delta_wh: int = 0
    from_at: int = 0


def first_reading(reading: RegisterReading) -> Register:
    """Return the state after a meter's first reading; nothing is charged for what was before."""
    return Register(
        0,
        reading.wh,
        reading.wh,
        reading.at,
        reading.reset_marker,
        boot=reading.boot_id,
        since=reading.at,
        ahead_ms=reading.ahead_ms,
    )


def next_epoch(state: Register, reading: RegisterReading) -> Register:
    """Return a new epoch that begins at a reading."""
    return replace(first_reading(reading), epoch=state.epoch + 1)


def adjust_to_clock(state: Register, before_ms: int | None, after_ms: int) -> Register:
    """Return the state after the lead of event time over the wall clock changed; None if it was not known."""
    doubt = state.doubt
    if doubt is not None:
        doubt = replace(doubt, ahead_ms=_ahead_ms(doubt, before_ms, after_ms))
    return replace(state, doubt=doubt, ahead_ms=_ahead_ms(state, before_ms, after_ms))


def _ahead_ms(of: Register | Doubt, before_ms: int | None, after_ms: int) -> int:
    """Return how far ahead event time was then, by the clock as it is set now."""
    return max(of.ahead_ms, after_ms) if before_ms is None else max(of.ahead_ms + after_ms - before_ms, 0)


def advance(state: Register, reading: RegisterReading, rating_w: int) -> RegisterStep:
    """Judge a reading against the watermark.

    ``rating_w`` is the largest power the supply can deliver. A reading within one step below the watermark is
    the same value (float32 registers); a device that says its register was reset starts a new epoch. A
    reading dated before the watermark never moves it back: a lower one tells nothing new.
    """
    if state.doubt is not None and state.doubt.held:
        return RegisterStep(_still_held(state, state.doubt, reading))
    late = reading.at < state.at
    if late:
        reading = replace(reading, at=state.at, ahead_ms=min(reading.ahead_ms, state.ahead_ms))
    rise = _rise_wh(state, reading, rating_w)
    if reading.reset_marker is not None and reading.reset_marker == state.retired:
        return RegisterStep(_add_doubt(state, reading, Cause.JUMPED if rise > 0 else Cause.FELL))
    if _has_other_marker(state, reading) and rise != 0:
        return _judge_other_counter(state, reading, rating_w)
    if -reading.resolution_wh <= rise <= 0:
        return RegisterStep(_confirmed_reading(state, reading))
    if rise < 0:
        return RegisterStep(state if late else _doubt_fall(state, reading))
    if _is_old_total(state, reading):
        return _doubt_return(state, reading, rating_w)
    doubted = _doubt_of_rise(state, reading, rise, rating_w)
    if doubted is not None:
        return RegisterStep(_add_doubt(state, reading, doubted))
    turned_wh = state.turned_wh + rise - (reading.wh - state.watermark_wh)
    charged = replace(_confirmed_reading(state, reading), watermark_wh=reading.wh, turned_wh=turned_wh)
    return RegisterStep(charged, rise, state.at)


def _confirmed_reading(state: Register, reading: RegisterReading) -> Register:
    """Return the state after a reading that agrees with it; the watermark stays."""
    return replace(
        state,
        at=reading.at,
        doubt=None,
        witness=reading.reset_marker or state.witness,
        boot=reading.boot_id or state.boot,
        ahead_ms=reading.ahead_ms,
    )


def _rise_wh(state: Register, reading: RegisterReading, rating_w: int) -> int:
    """Return how far the register moved, including a rollover that modulus, rating and time allow.

    Where a full turn is possible the distance is unknown; a person decides on a quarantined register.
    """
    rise, modulus = reading.wh - state.watermark_wh, reading.modulus_wh
    if modulus is None or state.quarantined or reading.wh >= modulus:
        return rise
    possible = plausible_wh(state, reading, rating_w)
    if possible >= modulus:
        return rise
    if rise < -reading.resolution_wh:
        over = rise + modulus
        return over if -reading.resolution_wh <= over <= min(possible, modulus // ROLLOVER_DIVISOR) else rise
    before_the_turn = rise - modulus
    return before_the_turn if rise > possible and -reading.resolution_wh <= before_the_turn else rise


def plausible_wh(state: Register, reading: RegisterReading, rating_w: int) -> int:
    """Return the largest rise since the watermark that the rating allows."""
    elapsed = max(reading.at - state.at + _lost_ms(state, reading) - reading.away_ms, 0)
    return max_energy_wh(rating_w, elapsed + GRACE_MS) + reading.resolution_wh


def _lost_ms(before: Register | Doubt, reading: RegisterReading) -> int:
    """Return by how much less event time than real time has passed since."""
    return max(before.ahead_ms - reading.ahead_ms, 0)


def _still_jumped(state: Register, reading: RegisterReading, rise: int) -> bool:
    """Return whether a jump is still there that time alone does not make plausible.

    That is one in quarantine, or one that came with a restart.
    """
    doubt = state.doubt
    if (
        doubt is None
        or doubt.jumped_to_wh is None
        or not (state.quarantined or _has_restarted(state, reading))
    ):
        return False
    return state.watermark_wh + rise >= doubt.jumped_to_wh


def _doubt_of_rise(state: Register, reading: RegisterReading, rise: int, rating_w: int) -> Cause | None:
    if reading.possible_wh is not None and rise > reading.possible_wh and not state.believed:
        return Cause.CONTRADICTS_POWER
    if rise > plausible_wh(state, reading, rating_w) or _still_jumped(state, reading, rise):
        return Cause.JUMPED
    return None


def _has_other_marker(state: Register, reading: RegisterReading) -> bool:
    return None not in (reading.reset_marker, state.witness) and reading.reset_marker != state.witness


def _has_restarted(state: Register, reading: RegisterReading) -> bool:
    return None not in (reading.boot_id, state.boot) and reading.boot_id != state.boot


def _judge_other_counter(state: Register, reading: RegisterReading, rating_w: int) -> RegisterStep:
    """Begin an epoch at a lower counter under another marker; doubt a higher one.

    What a lower one shows is charged if it began to count after the last reading and the rating allows it;
    nothing of it if it is another device's.
    """
    if reading.wh > state.watermark_wh:
        return RegisterStep(_add_doubt(state, reading, Cause.OTHER_COUNTER))
    plausible = reading.wh <= plausible_wh(state, reading, rating_w) and not _may_be_older(reading, state.at)
    begin = 0 if plausible else reading.wh
    boot = reading.boot_id or state.boot
    fresh = replace(next_epoch(state, reading), start_wh=begin, retired=state.witness, boot=boot)
    return RegisterStep(fresh, reading.wh - begin, state.at)


def _may_be_older(reading: RegisterReading, at: int) -> bool:
    """Return whether a counter surely began before an instant, or its marker does not speak of time."""
    marker = reading.reset_marker or ""
    if marker.startswith(DEVICE_ADDRESS):
        return True
    try:
        began = datetime.fromisoformat(marker).replace(tzinfo=None)
    except ValueError:
        return False
    return (began - _EPOCH) // timedelta(milliseconds=1) + LARGEST_UTC_OFFSET_MS < at


def _is_old_total(state: Register, reading: RegisterReading) -> bool:
    """Return whether a rise leads back to where a counter stood before it fell.

    One that began anew comes there as well, in small steps: not by more than all it has counted so far.
    """
    end = state.ended
    if end is None or reading.wh < end.wh - reading.resolution_wh:
        return False
    return end.wh - state.watermark_wh > state.watermark_wh - state.start_wh


def _doubt_return(state: Register, reading: RegisterReading, rating_w: int) -> RegisterStep:
    """Doubt a register that shows its old total again; if it persists, go on from there.

    What lower counters showed meanwhile is charged, and flowed while the old one was away: it is no more
    than part of what that one rose by.
    """
    doubted = _add_doubt(state, reading, Cause.JUMPED)
    if state.ended is None or not doubted.quarantined:
        return RegisterStep(doubted)
    begin = min(state.ended.wh, reading.wh)
    before = replace(state, watermark_wh=begin, at=min(state.ended.at, state.at))
    if reading.wh - begin > plausible_wh(before, reading, rating_w):
        return RegisterStep(doubted)
    start = min(reading.wh, begin + state.ended.charged_wh + state.charged_wh)
    back = replace(
        next_epoch(state, reading),
        start_wh=start,
        witness=reading.reset_marker or state.witness,
        retired=state.retired,
        boot=reading.boot_id or state.boot,
    )
    return RegisterStep(back, reading.wh - start, state.at)


def _doubt_fall(state: Register, reading: RegisterReading) -> Register:
    """Doubt a fall; if it persists and the device has restarted, begin an epoch at the present value."""
    doubted = _add_doubt(state, reading, Cause.FELL)
    restarted = _has_restarted(state, reading)
    if not (restarted and doubted.quarantined) or doubted.doubt is None or doubted.doubt.jumped_to_wh:
        return doubted
    return replace(
        next_epoch(state, reading),
        witness=reading.reset_marker or state.witness,
        ended=_end_of(state, reading),
    )


def _end_of(state: Register, reading: RegisterReading) -> CounterEnd | None:
    """Return where a counter stood that lost most of its total, which it may find again.

    What a device lost since it last saved its total is little of it and stays lost.
    """
    if state.ended is not None and state.ended.wh > state.watermark_wh:
        return replace(state.ended, charged_wh=state.ended.charged_wh + state.charged_wh)
    lost_most = reading.wh < state.watermark_wh // 2
    return CounterEnd(state.watermark_wh, state.at) if lost_most else None


def _add_doubt(state: Register, reading: RegisterReading, cause: Cause) -> Register:
    before = state.doubt
    since = reading.at if before is None or before.since is None else before.since - _lost_ms(before, reading)
    jumps = [] if before is None or before.jumped_to_wh is None else [before.jumped_to_wh]
    if reading.wh > state.watermark_wh:
        jumps.append(reading.wh)
    doubt = Doubt(
        cause,
        _count_doubt(before, reading.at - since),
        reading.wh,
        reading.at,
        reading.reset_marker,
        min(jumps, default=None),
        reading.modulus_wh,
        since,
        reading.ahead_ms,
    )
    return replace(state, doubt=doubt)


def hold(state: Register) -> Register:
    """Put a register into quarantine whose rises the power contradicts."""
    doubt = Doubt(
        Cause.CONTRADICTS_POWER,
        DOUBTS_BEFORE_QUARANTINE,
        state.watermark_wh,
        state.at,
        state.witness,
        since=state.at,
        ahead_ms=state.ahead_ms,
        held=True,
    )
    return replace(state, doubt=doubt)


def _still_held(state: Register, doubt: Doubt, reading: RegisterReading) -> Register:
    if reading.at < doubt.at:
        return state
    newest = replace(
        doubt,
        register_wh=reading.wh,
        at=reading.at,
        witness=reading.reset_marker,
        modulus_wh=reading.modulus_wh,
        ahead_ms=reading.ahead_ms,
    )
    return replace(state, doubt=newest)


def _count_doubt(before: Doubt | None, lasted_ms: int) -> int:
    """Count one more doubt; the one that opens a quarantine counts only after ``MIN_DOUBT_MS``."""
    count = 1 if before is None else min(before.count + 1, DOUBTS_BEFORE_QUARANTINE)
    opens = count == DOUBTS_BEFORE_QUARANTINE and before is not None and before.count < count
    return count - 1 if opens and lasted_ms < MIN_DOUBT_MS else count


def decide(state: Register, decision: Decision) -> RegisterStep:
    """Apply a person's decision on a quarantined register; raises ``ValueError`` where it cannot be taken."""
    doubt = state.doubt
    if doubt is None or not state.quarantined:
        raise ValueError("the register is not in quarantine; there is nothing to decide")
    witness, retired = _markers_after(state, doubt)
    at = max(doubt.at, state.at)
    fell = doubt.register_wh < state.watermark_wh
    other = fell or doubt.cause is Cause.OTHER_COUNTER
    if decision == Decision.NEW_EPOCH or (other and decision == Decision.DISCARD):
        present = RegisterReading(
            doubt.register_wh, at, reset_marker=witness, boot_id=state.boot, ahead_ms=doubt.ahead_ms
        )
        ended = _end_of(state, present) if fell else None
        return RegisterStep(replace(next_epoch(state, present), retired=retired, ended=ended))
    turned = (doubt.modulus_wh or 0) if fell else 0
    rise = doubt.register_wh + turned - state.watermark_wh
    if rise < 0:
        raise ValueError(
            "a register that fell has nothing to charge; discard it or start a new epoch,"
            " or say in the site file where it wraps if it rolled over"
        )
    moved = replace(
        state,
        watermark_wh=doubt.register_wh,
        at=at,
        doubt=None,
        witness=witness,
        retired=retired,
        turned_wh=state.turned_wh + turned,
        ahead_ms=doubt.ahead_ms,
    )
    if decision == Decision.ACCEPT:
        believed = state.believed or doubt.cause is Cause.CONTRADICTS_POWER
        return RegisterStep(replace(moved, believed=believed), rise, state.at)
    return RegisterStep(replace(moved, skipped_wh=state.skipped_wh + rise))


def _markers_after(state: Register, doubt: Doubt) -> tuple[str | None, str | None]:
    """Return the current and the retired reset marker once a doubted reading is accepted."""
    if doubt.witness is None or doubt.witness == state.witness:
        return state.witness, state.retired
    return doubt.witness, state.witness


CREEP_WH: Final = 50
"""Registers of energy that flows back creep a little without any; below this nothing flowed."""
FLOW_ENDS_MS: Final = 86_400_000
"""Time without energy that flows back after which it is over."""


@dataclass(frozen=True, slots=True)
class ReverseEnergy:
    """A register of energy that flows back."""

    wh: int
    """Newest reading."""
    mark_wh: int
    """Reading at which it last flowed, or at which the register began."""
    flowed_at: int | None = None
    """When it last flowed; None once it is over."""


def update_reverse_energy(state: ReverseEnergy | None, wh: int, at: int) -> ReverseEnergy:
    """Take a reading; a register that fell has begun anew, which is no flow."""
    flowed_at = state.flowed_at if state is not None else None
    if flowed_at is not None and at - flowed_at >= FLOW_ENDS_MS:
        flowed_at = None
    if state is None or wh < state.wh:
        return ReverseEnergy(wh, wh, flowed_at)
    if wh - state.mark_wh >= CREEP_WH:
        return ReverseEnergy(wh, wh, at)
    return replace(state, wh=wh, flowed_at=flowed_at)


class ImplausibleError(ValueError):
    """A closing reading that the old counter can hardly have shown; a person may say that it did."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a replacement does: the last step of the old counter, and the new one."""

    closing_step: RegisterStep
    new_register: Register


def replace_meter(
    state: Register, closing: RegisterReading, opening_wh: int, rating_w: int, *, confirmed: bool
) -> Replacement:
    """Charge the old counter up to its closing reading, and begin an epoch at the new one's opening reading.

    A closing reading that fell, or rose faster than the rating allows, raises ``ImplausibleError`` unless a
    person confirmed it. Then a rise is charged and a fall is not: it never credits.
    """
    closed = advance(state, closing, rating_w)
    if not _is_plausible(state, closing, closed):
        if not confirmed:
            raise ImplausibleError(_implausible_reason(state, closing, rating_w))
        closed = _confirmed_step(state, closing)
    opening = RegisterReading(opening_wh, closed.register.at, ahead_ms=closed.register.ahead_ms)
    return Replacement(closed, replace(next_epoch(state, opening), retired=state.witness))


def _is_plausible(state: Register, closing: RegisterReading, closed: RegisterStep) -> bool:
    same = 0 <= state.watermark_wh - closing.wh <= closing.resolution_wh
    return closed.register.doubt is None and (closed.delta_wh > 0 or same)


def _confirmed_step(state: Register, closing: RegisterReading) -> RegisterStep:
    rise = max(closing.wh - state.watermark_wh, 0)
    at = max(closing.at, state.at)
    watermark_wh = state.watermark_wh + rise
    moved = replace(state, watermark_wh=watermark_wh, at=at, doubt=None, ahead_ms=closing.ahead_ms)
    return RegisterStep(moved, rise, state.at)


def _implausible_reason(state: Register, closing: RegisterReading, rating_w: int) -> str:
    told, known = format_kwh(closing.wh), format_kwh(state.watermark_wh)
    if closing.wh < state.watermark_wh:
        return f"the closing reading {told} is below {known}, up to which was charged"
    possible = format_kwh(plausible_wh(state, replace(closing, at=max(closing.at, state.at)), rating_w))
    return (
        f"the closing reading {told} is {format_kwh(closing.wh - state.watermark_wh)} above {known}, up to"
        f" which was charged; by its rating the supply can have delivered {possible} since"
    )
