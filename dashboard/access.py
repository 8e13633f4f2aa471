"""Whom a page is shown to, and which units that lets it show."""

from dataclasses import dataclass, field

from meter_bridge.protocol.messages import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The sites and accounts that a person may see, as on the bridge's tokens."""

    every_site: bool = False
    sites: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    role: Role = Role.LANDLORD
    name: str = ""
    token: str | None = field(default=None, repr=False)
    """What the person's actions go to the bridge with; without one the person only reads."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters of ``permitted($every, $sites, $accounts)`` in a query."""
        return {"every": self.every_site, "sites": list(self.sites), "accounts": list(self.accounts)}

    @property
    def is_staff(self) -> bool:
        """Return whether the pages about the whole property are for this person."""
        return self.role in (Role.LANDLORD, Role.CARETAKER)

    @property
    def sees_money(self) -> bool:
        """Return whether pages may show what was paid and owed, as the bridge's ledger routes have it."""
        return self.role is Role.LANDLORD
