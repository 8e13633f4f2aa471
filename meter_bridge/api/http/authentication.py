"""Who sends a request, also one that another bridge forwards, and who may see and do what."""

from dataclasses import dataclass, replace
import hmac
import socket
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.engine.access.throttle import Throttle
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, AlertView, ErrorCode, Event, Role, Snapshot, Update
from meter_bridge.runtime.application import Application
from meter_bridge.text.catalogue import accepted

LOCAL_OPERATOR: Final = Actor(name="local operator", role=Role.LANDLORD, sites=frozenset({EVERYTHING}))
ANONYMOUS: Final = Actor(name="anonymous", role=Role.UNKNOWN)
THROTTLE: Final = web.AppKey("throttle", Throttle)
ACTOR: Final = web.RequestKey("actor", Actor)
"""Who sent the request, for the access log."""
MAX_TOKEN_CHARACTERS: Final = 256
SESSION_COOKIE: Final = "prepaid_session"
PAGE_HEADER: Final = "Prepaid-Page"
"""Sent by the tenant's page with whatever changes something; a page of another origin cannot send it."""
_READ_METHODS: Final = frozenset({"GET", "HEAD"})
_REMEDY: Final = "send 'Authorization: Bearer pmb_…' with a token made by 'meter-bridge token create'"

SHARD_HEADER: Final = "Prepaid-Shard"
"""The shard that a request concerns, as found by the bridge that received it."""
PROOF_HEADER: Final = "Prepaid-Word"
SENDER_HEADER: Final = "Prepaid-Sender"
"""Address of the original sender."""
SCHEME_HEADER: Final = "Prepaid-Scheme"
"""``https`` if the sender used TLS."""
OPERATOR_HEADER: Final = "Prepaid-Operator"
"""Sent if the sender was the local operator of that bridge's machine."""
SHARED_SECRET: Final = web.AppKey("word", str)
"""Known to whoever can read the table of leases; empty where requests are not forwarded."""
FORWARDED_REQUEST: Final = web.RequestKey("as_passed_on", web.Request)
FORWARDED_FOR_OPERATOR: Final = web.RequestKey("passed_on_for_operator", bool)


@web.middleware
async def accept_forwarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Trust another bridge's headers about the original sender; ignore them from anybody else."""
    secret, proof = request.app[SHARED_SECRET], request.headers.get(PROOF_HEADER, "")
    if secret and hmac.compare_digest(proof.encode(), secret.encode()):
        forwarded = request.clone(
            remote=request.headers.get(SENDER_HEADER, request.remote or ""),
            scheme=request.headers.get(SCHEME_HEADER, request.scheme),
        )
        forwarded[FORWARDED_FOR_OPERATOR] = OPERATOR_HEADER in request.headers
        try:
            return await handler(forwarded)
        finally:
            # For the access log, which is written for the request as it came.
            request[FORWARDED_REQUEST] = forwarded
    return await handler(request)


def actor_of(request: web.Request, app: Application) -> Actor:
    """Return who sends a request, and in which language; raise ``RequestRefused`` for a wrong token."""
    actor = _sender(request, app)
    language = accepted(request.headers.get("Accept-Language", ""))
    request[ACTOR] = actor = actor if language == actor.language else replace(actor, language=language)
    return actor


def _sender(request: web.Request, app: Application) -> Actor:
    headers = request.headers.getall("Authorization", [])
    local = is_unix_socket(request) or request.get(FORWARDED_FOR_OPERATOR, False)
    if not headers and local:
        actor: Actor | None = LOCAL_OPERATOR
    elif headers:
        actor = app.tokens.authenticate(_token(headers))
    elif SESSION_COOKIE in request.cookies:
        return _customer_of_session(request, app)
    else:
        raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "a token is wanted here", remedy=_REMEDY)
    if actor is None:
        raise _wrong_token(request)
    return actor


def sender_or_anonymous(request: web.Request, app: Application) -> Actor:
    """Return who sends a request to a route that is served to everybody, whatever token they have."""
    try:
        return actor_of(request, app)
    except RequestRefused:
        return ANONYMOUS


def _customer_of_session(request: web.Request, app: Application) -> Actor:
    actor = app.page.access.actor_of(request.cookies[SESSION_COOKIE])
    if actor is None:
        raise RequestRefused(
            ErrorCode.NOT_AUTHENTICATED,
            "this session has ended",
            field="Cookie",
            remedy="sign in at /my/ again",
        )
    if request.method not in _READ_METHODS and PAGE_HEADER not in request.headers:
        raise RequestRefused(
            ErrorCode.NOT_ALLOWED,
            "a session of the tenant's page changes things through that page alone",
            field=PAGE_HEADER,
            remedy=f"send the header {PAGE_HEADER}: 1, or use a token",
        )
    return actor


def is_unix_socket(request: web.Request) -> bool:
    """Return whether the sender reached the socket in the data folder, which only the local operator can."""
    peer = None if request.transport is None else request.transport.get_extra_info("socket")
    return peer is not None and peer.family == socket.AF_UNIX


def _token(headers: list[str]) -> str:
    """Return the one bearer token; an empty text, which no token is, for anything else."""
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or len(token) > MAX_TOKEN_CHARACTERS:
        return ""
    return token.strip()


def _wrong_token(request: web.Request) -> RequestRefused:
    if request.app[THROTTLE].count_wrong_token(request.remote or "local"):
        return RequestRefused(
            ErrorCode.TOO_MANY_REQUESTS,
            "too many wrong tokens were sent from this address",
            remedy="correct the token and wait a minute",
        )
    return RequestRefused(
        ErrorCode.NOT_AUTHENTICATED,
        "the token is unknown, expired or revoked",
        field="Authorization",
        remedy=_REMEDY,
    )


def may_see_account(actor: Actor, account: AccountView) -> bool:
    """Return whether the actor may see the account."""
    return actor.sees(account.id, account.site_id)


def may_see_alert(actor: Actor, alert: AlertView) -> bool:
    """Return whether an alert concerns the actor: a tenant's are the own account's and the bridge's."""
    return _concerns(actor, alert.account_id, alert.meter_id)


def visible_part(actor: Actor, message: Snapshot | Event | Update) -> Snapshot | Event | Update | None:
    """Return what the actor may see of a message of the stream, or None where that is nothing."""
    match message:
        case Event():
            return message if _concerns(actor, message.account_id, message.meter_id) else None
        case Snapshot():
            return _visible_snapshot(actor, message)
        case Update():
            return _visible_update(actor, message)


def _visible_update(actor: Actor, update: Update) -> Update | None:
    seen = replace(
        update,
        accounts=_visible_accounts(actor, update.accounts),
        removed=tuple(account_id for account_id in update.removed if _concerns(actor, account_id, None)),
        alerts=None if update.alerts is None else _visible_alerts(actor, update.alerts),
    )
    return seen if seen.accounts or seen.removed or seen.alerts is not None else None


def _visible_snapshot(actor: Actor, snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        accounts=_visible_accounts(actor, snapshot.accounts),
        unassigned_meters=() if actor.role is Role.TENANT else snapshot.unassigned_meters,
        alerts=_visible_alerts(actor, snapshot.alerts),
    )


def _visible_accounts(actor: Actor, accounts: tuple[AccountView, ...]) -> tuple[AccountView, ...]:
    return tuple(account for account in accounts if may_see_account(actor, account))


def _visible_alerts(actor: Actor, alerts: tuple[AlertView, ...]) -> tuple[AlertView, ...]:
    return tuple(alert for alert in alerts if may_see_alert(actor, alert))


def _concerns(actor: Actor, account_id: str | None, meter_id: str | None) -> bool:
    if actor.role is not Role.TENANT:
        return True
    return account_id in actor.accounts or (account_id is None and meter_id is None)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may call a route."""

    roles: frozenset[Role] = frozenset()
    needs_all_sites: bool = False
    """Only a token that sees every site."""
    public: bool = False
    """Needs no token."""

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
