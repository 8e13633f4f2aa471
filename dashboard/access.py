"""Whom a page is shown to, and which units that lets it show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The sites and accounts that a person may see, as on the bridge's tokens."""

    every_site: bool = False
    sites: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    def parameters(self) -> dict[str, object]:
        """Return the parameters of ``permitted($every, $sites, $accounts)`` in a query."""
        return {"every": self.every_site, "sites": list(self.sites), "accounts": list(self.accounts)}


def current_viewer() -> Viewer:
    """Return who looks: everyone who reaches the loopback address is the landlord."""
    return Viewer(every_site=True)
