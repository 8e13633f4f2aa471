"""The bridge's health, metrics and identity, and the identity of a token."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from aiohttp import web

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.api.http.authentication import (
    ANY_TOKEN,
    LANDLORD_OF_ALL_SITES,
    PUBLIC,
    STAFF,
    sender_or_anonymous,
)
from meter_bridge.api.http.endpoint import Call, Endpoint, Reply
from meter_bridge.api.http.examples import INFO
from meter_bridge.engine.state.session import Health
from meter_bridge.protocol.messages import Role, ServerInfo

DOWN: Final = "down"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Me:
    """Identity of the token."""

    role: Role
    name: str
    accounts: tuple[str, ...] | None
    """Ids of the accounts of a tenant or device; None where sites decide."""
    sites: tuple[str, ...] | None
    """Ids of the sites of a landlord or caretaker; None for all sites, and where accounts decide."""


@Endpoint(
    "GET",
    "/health",
    access=PUBLIC,
    answer=Health,
    live=True,
    other_status={HTTPStatus.SERVICE_UNAVAILABLE: "The bridge is down."},
)
async def get_health(call: Call) -> Reply:
    """Return `ok`, `degraded` or `down`; with a staff token of all sites also the reasons."""
    health = call.app.status.health()
    if not _sees_everything(sender_or_anonymous(call.request, call.app)):
        health = replace(health, reasons=())
    return Reply(health, HTTPStatus.SERVICE_UNAVAILABLE if health.status == DOWN else HTTPStatus.OK)


def _sees_everything(actor: Actor) -> bool:
    return actor.role in STAFF.roles and EVERYTHING in actor.sites


@Endpoint("GET", "/metrics", access=LANDLORD_OF_ALL_SITES, answer="text/plain", live=True)
async def get_metrics(call: Call) -> web.Response:
    """Return the metrics in Prometheus' text format."""
    return web.Response(body=call.app.status.metrics(), headers={"Content-Type": METRICS_TYPE})


@Endpoint("GET", "/api/v1/info", access=PUBLIC, answer=ServerInfo, answer_example=INFO, live=True)
async def get_info(call: Call) -> Reply:
    """Return the bridge's identity and the schema versions that it supports."""
    return Reply(call.app.status.info())


@Endpoint("GET", "/api/v1/me", access=ANY_TOKEN, answer=Me, live=True)
async def get_me(call: Call) -> Reply:
    """Return the identity of the token."""
    actor = call.actor
    if actor.role in (Role.LANDLORD, Role.CARETAKER):
        sites = None if EVERYTHING in actor.sites else tuple(sorted(actor.sites))
        return Reply(Me(actor.role, actor.name, None, sites))
    return Reply(Me(actor.role, actor.name, tuple(sorted(actor.accounts)), None))
