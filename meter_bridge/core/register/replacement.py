"""Replacing a meter: the old counter ends at its closing reading, a new one begins at its opening reading."""

from dataclasses import dataclass, replace

from meter_bridge.core.energy import format_kwh
from meter_bridge.core.register.register import Register, RegisterReading, RegisterStep, advance, next_epoch, plausible_wh


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
