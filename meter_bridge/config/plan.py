"""The plan that a valid site file gives, in the core's own types."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import Policy
from meter_bridge.core.supply.local_cutoff import WithoutBridge
from meter_bridge.core.tariff.tariff import TariffVersion

DEFAULT_RULE_SLOT = 3
DEFAULT_RATING_W = 15_000
"""Largest power of a supply whose site file names none: 63 A at 230 V, rounded up."""


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """A meter: where its energy is read and whose relay switches it."""

    id: str
    name: str
    energy_address: str
    relay_address: str | None
    """None for a meter that cannot be switched."""
    rating_w: int = DEFAULT_RATING_W
    limits: ElectricalLimits = field(default_factory=ElectricalLimits)
    host: str | None = None
    """Host name or address of a meter that is reached without a broker."""
    password_env: str | None = None
    """Environment variable that holds the device's password."""
    offline_after_s: int = 900
    """Silence after which a meter counts as offline."""
    register_modulus_wh: int | None = None
    """Where the register starts again at zero; None where it is not known."""
    returns_energy: bool = False
    """Energy that flows back (solar) is expected here and no sign of tampering."""
    read_by_hand: bool = False
    """People enter its register, or its units: no device tells it, and its silence means nothing."""
    without_bridge: WithoutBridge = WithoutBridge.HOLD
    rule_slot: int = DEFAULT_RULE_SLOT
    """Where a device keeps its local cut-off."""


@dataclass(frozen=True, slots=True)
class SupplyPlan:
    """A supply of an account: one tariff over the sum of its meters."""

    id: str
    commodity: str
    tariff_id: str
    meters: tuple[MeterPlan, ...]


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The prepaid account of a unit."""

    id: str
    name: str
    customer: str | None
    policy: Policy
    supplies: tuple[SupplyPlan, ...]
    opening_credit: int = 0
    """Balance with which the account is opened; it counts once, when the unit is first applied."""


@dataclass(frozen=True, slots=True)
class TariffPlan:
    """A tariff with its versions in order of their start."""

    id: str
    name: str
    versions: tuple[TariffVersion, ...]


@dataclass(frozen=True, slots=True)
class SitePlan:
    """A property with one time zone and currency."""

    id: str
    name: str
    time_zone: str
    currency: str
    tariffs: tuple[TariffPlan, ...]
    accounts: tuple[AccountPlan, ...]


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A value that somebody changed while the bridge ran; a site file undoes it only with ``--undo``."""

    subject: str
    """``unit`` or ``meter``."""
    id: str
    key: str
    """What was changed, as the site file names it."""
    by: str = field(default="", compare=False)
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class InstallationPlan:
    """Everything that one bridge serves."""

    name: str
    sites: tuple[SitePlan, ...]
    edits: tuple[Edit, ...] = ()
    """What was changed since the last site file; always empty in a plan that comes from one."""
    families: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of meter families as they are written; ``FamilySettings``, which is too deep to be decoded."""


def with_edits(plan: InstallationPlan, edits: Iterable[Edit]) -> InstallationPlan:
    """Return the plan with edits noted; the newest of the same value counts."""
    return replace(plan, edits=tuple(sorted({*edits} | {*plan.edits})))


def with_policy(plan: InstallationPlan, account_id: str, policy: Policy) -> InstallationPlan:
    """Return the plan with another policy for an account."""

    def changed(account: AccountPlan) -> AccountPlan:
        return replace(account, policy=policy) if account.id == account_id else account

    return _with_accounts(plan, changed)


def with_meter(plan: InstallationPlan, meter: MeterPlan) -> InstallationPlan:
    """Return the plan with another one for the meter of the same id."""

    def changed(supply: SupplyPlan) -> SupplyPlan:
        return replace(
            supply, meters=tuple(meter if known.id == meter.id else known for known in supply.meters)
        )

    return _with_accounts(
        plan, lambda account: replace(account, supplies=tuple(map(changed, account.supplies)))
    )


def _with_accounts(plan: InstallationPlan, changed: Callable[[AccountPlan], AccountPlan]) -> InstallationPlan:
    sites = (replace(site, accounts=tuple(map(changed, site.accounts))) for site in plan.sites)
    return replace(plan, sites=tuple(sites))
