"""Who the bridge is, and who asks."""

from dataclasses import dataclass

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.api.http.authentication import ANY_TOKEN, PUBLIC
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.api.http.examples import INFO
from meter_bridge.protocol.messages import Role, ServerInfo


@dataclass(frozen=True, slots=True)
class Me:
    """Identity of the token."""

    role: Role
    name: str
    accounts: tuple[str, ...] | None
    """Ids of the accounts of a tenant or device; None where sites decide."""
    sites: tuple[str, ...] | None
    """Ids of the sites of a landlord or caretaker; None for all sites, and where accounts decide."""


@Endpoint("GET", "/api/v1/info", access=PUBLIC, answer=ServerInfo, answer_example=INFO)
async def get_info(call: Call) -> Reply:
    """Return the bridge's identity and the schema versions that it supports."""
    return Reply(call.app.status.info())


@Endpoint("GET", "/api/v1/me", access=ANY_TOKEN, answer=Me)
async def get_me(call: Call) -> Reply:
    """Return the identity of the token."""
    return Reply(me(call.actor))


def me(actor: Actor) -> Me:
    """Return what an actor may know of itself."""
    if actor.role in (Role.LANDLORD, Role.CARETAKER):
        sites = None if EVERYTHING in actor.sites else tuple(sorted(actor.sites))
        return Me(actor.role, actor.name, None, sites)
    return Me(actor.role, actor.name, tuple(sorted(actor.accounts)), None)
