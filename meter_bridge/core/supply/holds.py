"""Holds: what people keep a supply at, whatever the credit; nothing lifts one but a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_HOLDS: Final = 20
"""Holds that may stand on one supply at once."""
MANUAL_HOLD_ID: Final = "switch"
"""Id of the hold that switching a supply off or on by hand places and replaces."""


class HoldPosition(StrEnum):
    """Where a hold keeps a supply."""

    OFF = "off"
    ON = "on"


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
