"""Energy that flows back: kept and shown, never credited.

Where no source of one's own (solar) is expected, energy that flows back means a meter connected the wrong way
round, as for tampering.
"""

from dataclasses import dataclass, replace
from typing import Final

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
