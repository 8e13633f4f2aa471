"""Who asks, and what the one who asks may see."""

from dataclasses import dataclass

from meter_bridge.protocol.messages import (
    Role,
)

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a role and what it may see.

    A landlord or caretaker sees the accounts of ``sites`` (``"*"``: all), a tenant or device those of
    ``accounts``.
    """

    name: str
    role: Role
    sites: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    token_id: str | None = None
    """The token that was shown; None for the operator on the local socket."""
    language: str = "en"
    """What the one who asks reads; alerts are told in it."""

    def sees(self, account_id: str, site_id: str) -> bool:
        """Return whether the actor may see an account of a site."""
        if self.role in (Role.LANDLORD, Role.CARETAKER):
            return EVERYTHING in self.sites or site_id in self.sites
        return self.role in (Role.TENANT, Role.DEVICE) and account_id in self.accounts
