"""Who may call a route; every route declares one of these."""

from dataclasses import dataclass
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role

ANONYMOUS: Final = Actor(name="anonymous", role=Role.UNKNOWN)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may call a route."""

    roles: frozenset[Role] = frozenset()
    needs_all_sites: bool = False
    """Only a token that sees every site."""
    public: bool = False
    """No token at all is wanted."""

    def check(self, actor: Actor) -> None:
        """Raise ``RequestRefused`` where the actor may not call the route."""
        if actor.role not in self.roles:
            raise RequestRefused(
                ErrorCode.NOT_ALLOWED,
                f"a token of role {actor.role} may not do this",
                remedy=f"use a token of role {', '.join(sorted(self.roles))}",
            )
        if self.needs_all_sites and EVERYTHING not in actor.sites:
            raise RequestRefused(
                ErrorCode.NOT_ALLOWED,
                "a token of named sites may not do this: it concerns the whole installation",
                remedy="use a landlord's token of all sites",
            )


PUBLIC: Final = AccessRule(public=True)
ANY_TOKEN: Final = AccessRule(frozenset({Role.LANDLORD, Role.CARETAKER, Role.TENANT, Role.DEVICE}))
LANDLORD: Final = AccessRule(frozenset({Role.LANDLORD}))
LANDLORD_OF_ALL_SITES: Final = AccessRule(frozenset({Role.LANDLORD}), needs_all_sites=True)
LANDLORD_AND_TENANT: Final = AccessRule(frozenset({Role.LANDLORD, Role.TENANT}))
STAFF: Final = AccessRule(frozenset({Role.LANDLORD, Role.CARETAKER}))
STAFF_AND_DEVICE: Final = AccessRule(frozenset({Role.LANDLORD, Role.CARETAKER, Role.DEVICE}))
PEOPLE: Final = AccessRule(frozenset({Role.LANDLORD, Role.CARETAKER, Role.TENANT}))
