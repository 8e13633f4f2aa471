"""Say who sends a request."""

import socket
from typing import Final

from aiohttp import web

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.api.http.peers import FORWARDED_FOR_OPERATOR
from meter_bridge.engine.access.throttle import Throttle
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.runtime.application import Application

LOCAL_OPERATOR: Final = Actor(name="local operator", role=Role.LANDLORD, sites=frozenset({EVERYTHING}))
THROTTLE: Final = web.AppKey("throttle", Throttle)
ACTOR: Final = web.RequestKey("actor", Actor)
"""Who sent the request, for the access log."""
MAX_TOKEN_CHARACTERS: Final = 256
SESSION_COOKIE: Final = "prepaid_session"
PAGE_HEADER: Final = "Prepaid-Page"
"""Sent by the tenant's page with whatever changes something; a page of another origin cannot send it."""
_READ_METHODS: Final = frozenset({"GET", "HEAD"})
_REMEDY: Final = "send 'Authorization: Bearer pmb_…' with a token made by 'meter-bridge token create'"


def actor_of(request: web.Request, app: Application) -> Actor:
    """Return who sends a request; raise ``RequestRefused`` where its token is missing or wrong."""
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
    request[ACTOR] = actor
    return actor


def _customer_of_session(request: web.Request, app: Application) -> Actor:
    """Return the customer of a session of the tenant's page."""
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
    request[ACTOR] = actor
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
