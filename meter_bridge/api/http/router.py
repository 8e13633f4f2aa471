"""Put endpoints into an application, and nothing that is not one."""

from collections.abc import Iterable

from aiohttp import web

from meter_bridge.api.http.endpoint import Endpoint


class UndeclaredRouteError(RuntimeError):
    """A route without declared rights; the API does not start with one."""


def register(app: web.Application, endpoints: Iterable[Endpoint]) -> None:
    """Serve the endpoints, and refuse to start should anybody add a route that is not one."""
    for endpoint in endpoints:
        if not isinstance(endpoint, Endpoint):
            raise UndeclaredRouteError(f"{endpoint!r} declares no rights: decorate it as an endpoint")
        app.router.add_route(endpoint.method, endpoint.path, endpoint.serve)
    app.on_startup.append(check_declared)


async def check_declared(app: web.Application) -> None:
    """Raise where a route's handler is not an endpoint's."""
    for route in app.router.routes():
        if not isinstance(getattr(route.handler, "__self__", None), Endpoint):
            raise UndeclaredRouteError(f"{route.method} {route.resource} declares no rights")
