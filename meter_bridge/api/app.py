"""The web application: every endpoint over one bridge."""

from collections.abc import Collection
from typing import Final

from aiohttp import web

from meter_bridge.api.http.authentication import THROTTLE
from meter_bridge.api.http.endpoint import APPLICATION, BODY_BYTES, Endpoint, register
from meter_bridge.api.http.errors import error_middleware
from meter_bridge.api.http.headers import ORIGINS, add_security_headers
from meter_bridge.api.http.listener import SOCKETS, OpenSockets
from meter_bridge.api.http.peers import SHARED_SECRET, accept_forwarded
from meter_bridge.api.routes import (
    accounts,
    alerts,
    clock,
    exposure,
    health,
    history,
    info,
    meters,
    metrics,
    notices,
    openapi,
    operations,
    payments,
    policy,
    site,
    statements,
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

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *health.ENDPOINTS,
    *metrics.ENDPOINTS,
    *info.ENDPOINTS,
    *accounts.ENDPOINTS,
    *statements.ENDPOINTS,
    *history.ENDPOINTS,
    *policy.ENDPOINTS,
    *top_ups.ENDPOINTS,
    *vouchers.ENDPOINTS,
    *payments.ENDPOINTS,
    *tenant_page.ENDPOINTS,
    *notices.ENDPOINTS,
    *operations.ENDPOINTS,
    *supply.ENDPOINTS,
    *meters.ENDPOINTS,
    *exposure.ENDPOINTS,
    *alerts.ENDPOINTS,
    *clock.ENDPOINTS,
    *tokens.ENDPOINTS,
    *site.ENDPOINTS,
    *websocket.ENDPOINTS,
    *openapi.ENDPOINTS,
)


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
    app[ORIGINS] = frozenset(origins)
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
