"""Metrics for Prometheus."""

from typing import Final

from aiohttp import web

from meter_bridge.api.http.authentication import LANDLORD
from meter_bridge.api.http.endpoint import Call, Endpoint

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@Endpoint("GET", "/metrics", access=LANDLORD, answer="text/plain")
async def get_metrics(call: Call) -> web.Response:
    """Return the metrics in Prometheus' text format."""
    return web.Response(body=call.app.status.metrics(), headers={"Content-Type": CONTENT_TYPE})
