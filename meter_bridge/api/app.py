"""The web application: every endpoint over one bridge."""

from collections.abc import Collection
from typing import Final

from aiohttp import web

from meter_bridge.api.http.authentication import SHARED_SECRET, THROTTLE, accept_forwarded
from meter_bridge.api.http.connection import add_security_headers
from meter_bridge.api.http.endpoint import APPLICATION, BODY_BYTES, endpoints_of, register
from meter_bridge.api.http.errors import error_middleware
from meter_bridge.api.http.listener import SOCKETS, OpenSockets
from meter_bridge.api.routes import (
    accounts,
    alerts,
    clock,
    exposure,
    history,
    meters,
    notices,
    openapi,
    operations,
    payments,
    policy,
    site,
    statements,
    status,
    supply,
    tenant_page,
    tokens,
    top_ups,
    vouchers,
    websocket,
)
from meter_bridge.engine.access.throttle import Throttle
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.runtime.application import Application
from meter_bridge.tenant_page.files import PageFiles

ENDPOINTS: Final = tuple(
    endpoints_of(
        status,
        accounts,
        statements,
        history,
        policy,
        top_ups,
        vouchers,
        payments,
        tenant_page,
        notices,
        operations,
        supply,
        meters,
        exposure,
        alerts,
        clock,
        tokens,
        site,
        websocket,
        openapi,
    )
)
"""In the order of the OpenAPI document."""


def build_app(
    application: Application,
    *,
    origins: Collection[str] = (),
    throttle: Throttle | None = None,
    shared_secret: str = "",
) -> web.Application:
    """Return the web application that serves a bridge; ``origins`` are web pages that may open a WebSocket.

    ``shared_secret`` is that of the worker which passes requests on.
    """
    app = web.Application(
        middlewares=[error_middleware, accept_forwarded] if shared_secret else [error_middleware],
        client_max_size=BODY_BYTES,
    )
    sockets = OpenSockets()
    app[APPLICATION] = application
    app[websocket.ORIGINS] = frozenset(origins)
    app[SHARED_SECRET] = shared_secret
    app[SOCKETS] = sockets
    app[statements.TYPESETTER] = Typesetter()
    app[tenant_page.FILES] = PageFiles()
    app[THROTTLE] = throttle or Throttle()
    app[openapi.CATALOGUE] = ENDPOINTS
    register(app, ENDPOINTS)
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(sockets.close_all)
    return app
