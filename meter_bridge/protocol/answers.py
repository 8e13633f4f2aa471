"""Lists and small results as the API answers them, and what its clients must know to ask."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from meter_bridge.protocol.exposure import AccountExposure
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    HoldView,
    MeterView,
    OwedView,
    Role,
    TenancyView,
)

MAX_ALERTS_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that the token may see."""

    accounts: tuple[AccountView, ...]


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alerts, newest first."""

    alerts: tuple[AlertView, ...]


@dataclass(frozen=True, slots=True)
class ClockConfirmed:
    """The bridge's time after the confirmation."""

    now: str


@dataclass(frozen=True, slots=True)
class Exposures:
    """The exposure of each account that the token may see."""

    accounts: tuple[AccountExposure, ...]


@dataclass(frozen=True, slots=True)
class Meters:
    """The meters that the token may see, including unassigned ones."""

    meters: tuple[MeterView, ...]


class Tenancies(msgspec.Struct, frozen=True):
    """The tenancies of a unit."""

    tenancies: Annotated[tuple[TenancyView, ...], msgspec.Meta(description="Newest first.")]


class Debts(msgspec.Struct, frozen=True):
    """What customers owe."""

    debts: Annotated[
        tuple[OwedView, ...],
        msgspec.Meta(description="Those of present customers by account, then those of former customers."),
    ]


class Holds(msgspec.Struct, frozen=True):
    """The holds on a supply, oldest first."""

    holds: tuple[HoldView, ...]


@dataclass(frozen=True, slots=True)
class TokenView:
    """A stored token, without its secret."""

    id: str
    name: str
    role: Role
    sites: tuple[str, ...]
    accounts: tuple[str, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of the installation."""

    tokens: tuple[TokenView, ...]


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token; shown only once."""

    id: str
    token: str


type ReadingOutcome = Literal["first", "charged", "unchanged", "doubted"]
"""What became of a reading: it began the counter, was charged, told nothing new, or contradicts it."""


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """Answer to a reading that somebody told."""

    meter: MeterView
    outcome: ReadingOutcome
    charged_wh: int


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What applying a site file did, or would do."""

    changes: tuple[str, ...]
    applied: bool
    pending: tuple[str, ...] = ()
    """What is not in force yet, because a device has to confirm it first."""
