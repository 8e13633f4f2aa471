"""Result of comparing two plans: changes, refusals and warnings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from meter_bridge.config.plan import (
    AccountPlan,
    InstallationPlan,
    MeterPlan,
    SitePlan,
    SupplyPlan,
    TariffPlan,
)


class Action(StrEnum):
    """What happens to an object."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class Subject(StrEnum):
    """What kind of object it happens to."""

    INSTALLATION = "installation"
    SITE = "site"
    TARIFF = "tariff"
    TARIFF_VERSION = "tariff_version"
    UNIT = "unit"
    SUPPLY = "supply"
    METER = "meter"


class RefusalCode(StrEnum):
    """Why a plan is not applied; stable, for programs."""

    VERSION_BEGUN = "version_begun"
    VERSION_IN_PAST = "version_in_past"
    SITE_IN_USE = "site_in_use"
    UNIT_AT_OTHER_SITE = "unit_at_other_site"
    NO_TARIFF_IN_FORCE = "no_tariff_in_force"
    EDITED_SINCE = "edited_since"
    TARIFF_CANNOT_FOLLOW = "tariff_cannot_follow"
    UNITS_BESIDE_OTHERS = "units_beside_others"


WARNING: Final = "!"
SIGNS: Final[Mapping[Action, str]] = {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object; ``field``, ``before`` and ``after`` only where a value changes."""

    action: Action
    subject: Subject
    id: str
    text: str
    """The change for people, without its sign."""
    field: str | None = None
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        return f"{SIGNS[self.action]} {self.text}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that cannot be made; while there is one, none is made."""

    code: RefusalCode
    field: str
    """Id of the object that it is about."""
    value: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that a plan changes; with any refusal, nothing may be applied."""

    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the changes as lines for people, then the warnings; nothing where nothing changes."""
        warnings = tuple(f"{WARNING} {warning}" for warning in self.warnings) if self.changes else ()
        return (*(str(change) for change in self.changes), *warnings)


@dataclass(slots=True)
class Findings:
    """Changes, refusals and warnings found so far."""

    changes: list[Change] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, subject: Subject, object_id: str, text: str) -> None:
        """Record a new object."""
        self.changes.append(Change(Action.ADD, subject, object_id, text))

    def remove(self, subject: Subject, object_id: str, text: str) -> None:
        """Record an object that is removed."""
        self.changes.append(Change(Action.REMOVE, subject, object_id, text))

    def change(self, subject: Subject, object_id: str, name: str, before: str, after: str) -> None:
        """Record the change of a value, if it changes."""
        if before != after:
            label = f"{subject} " if subject not in {Subject.UNIT, Subject.INSTALLATION} else ""
            of = f"{object_id}: " if object_id else ""
            text = f"{label}{of}{name} {before} → {after}"
            self.changes.append(Change(Action.CHANGE, subject, object_id, text, name, before, after))

    def refuse(self, code: RefusalCode, object_id: str, value: str, message: str, remedy: str) -> None:
        """Record a change that cannot be made."""
        self.refusals.append(Refusal(code, object_id, value, message, remedy))


@dataclass(frozen=True, slots=True)
class Placed[T]:
    """An object with its site."""

    site: SitePlan
    plan: T


def tariffs(plan: InstallationPlan) -> Iterator[Placed[TariffPlan]]:
    """Return every tariff with its site."""
    return (Placed(site, tariff) for site in plan.sites for tariff in site.tariffs)


def accounts(plan: InstallationPlan) -> Iterator[Placed[AccountPlan]]:
    """Return every account with its site."""
    return (Placed(site, account) for site in plan.sites for account in site.accounts)


def supplies(plan: InstallationPlan) -> Iterator[Placed[SupplyPlan]]:
    """Return every supply with its site."""
    return (Placed(account.site, supply) for account in accounts(plan) for supply in account.plan.supplies)


def meters(plan: InstallationPlan) -> Iterator[MeterPlan]:
    """Return every meter."""
    return (meter for supply in supplies(plan) for meter in supply.plan.meters)
