"""The OpenAPI document, served."""

from typing import Final

from aiohttp import web
import msgspec

from meter_bridge.api.http.endpoint import Call, Endpoint, endpoint
from meter_bridge.api.http.roles import ANY_TOKEN
from meter_bridge.api.routes.openapi_schema import build_openapi

CATALOGUE: Final[web.AppKey[tuple[Endpoint, ...]]] = web.AppKey("catalogue")
"""The endpoints that are served, for the document that describes them."""


@endpoint("GET", "/api/v1/openapi.json", access=ANY_TOKEN, answer="application/json")
async def get_openapi(call: Call) -> web.Response:
    """Return this document."""
    # Made anew each time: it takes milliseconds, is asked for rarely, and would be the largest thing kept.
    endpoints = call.request.app[CATALOGUE]
    return web.Response(body=msgspec.json.encode(build_openapi(endpoints)), content_type="application/json")


ENDPOINTS: Final[tuple[Endpoint, ...]] = (get_openapi,)
