"""Lists and small results as the API answers them, and what its clients must know to ask."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    HoldView,
    MeterView,
    OwedView,
    Role,
    TenancyView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountExposure:
    """Exposure of one account; amounts are integers of ``10**-amount_digits`` of the currency."""

    account_id: str
    name: str
    currency: str
    amount_digits: int
    policies: tuple[str, ...]
    """What its meters do without the bridge: ``hold``, ``close`` or ``local_cut_off``."""
    limited: bool
    """False if credit does not cut the supply (never cut, credit mode, held on); nothing exceeds it then."""
    meters: int
    """Meters that the bridge can switch."""
    in_force: int
    """Meters whose device has confirmed that it cuts by itself."""
    once_wh: int
    """The most energy that these can use beyond credit before their devices cut."""
    once_amount: int
    hourly_wh: int
    """The most energy that all others can use in an hour, without end."""
    hourly_amount: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A notification of one person about one event, with its delivery status."""

    id: str
    made_at: str
    recipient: str
    """Id of a person of the staff, or ``customer``."""
    topic: str
    """Kind of the alert, ``supply_restored``, ``top_up`` or ``digest``."""
    account_id: str | None
    title: str
    attempts: int
    next_at: str | None
    """Time of the next attempt; None once it has ended."""
    ended_at: str | None
    outcome: str | None
    """``sent``, ``failed`` at every attempt, ``overtaken`` by what came after, ``unreachable``, or
    ``uncertain``: the bridge was killed while sending, and messages that can wait are not sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeList:
    """Notifications, newest first."""

    notices: tuple[NoticeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelResult:
    """Result of a test message on one channel."""

    channel: str
    """Kind and place in the file, such as ``ntfy 1``; never its address."""
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSent:
    """Result of a test message."""

    recipient: str
    channels: tuple[ChannelResult, ...]
